package gio_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

func newThreaded(t testing.TB, maxThreads int, cfg *gio.ServiceConfig) (*gio.ThreadedSocketService, net.Addr) {
	t.Helper()
	svc := gio.NewThreadedSocketService(maxThreads, cfg)
	t.Cleanup(func() { _ = svc.Close() })
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return svc, addr
}

// echoRun owns its connection and serves it on the pool's thread.
func echoRun(c *gio.SocketConnection, _ any) bool {
	defer c.Close()
	_, _ = io.Copy(c, c)
	return true
}

func TestRunIsOnThreadsOfThePool(t *testing.T) {
	svc, addr := newThreaded(t, 2, nil)
	threads := make(chan int, 2)
	svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
		threads <- syscall.Gettid()
		return echoRun(c, nil)
	})
	var loop int
	require.NoError(t, svc.Loop().Call(context.Background(), func() error {
		loop = syscall.Gettid()
		return nil
	}))
	one, two := dial(t, addr), dial(t, addr)
	a, b := receive(t, threads), receive(t, threads)
	require.NotEqual(t, loop, a)
	require.NotEqual(t, loop, b)
	require.NotEqual(t, a, b, "both are in progress")
	say(t, one, "one")
	say(t, two, "two")
}

func TestMaxThreads(t *testing.T) {
	for given, want := range map[int]int{0: 10, -1: -1, 3: 3} {
		svc := gio.NewThreadedSocketService(given, nil)
		require.Equal(t, want, svc.MaxThreads())
		require.NoError(t, svc.Close())
	}
}

// atATime serves clients by svc until it was full and all were served, and
// returns how many handlers ran at a time at most.
func atATime(t *testing.T, svc *gio.ThreadedSocketService, addr net.Addr, clients int) int {
	t.Helper()
	var now, most atomic.Int64
	h := svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		defer now.Add(-1)
		return echoRun(c, nil)
	})
	defer svc.Disconnect(h)
	var wg sync.WaitGroup
	for range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				c, err := net.Dial(addr.Network(), addr.String())
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.SetDeadline(time.Now().Add(3 * patience))
				b := []byte("x")
				if _, err = c.Write(b); err == nil {
					_, err = io.ReadFull(c, b)
				}
				if err != nil {
					t.Error(err)
				}
				_ = c.Close()
			}
		}()
	}
	wg.Wait()
	return int(most.Load())
}

func TestMaxThreadsHoldsAndTheServiceGoesOn(t *testing.T) {
	t.Run("a loop of its own", func(t *testing.T) {
		svc, addr := newThreaded(t, 2, nil)
		require.LessOrEqual(t, atATime(t, svc, addr, 8), 2)
		require.LessOrEqual(t, atATime(t, svc, addr, 8), 2)
	})
	t.Run("a loop of the user's", func(t *testing.T) {
		loop := glibloop.New()
		defer loop.Close()
		svc, addr := newThreaded(t, 1, &gio.ServiceConfig{Loop: loop})
		defer svc.Close()
		require.Equal(t, 1, atATime(t, svc, addr, 4))
	})
	t.Run("the default loop", func(t *testing.T) {
		loop := glibloop.Default()
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- loop.Run(ctx) }()
		running := make(chan struct{}) // a Call would do the work itself where nobody iterates yet
		require.NoError(t, loop.Post(func() { close(running) }))
		receive(t, running)
		svc, addr := newThreaded(t, 2, &gio.ServiceConfig{Loop: loop})
		require.LessOrEqual(t, atATime(t, svc, addr, 8), 2)
		require.NoError(t, svc.Close())
		for range 8 { // GIO lets go of the object while the loop still runs
			require.NoError(t, loop.Call(ctx, func() error { return nil }))
		}
		cancel()
		receive(t, ended)
	})
	t.Run("no limit", func(t *testing.T) {
		svc, addr := newThreaded(t, -1, nil)
		svc.ConnectRun(echoRun)
		const n = 30
		var all []net.Conn
		for range n {
			all = append(all, dial(t, addr))
		}
		for _, c := range all {
			say(t, c, "all at once")
		}
	})
}

