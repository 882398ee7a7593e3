package interop_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

// A peer is one of the programs in testdata/peer.
type peer struct {
	name    string
	command func(t *testing.T) []string // to put before the arguments
}

var peers = []peer{
	{"C", func(t *testing.T) []string {
		return compileC(t, "testdata/peer/peer.c", "testdata/peer/client.c", "testdata/peer/server.c")
	}},
	{"Python", func(t *testing.T) []string {
		return []string{testprogram.PyGObject(t), "testdata/peer/peer.py"}
	}},
	{"JavaScript", func(t *testing.T) []string {
		return []string{testprogram.Find(t, "gjs", "gjs"), "testdata/peer/peer.js"}
	}},
	{"Vala", func(t *testing.T) []string {
		bin := filepath.Join(t.TempDir(), "peer")
		// Without the C compiler's warnings: they are about what valac wrote.
		run(t, testprogram.Find(t, "valac", "valac"), "-X", "-w", "--pkg", "gio-2.0", "--pkg", "gio-unix-2.0",
			"-d", filepath.Dir(bin), "-o", filepath.Base(bin), "testdata/peer/peer.vala")
		return []string{bin}
	}},
}

func compileC(t *testing.T, sources ...string) []string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	flags := run(t, "pkg-config", "--cflags", "--libs", "gio-2.0", "gio-unix-2.0")
	args := []string{testprogram.Find(t, "gcc", "gcc"), "-std=gnu11", "-Wall", "-Werror", "-o", bin}
	run(t, slices.Concat(args, sources, strings.Fields(flags))...)
	return []string{bin}
}

// run wants a program to succeed, and returns its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := child(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%q: %s", args, &stderr)
	return string(out)
}

// child is a program that knows nothing of how this test is run: with
// G_DEBUG=fatal-criticals a peer would end at what it is made to provoke, and
// GIO's criticals in it are not ours.
func child(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "G_") || strings.HasPrefix(v, "GLIBSERVE_")
	})
	return cmd
}

// complaints are GLib's own in what a program wrote to standard error.
func complaints(stderr []byte) (lines []string) {
	for line := range bytes.Lines(stderr) {
		if bytes.Contains(line, []byte("-CRITICAL **")) || bytes.Contains(line, []byte("-WARNING **")) {
			lines = append(lines, string(line))
		}
	}
	return lines
}
