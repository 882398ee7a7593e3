package giotest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/glibloop"
)

// Main runs the tests of a package, for its TestMain, and returns the exit status. It
// wants everything back at the end that a test took: goroutines, descriptors,
// GSocketConnections, and what registered tells that the library still knows.
func Main(m *testing.M, registered func() (listeners, sources int)) int {
	if name := os.Getenv(helperVariable); name != "" {
		return runHelper(name)
	}
	netfd.CountConnections.Store(true)
	if err := WarmUp(); err != nil {
		fmt.Fprintln(os.Stderr, "the library does not work at all:", err)
		return 1
	}
	before := take(registered)
	code := m.Run()
	// Fuzzing has goroutines of its own; its targets look for themselves.
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	if code == 0 && !fuzzing {
		code = before.compare(registered)
	}
	return code
}

// WarmUp has Go and GLib open what they keep for good, such as the poller.
func WarmUp() error {
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

// Wrapped counts the connections that a test asked for as gotk4's object, whose
// wrapper keeps them for good.
var Wrapped atomic.Int64

// stock is what is in use at some time.
type stock struct {
	goroutines, descriptors, connections, listeners, sources int
}

func take(registered func() (listeners, sources int)) stock {
	accepted, finalized := netfd.Counted()
	s := stock{
		goroutines:  runtime.NumGoroutine(),
		descriptors: len(Descriptors()) - netlinkSockets() - 2*int(pipesOfExec.Load()),
		connections: int(accepted-finalized) - int(Wrapped.Load()),
	}
	s.listeners, s.sources = registered()
	return s
}

// compare returns the exit status. What ends in the background has some time.
func (before stock) compare(registered func() (listeners, sources int)) int {
	var now stock
	for end := time.Now().Add(Patience); ; time.Sleep(10 * time.Millisecond) {
		// What was closed on the default loop ends when that is iterated.
		for glibloop.Default().MainContext().Iteration(false) {
		}
		runtime.GC()
		now = take(registered)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors &&
			now.connections == before.connections && now.listeners <= before.listeners && now.sources <= before.sources {
			return 0
		}
		if time.Now().After(end) {
			break
		}
	}
	fmt.Fprintf(os.Stderr, "FAIL: not everything came back: before %+v, after %+v\n", before, now)
	for fd, what := range Descriptors() {
		fmt.Fprintf(os.Stderr, "  %d: %s %s\n", fd, what, describe(fd))
	}
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	return 1
}
