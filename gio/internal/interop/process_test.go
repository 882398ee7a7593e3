package interop_test

import (
	"bufio"
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long anything may take that should be there at once.
const patience = time.Minute

// A process is a peer that runs. The end of the test kills it.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.Closer
	lines  chan string // of standard output; closed at its end
	stderr bytes.Buffer
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: child(args...), lines: make(chan string, 64)}
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.cmd.Stderr = &p.stderr
	require.NoError(t, p.cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	// It ends by itself, or in time.
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	t.Cleanup(func() {
		timer.Stop()
		_ = p.cmd.Process.Kill()
		for range p.lines {
		}
		<-read
		_ = p.cmd.Wait() // of no interest after wait
		if t.Failed() {
			t.Logf("%q wrote to standard error:\n%s", args, &p.stderr)
		}
	})
	return p
}

// line is the next line of standard output.
func (p *process) line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		require.True(p.t, ok, "the peer has ended")
		return line
	case <-time.After(patience):
		require.Fail(p.t, "the peer says nothing")
		return ""
	}
}

// listening is the address in the line with which a server begins.
func (p *process) listening() string {
	p.t.Helper()
	address, ok := strings.CutPrefix(p.line(), "listening ")
	require.True(p.t, ok)
	return address
}

// end waits for a good end and returns what else there is on standard output. A
// server is told to end first.
func (p *process) end() (lines []string) {
	p.t.Helper()
	_ = p.stdin.Close()
	for line := range p.lines {
		lines = append(lines, line)
	}
	require.NoError(p.t, p.cmd.Wait())
	require.Empty(p.t, complaints(p.stderr.Bytes()))
	return lines
}
