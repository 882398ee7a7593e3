package main

// Not an external test: a command cannot be imported.

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/examples/shared/windowtest"
)

func TestMain(m *testing.M) { servertest.Main(m, main) }

func TestLinesAreShown(t *testing.T) {
	d, p, path := windowtest.Start(t, "gtkhello.sock")
	last := windowtest.Settled(t, d)
	for _, lines := range []string{
		"Hello from a terminal\n",
		"The newest ten lines are shown\n",
		strings.Repeat("Many at once\n", 3) + "Not UTF-8: \xff\n",
	} {
		c, err := net.Dial("unix", path)
		require.NoError(t, err)
		_, err = c.Write([]byte(lines))
		require.NoError(t, err)
		last = windowtest.Changed(t, d, last)
		require.NoError(t, c.Close())
	}
	windowtest.Save(t, last, 480, 320)
	p.Signal(os.Interrupt)
	require.Zero(t, p.Wait())
	require.Empty(t, p.Stderr())
	require.NoFileExists(t, path)
}

func TestASecondOneSaysWhy(t *testing.T) {
	_, first, path := windowtest.Start(t, "gtkhello.sock")
	second := servertest.Start(t)
	require.Equal(t, 1, second.Wait())
	require.Contains(t, second.Stderr(), path)
	require.Contains(t, second.Stderr(), "Address already in use")
	first.Signal(syscall.SIGTERM)
	require.Zero(t, first.Wait())
	require.NoFileExists(t, path)
}

func TestREADMEQuotesThisProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```go\n"+string(program)+"```\n")
}
