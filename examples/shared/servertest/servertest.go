// Package servertest runs an example server as the process that its users
// run. The test binary is that program too, so nothing has to be built, and
// under -race the server is checked as well.
package servertest

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Patience is how long anything may take that should be there at once.
const Patience = 30 * time.Second

// AsProgram is the variable by which a test binary knows that it is to be the
// program. Whoever starts it in between, and clears the environment, has to be
// told to pass it on.
const AsProgram = "GLIBSERVE_TEST_AS_PROGRAM"

// Main is the TestMain of a program's tests: it runs the tests or, in a
// process that Start started, the program.
func Main(m *testing.M, program func()) {
	if os.Getenv(AsProgram) != "" {
		program()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Process is a running server.
type Process struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process is gone and all output is here

	mu      sync.Mutex // guards the two below, which grow while the process runs
	lines   []string   // of standard output
	changed chan struct{}

	stderr lockedBuffer
}

// Start runs the program with a command line. The end of the test kills it.
func Start(t *testing.T, args ...string) *Process {
	t.Helper()
	return StartCommand(t, exec.Command(Self(t), args...))
}

// Self is the path of the test binary, which is the program where AsProgram is
// set.
func Self(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return self
}

// StartCommand runs a command that is the program or becomes it, or a program
// that was built. What cmd.Env has is added to the environment of the test.
func StartCommand(t *testing.T, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, cmd: cmd, exited: make(chan struct{}), changed: make(chan struct{}, 1)}
	p.cmd.Env = append(append(os.Environ(), AsProgram+"=1"), cmd.Env...)
	p.cmd.Stderr = &p.stderr
	stdout, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.exited)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.mu.Lock()
			p.lines = append(p.lines, scanner.Text())
			p.mu.Unlock()
			select {
			case p.changed <- struct{}{}:
			default:
			}
		}
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("standard output:\n%s\nstandard error:\n%s", p.Stdout(), p.Stderr())
		}
	})
	return p
}

// Addrs waits until the server says that it listens on n addresses, and
// returns them.
func (p *Process) Addrs(n int) []net.Addr {
	p.t.Helper()
	timeout := time.After(Patience)
	for {
		if addrs := p.announced(); len(addrs) == n {
			return addrs
		}
		select {
		case <-p.changed:
		case <-p.exited:
			require.Len(p.t, p.announced(), n, "the server ended")
		case <-timeout:
			require.Fail(p.t, "the server does not listen")
		}
	}
}

// announced reads the lines "listening on NETWORK ADDRESS", with or without
// the protocol behind it.
func (p *Process) announced() (addrs []net.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.lines {
		where, ok := strings.CutPrefix(line, "listening on ")
		require.True(p.t, ok, line)
		network, address, ok := strings.Cut(where, " ")
		require.True(p.t, ok, line)
		address, _, _ = strings.Cut(address, " with ")
		if network == "unix" {
			addrs = append(addrs, &net.UnixAddr{Net: "unix", Name: address})
			continue
		}
		addr, err := net.ResolveTCPAddr(network, address)
		require.NoError(p.t, err)
		require.NotZero(p.t, addr.Port, "the effective port is announced")
		addrs = append(addrs, addr)
	}
	return addrs
}

// Signal sends a signal.
func (p *Process) Signal(signal os.Signal) {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(signal))
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process without a chance to say goodbye, and waits for that.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	return err
}

// Wait waits for the end and returns the exit status, -1 for a signal.
func (p *Process) Wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(Patience):
		require.Fail(p.t, "the server does not end")
		return -1
	}
}

// Stdout is what the process has written to its standard output.
func (p *Process) Stdout() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// Stderr is what the process has written to its standard error.
func (p *Process) Stderr() string { return p.stderr.String() }

// lockedBuffer can be read while exec copies to it.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