// At the limit GIO stops the service itself, and a worker that ends starts it
// again, whatever the user has asked for meanwhile.
func TestAWorkersEndDoesNotUndoTheUsersStop(t *testing.T) {
	svc, addr := newThreaded(t, 1, nil)
	svc.ConnectRun(echoRun)
	var changes atomic.Int64
	svc.ConnectNotifyActive(func(bool) { changes.Add(1) })
	busy := dial(t, addr)
	say(t, busy, "the only thread")
	require.True(t, svc.IsActive(), "a pause is no Stop")
	require.Zero(t, changes.Load())
	svc.Stop()
	require.NoError(t, busy.Close())
	gio.WaitForHandlers(t, &svc.SocketService, 0)
	require.Eventually(t, func() bool { return svc.Paused() == 0 }, patience, time.Millisecond)
	require.False(t, svc.IsActive())

	waiting := dial(t, addr)
	_, err := waiting.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = waiting.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, waiting.SetDeadline(time.Now().Add(patience)))
	svc.Start()
	_, err = io.ReadFull(waiting, make([]byte, 1))
	require.NoError(t, err)
	require.EqualValues(t, 2, changes.Load())

	// And the user's Start does not undo the limit.
	svc.Stop()
	svc.Start()
	second := dial(t, addr)
	_, err = second.Write([]byte("y"))
	require.NoError(t, err)
	require.NoError(t, second.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = second.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, waiting.Close())
	require.NoError(t, second.SetDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(second, make([]byte, 1))
	require.NoError(t, err)
}

func TestRunFollowsGObjectsOrder(t *testing.T) {
	for _, c := range []struct {
		name             string
		first, class     bool
		want             []string
		served, incoming bool
	}{
		{name: "the first takes it", first: true, class: true, want: []string{"incoming", "first"}, served: true},
		{name: "the class handler comes last", class: true, want: []string{"incoming", "first", "second", "class"}, served: true},
		{name: "nobody takes it", want: []string{"incoming", "first", "second", "class"}},
		{name: "incoming suppresses run", incoming: true, first: true, want: []string{"incoming"}, served: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			order := make(chan string, 8)
			handler := func(name string, takes bool) func(*gio.SocketConnection, any) bool {
				return func(conn *gio.SocketConnection, source any) bool {
					order <- name
					assert.Equal(t, "source", source)
					assert.Equal(t, "source", conn.Source())
					if takes {
						go echoRun(conn, nil)
					}
					return takes
				}
			}
			svc := gio.NewThreadedSocketService(0, &gio.ServiceConfig{Run: handler("class", c.class)})
			defer svc.Close()
			svc.ConnectIncoming(handler("incoming", c.incoming))
			svc.ConnectRun(handler("first", c.first))
			svc.ConnectRun(handler("second", false))
			gone := svc.ConnectRun(handler("gone", true))
			svc.Disconnect(gone)
			addr, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "source")
			require.NoError(t, err)
			peer := dial(t, addr)
			if c.served {
				say(t, peer, "served")
			} else {
				requireEnd(t, peer)
			}
			for _, want := range c.want {
				require.Equal(t, want, receive(t, order))
			}
			require.Empty(t, order)
		})
	}
}

func TestRunWithoutASource(t *testing.T) {
	svc, addr := newThreaded(t, 0, nil)
	sources := make(chan any, 1)
	svc.ConnectRun(func(c *gio.SocketConnection, source any) bool {
		sources <- source
		return echoRun(c, source)
	})
	say(t, dial(t, addr), "NULL is nil")
	require.Nil(t, receive(t, sources))
}

func TestPanicInRunClosesTheConnectionOnly(t *testing.T) {
	svc, addr := newThreaded(t, 1, &gio.ServiceConfig{Logger: quiet})
	var calls atomic.Int64
	svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
		if calls.Add(1) <= 3 {
			panic("of a run handler")
		}
		return echoRun(c, nil)
	})
	for range 3 {
		requireEnd(t, dial(t, addr))
	}
	say(t, dial(t, addr), "the service goes on")
}

