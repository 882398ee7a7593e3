package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// need finds one of some programs. Where none is, the test is skipped; in CI
// it fails.
func need(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		require.Fail(t, "not installed: "+strings.Join(names, ", "))
	}
	t.Skip("not installed: ", strings.Join(names, ", "))
	return ""
}

// terminal is somebody with a program that passes lines on, such as nc.
type terminal struct {
	t     *testing.T
	in    io.Writer
	lines *bufio.Reader
}

// startPeer runs such a program until the end of the test.
func startPeer(t *testing.T, path string, args ...string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*servertest.Patience)
	cmd := exec.CommandContext(ctx, path, args...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return &terminal{t: t, in: in, lines: bufio.NewReader(out)}
}

func (p *terminal) send(line string) {
	p.t.Helper()
	_, err := io.WriteString(p.in, line+"\n")
	require.NoError(p.t, err)
}

// expect reads up to a line with that text in it.
func (p *terminal) expect(text string) {
	p.t.Helper()
	var before []string
	for {
		line, err := p.lines.ReadString('\n')
		require.NoError(p.t, err, "waiting for %q after %q", text, before)
		if strings.Contains(line, text) {
			return
		}
		before = append(before, line)
	}
}
