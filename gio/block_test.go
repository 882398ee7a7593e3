package gio_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
	"github.com/glibserve/glibserve/glibloop"
)

// Handlers that are blocked for a while.

// answers connects a handler of "incoming" that answers with its name.
func answers(svc *gio.SocketService, name string) gio.SignalHandle {
	return svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		answer(c, name)
		return true
	})
}

func answer(c *gio.SocketConnection, name string) {
	_, _ = c.Write([]byte(name))
	_ = c.Close()
}

func requireAnswer(t testing.TB, c net.Conn, name string) {
	t.Helper()
	b := make([]byte, len(name))
	_, err := c.Read(b)
	require.NoError(t, err)
	require.Equal(t, name, string(b))
}

// With every handler blocked nobody is accepted, as with no handler; who waited
// is served when the first of them is unblocked.
func TestClientsWaitWhileHandlersAreBlocked(t *testing.T) {
	svc, addr := newService(t, nil)
	h := answers(svc, "h")
	requireAnswer(t, dial(t, addr), "h")
	svc.Block(h)
	waiting := []net.Conn{dial(t, addr), dial(t, addr)}
	svc.Sync()
	require.Equal(t, 1, int(svc.Stats().Accepted), "who comes now is not accepted")
	svc.Unblock(h)
	for _, c := range waiting {
		requireAnswer(t, c, "h")
	}
}

// The same for "run".
func TestClientsWaitWhileRunIsBlocked(t *testing.T) {
	svc := gio.NewThreadedSocketService(4, nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool { answer(c, "r"); return true })
	requireAnswer(t, dial(t, addr), "r")
	svc.Block(r)
	c := dial(t, addr)
	svc.Sync()
	require.Equal(t, 1, int(svc.Stats().Accepted))
	svc.Unblock(r)
	requireAnswer(t, c, "r")
}

// Serve takes over while the handlers are blocked, and keeps nothing from them
// afterwards.
func TestServeTakesWhatABlockedHandlerWould(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		svc, addr := newService(t, nil)
		h := answers(svc, "h")
		serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { answer(c, "s") })
		requireAnswer(t, dial(t, addr), "h")
		svc.Block(h)
		requireAnswer(t, dial(t, addr), "s")
		svc.Unblock(h)
		requireAnswer(t, dial(t, addr), "h")
	})
}

// As GObject counts: so many Unblocks as there were Blocks. Unblocking one that is
// not blocked is a critical in C, and nothing here.
func TestBlocksCount(t *testing.T) {
	logs := gobject.Logs()
	svc, addr := newService(t, nil)
	first, second := answers(svc, "1"), answers(svc, "2")
	svc.Block(first)
	svc.Block(first)
	requireAnswer(t, dial(t, addr), "2")
	svc.Unblock(first)
	requireAnswer(t, dial(t, addr), "2")
	svc.Unblock(first)
	requireAnswer(t, dial(t, addr), "1")
	svc.Unblock(first)
	svc.Block(first)
	requireAnswer(t, dial(t, addr), "2")
	svc.Unblock(first)
	svc.Disconnect(second)
	for _, unknown := range []gio.SignalHandle{second, 0, 1 << 40} {
		svc.Block(unknown)
		svc.Unblock(unknown)
		svc.Unblock(unknown)
	}
	requireAnswer(t, dial(t, addr), "1")
	require.NoError(t, svc.Close())
	svc.Block(first)
	svc.Unblock(first)
	require.Equal(t, logs, gobject.Logs(), "GLib has logged something")
}

// A handler that is unblocked has the place among the others that it had, those of
// other code included.
func TestUnblockedHandlerHasItsPlace(t *testing.T) {
	svc, addr := newService(t, nil)
	h := answers(svc, "h")
	var c gobject.Handler
	o := native(svc)
	onLoop(t, svc.Loop(), func() { c = gobject.Take(o) })
	defer onLoop(t, svc.Loop(), c.Disconnect)
	svc.Block(h)
	say(t, dial(t, addr), "to the handler in C")
	svc.Unblock(h)
	requireAnswer(t, dial(t, addr), "h")
	require.Equal(t, 1, c.Calls())
}