func TestCloseEndsBlockedRunHandlers(t *testing.T) {
	svc, addr := newThreaded(t, 3, nil)
	begun, ended := make(chan struct{}, 3), make(chan error, 3)
	svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
		begun <- struct{}{}
		_, err := c.Read(make([]byte, 1))
		ended <- err
		return false
	})
	var peers []net.Conn
	for range 3 {
		peers = append(peers, dial(t, addr))
	}
	for range 3 { // they are in the table before they begin
		receive(t, begun)
	}
	require.NoError(t, svc.Close())
	for _, p := range peers {
		require.ErrorIs(t, receive(t, ended), net.ErrClosed)
		requireEnd(t, p)
	}
	gio.WaitForHandlers(t, &svc.SocketService, 0)
}

func TestShutdownWaitsForRunHandlers(t *testing.T) {
	svc, addr := newThreaded(t, 2, nil)
	svc.ConnectRun(echoRun)
	peer := dial(t, addr)
	say(t, peer, "in progress")
	down := make(chan error, 1)
	go func() { down <- svc.Shutdown(context.Background()) }()
	require.Eventually(t, func() bool {
		c, err := net.Dial(addr.Network(), addr.String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, patience, time.Millisecond)
	say(t, peer, "still")
	require.Empty(t, down)
	require.NoError(t, peer.Close())
	require.NoError(t, receive(t, down))
	require.Zero(t, svc.Handling())
}

// GIO's own unit test of this found a deadlock once: the pool's thread has the
// last reference and finalizes the service.
func TestLastReferenceDroppedOnAWorker(t *testing.T) {
	for range 20 {
		svc, addr := newThreaded(t, 1, nil)
		in, out := make(chan struct{}), make(chan struct{})
		svc.ConnectRun(func(*gio.SocketConnection, any) bool {
			in <- struct{}{}
			<-out
			return false
		})
		peer := dial(t, addr)
		receive(t, in)
		require.NoError(t, svc.Close())
		receive(t, svc.Done())
		out <- struct{}{}
		requireEnd(t, peer)
		gio.WaitForHandlers(t, &svc.SocketService, 0)
	}
}

func TestCloseFromARunHandler(t *testing.T) {
	svc, addr := newThreaded(t, 1, nil)
	svc.ConnectRun(func(*gio.SocketConnection, any) bool {
		_ = svc.Close()
		return false
	})
	requireEnd(t, dial(t, addr))
	receive(t, svc.Done())
}

func TestServeOnAThreadedServiceTakesAllClients(t *testing.T) {
	svc, addr := newThreaded(t, 1, nil)
	run := svc.ConnectRun(func(*gio.SocketConnection, any) bool {
		t.Error("Serve comes first")
		return false
	})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- svc.Serve(ctx, gio.HandlerFunc(echo)) }()
	require.Eventually(t, svc.Serving, patience, time.Millisecond)
	a, b := dial(t, addr), dial(t, addr)
	say(t, a, "goroutines")
	say(t, b, "are not counted")
	svc.Disconnect(run)
	svc.ConnectRun(echoRun)
	cancel()
	require.ErrorIs(t, receive(t, served), context.Canceled)
	say(t, dial(t, addr), "now by run")
}

func TestMaxConnsCountsWhatWaitsForAThread(t *testing.T) {
	svc, addr := newThreaded(t, -1, &gio.ServiceConfig{MaxConns: 2})
	var now, most atomic.Int64
	svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		b := make([]byte, 64)
		if _, err := io.ReadFull(c, b); err == nil {
			_, _ = c.Write(b)
		}
		now.Add(-1)
		_ = c.Close()
		return true
	})
	rounds(t, addr, 300, 16)
	require.LessOrEqual(t, most.Load(), int64(2))
}

func TestRunHandlerMayBeConnectedAnyTime(t *testing.T) {
	svc, addr := newThreaded(t, 0, nil)
	early := dial(t, addr) // nobody would take it: it waits
	svc.ConnectRun(echoRun)
	say(t, early, "waited")
}
