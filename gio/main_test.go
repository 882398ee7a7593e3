package gio_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// TestMain wants everything back at the end of the suite that a test took:
// goroutines, descriptors, GSocketConnections, and the library's own books.
func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		os.Exit(runHelper(name))
	}
	slog.SetLogLoggerLevel(slog.LevelWarn) // counting makes Close talk
	gio.CountConnections()
	if err := warmUp(); err != nil {
		fmt.Fprintln(os.Stderr, "the library does not work at all:", err)
		os.Exit(1)
	}
	before := take()
	code := m.Run()
	// Fuzzing has goroutines of its own; its targets look for themselves.
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	if code == 0 && !fuzzing {
		code = before.compare()
	}
	os.Exit(code)
}

// warmUp has Go and GLib open what they keep for good, such as the poller.
func warmUp() error {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	peer, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return err
	}
	defer peer.Close()
	c, _, err := l.Accept(context.Background())
	if err != nil {
		return err
	}
	return errors.Join(c.SetDeadline(time.Now().Add(time.Minute)), c.Close())
}

// wrapped counts the connections that a test asked for as gotk4's object, whose
// wrapper keeps them for good.
var wrapped atomic.Int64

// stock is what is in use at some time.
type stock struct {
	goroutines, descriptors, connections, listeners, sources int
}

func take() stock {
	accepted, finalized := gio.Counted()
	s := stock{
		goroutines:  runtime.NumGoroutine(),
		descriptors: len(descriptors()),
		connections: int(accepted-finalized) - int(wrapped.Load()),
	}
	s.listeners, s.sources = gio.Registered()
	return s
}

// compare returns the exit status. What ends in the background has some time.
func (before stock) compare() int {
	var now stock
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		// What was closed on the default loop ends when that is iterated.
		for glibloop.Default().MainContext().Iteration(false) {
		}
		runtime.GC()
		now = take()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors &&
			now.connections == before.connections && now.listeners <= before.listeners && now.sources <= before.sources {
			return 0
		}
		if time.Now().After(end) {
			break
		}
	}
	fmt.Fprintf(os.Stderr, "FAIL: not everything came back: before %+v, after %+v\n", before, now)
	for fd, what := range descriptors() {
		fmt.Fprintf(os.Stderr, "  %d: %s\n", fd, what)
	}
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	return 1
}

// Some promises can only be seen in a process of their own: as another user, in
// another directory, out of descriptors. Such a test runs this program again.

const helperVariable = "GLIBSERVE_TEST_HELPER"

var helpers = map[string]func(args []string) error{}

func runHelper(name string) int {
	f := helpers[name]
	if f == nil {
		fmt.Fprintln(os.Stderr, "no helper named", name)
		return 2
	}
	if err := f(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// helper prepares a run of one of the helpers.
func helper(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	require.Contains(t, helpers, name)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), helperVariable+"="+name)
	return cmd
}

// mustRun wants the helper to succeed; what it wrote is the failure's reason.
func mustRun(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, strings.TrimSpace(string(out)))
}