// What a handler declines after it blocked itself waits for it.
func TestHandlerBlocksItself(t *testing.T) {
	svc, addr := newService(t, nil)
	var h gio.SignalHandle
	calls := make(chan bool, 10)
	once := true
	onLoop(t, svc.Loop(), func() {
		h = svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
			calls <- once
			if once {
				once = false
				svc.Block(h)
				return false
			}
			answer(c, "h")
			return true
		})
	})
	one, two := dial(t, addr), dial(t, addr)
	require.True(t, receive(t, calls))
	flush(t, svc.Loop())
	require.Empty(t, calls)
	svc.Unblock(h)
	requireAnswer(t, one, "h")
	requireAnswer(t, two, "h")
}

// A handler can block another one, whose turn in this emission has not come.
func TestHandlerBlocksAnother(t *testing.T) {
	svc, addr := newService(t, nil)
	var second gio.SignalHandle
	svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { svc.Block(second); return false })
	onLoop(t, svc.Loop(), func() {
		second = answers(svc, "2")
		answers(svc, "3")
	})
	requireAnswer(t, dial(t, addr), "3")
}

func TestBlockedEventHandlerIsNotCalled(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	events := make(chan gio.ListenerEvent, 100)
	h := l.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) { events <- e })
	l.Block(h)
	loopback(t, l, nil)
	require.Empty(t, events)
	l.Unblock(h)
	loopback(t, l, nil)
	require.Len(t, events, 4)
}

// What changed while it was blocked is not told later, as in GObject.
func TestBlockedNotifyIsNotCalled(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: newLoop(t)})
	defer svc.Close()
	told := make(chan bool, 10)
	h := svc.ConnectNotifyActive(func(active bool) { told <- active })
	svc.Block(h)
	svc.Stop()
	flush(t, svc.Loop())
	require.Empty(t, told)
	svc.Unblock(h)
	flush(t, svc.Loop())
	require.Empty(t, told)
	svc.Start()
	require.True(t, receive(t, told))
}

// Nobody is lost to a handler that is blocked and unblocked all the time, whichever
// way the client was on.
func TestBlockLosesNoClient(t *testing.T) {
	run := gio.NewThreadedSocketService(4, nil)
	defer run.Close()
	runAddr, err := run.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := run.ConnectRun(func(c *gio.SocketConnection, _ any) bool { answer(c, "h"); return true })
	svc, addr := newService(t, nil)
	for name, scene := range map[string]struct {
		svc  *gio.SocketService
		h    gio.SignalHandle
		addr net.Addr
	}{
		"incoming": {svc, answers(svc, "h"), addr},
		"run":      {&run.SocketService, r, runAddr},
	} {
		t.Run(name, func(t *testing.T) {
			end := make(chan struct{})
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for {
					select {
					case <-end:
						return
					default:
						scene.svc.Block(scene.h)
						scene.svc.Unblock(scene.h)
					}
				}
			}()
			for range 500 / raceFactor {
				c := dial(t, scene.addr)
				requireAnswer(t, c, "h")
				_ = c.Close()
			}
			close(end)
			<-ended
		})
	}
}

// From any goroutine at once, and against Close: nothing hangs, GObject's count and
// the library's agree.
func TestBlockAndUnblockFromEverywhere(t *testing.T) {
	logs := gobject.Logs()
	svc, addr := newService(t, &gio.ServiceConfig{Loop: glibloop.New()})
	defer svc.Loop().Close()
	h := answers(svc, "h")
	done := make(chan struct{})
	for range 4 {
		go func() {
			for range 200 / raceFactor {
				svc.Unblock(h)
				svc.Block(h)
				svc.Unblock(h)
			}
			done <- struct{}{}
		}()
	}
	for range 4 {
		receive(t, done)
	}
	requireAnswer(t, dial(t, addr), "h")
	go func() {
		for range 100 {
			svc.Block(h)
			svc.Unblock(h)
		}
		done <- struct{}{}
	}()
	time.AfterFunc(time.Millisecond, func() { _ = svc.Close() })
	receive(t, done)
	require.NoError(t, svc.Close())
	require.Equal(t, logs, gobject.Logs())
}
