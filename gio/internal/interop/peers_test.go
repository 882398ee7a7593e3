package interop_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A peer is one of the programs in testdata/peer.
type peer struct {
	name string
	// prepare returns the command line to put before the arguments, or the
	// package (Debian's name) that is missing.
	prepare func(dir string) (command []string, missing string, err error)
}

var peers = []peer{
	{"C", func(dir string) ([]string, string, error) { return compileC(dir, "testdata/peer/peer.c") }},
	{"Python", func(string) ([]string, string, error) {
		python := pygobject()
		if python == "" {
			return nil, "python3-gi", nil
		}
		return []string{python, "testdata/peer/peer.py"}, "", nil
	}},
	{"JavaScript", func(string) ([]string, string, error) {
		gjs, err := exec.LookPath("gjs")
		if err != nil {
			return nil, "gjs", nil
		}
		return []string{gjs, "testdata/peer/peer.js"}, "", nil
	}},
	{"Vala", func(dir string) ([]string, string, error) {
		return compile(dir, "valac", func(bin string) []string {
			// Without the C compiler's warnings: they are about what valac wrote.
			return []string{"valac", "-X", "-w", "--pkg", "gio-2.0", "--pkg", "gio-unix-2.0", "-d", filepath.Dir(bin), "-o", filepath.Base(bin), "testdata/peer/peer.vala"}
		})
	}},
}

func compileC(dir, source string) ([]string, string, error) {
	return compile(dir, "gcc libglib2.0-dev", func(bin string) []string {
		flags, err := child("pkg-config", "--cflags", "--libs", "gio-2.0", "gio-unix-2.0").Output()
		if err != nil {
			return nil
		}
		return append([]string{"gcc", "-std=gnu11", "-Wall", "-Werror", "-o", bin, source}, strings.Fields(string(flags))...)
	})
}

// compile runs what makes bin.
func compile(dir, pkg string, command func(bin string) []string) ([]string, string, error) {
	bin := filepath.Join(dir, "peer")
	args := command(bin)
	if len(args) == 0 {
		return nil, pkg, nil
	}
	if _, err := exec.LookPath(args[0]); err != nil {
		return nil, pkg, nil
	}
	if out, err := child(args...).CombinedOutput(); err != nil {
		return nil, "", &failure{err, string(out)}
	}
	return []string{bin}, "", nil
}

type failure struct {
	err    error
	output string
}

func (f *failure) Error() string { return f.err.Error() + "\n" + f.output }

// command is the peer's command line, prepared now. A peer that is missing fails
// the test in CI: scripts/deps --test installs them all.
func (p peer) command(t *testing.T) []string {
	t.Helper()
	command, missing, err := p.prepare(t.TempDir())
	require.NoError(t, err)
	if missing != "" {
		lack(t, missing)
	}
	return command
}

// lack ends a test whose peer is not installed.
func lack(t testing.TB, pkg string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		require.Fail(t, "not installed: "+pkg)
	}
	t.Skip("not installed: " + pkg)
}

// pygobject is a Python that has PyGObject, "" for none: the system's own one,
// when another comes first in PATH.
var pygobject = sync.OnceValue(func() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if child(name, "-c", "from gi.repository import Gio").Run() == nil {
			return name
		}
	}
	return ""
})

// child is a program that knows nothing of how this test is run: with
// G_DEBUG=fatal-criticals a peer would end at what it is made to provoke, and
// GIO's criticals in it are not ours.
func child(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "G_") || strings.HasPrefix(name, "GLIBSERVE_")
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
