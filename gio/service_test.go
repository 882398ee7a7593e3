package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

func TestServeRunsAGoroutinePerConnection(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		errc := serve(t, svc, echo)
		a, b := dial(t, addr), dial(t, addr)
		for range 3 { // each blocks in its handler while the other talks
			say(t, a, "one")
			say(t, b, "two")
		}
		_ = a.Close()
		_ = b.Close()
		require.NoError(t, svc.Shutdown(context.Background()))
		require.ErrorIs(t, receive(t, errc), gio.ErrServiceClosed)
		require.ErrorIs(t, gio.ErrServiceClosed, net.ErrClosed)
		receive(t, svc.Done())
	})
}

func TestHandlersFollowGObjectsOrder(t *testing.T) {
	var mu sync.Mutex
	var order []string
	note := func(name string, handled func() bool) func(*gio.SocketConnection, any) bool {
		return func(*gio.SocketConnection, any) bool {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, name)
			return handled()
		}
	}
	no := func() bool { return false }
	var take atomic.Bool
	svc, addr := newService(t, &gio.ServiceConfig{Incoming: note("class", no)})
	first := svc.ConnectIncoming(note("first", no))
	svc.ConnectIncoming(func(c *gio.SocketConnection, s any) bool {
		handled := note("second", take.Load)(c, s)
		if handled {
			_ = c.Close()
		}
		return handled
	})
	served := make(chan struct{}, 1)
	serve(t, svc, func(context.Context, *gio.SocketConnection) {
		mu.Lock()
		order = append(order, "serve")
		mu.Unlock()
		served <- struct{}{}
	})
	got := func() []string {
		mu.Lock()
		defer mu.Unlock()
		o := order
		order = nil
		return o
	}

	requireEnd(t, dial(t, addr))
	receive(t, served)
	require.Equal(t, []string{"first", "second", "class", "serve"}, got())

	take.Store(true) // the first true ends the emission
	requireEnd(t, dial(t, addr))
	require.Equal(t, []string{"first", "second"}, got())

	svc.Disconnect(first)
	svc.ConnectIncoming(note("third", no))
	take.Store(false)
	requireEnd(t, dial(t, addr))
	receive(t, served)
	require.Equal(t, []string{"second", "third", "class", "serve"}, got())
}

func TestOneConnectionObjectIsSharedByAllHandlers(t *testing.T) {
	seen := make(chan *gio.SocketConnection, 3)
	see := func(c *gio.SocketConnection, _ any) bool { seen <- c; return false }
	svc, addr := newService(t, &gio.ServiceConfig{Incoming: see})
	svc.ConnectIncoming(see)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { seen <- c })
	requireEnd(t, dial(t, addr))
	a, b, c := receive(t, seen), receive(t, seen), receive(t, seen)
	require.Same(t, a, b)
	require.Same(t, b, c)
}

func TestConnectionNobodyTookIsClosed(t *testing.T) {
	seen := make(chan *gio.SocketConnection, 1)
	svc, addr := newService(t, nil)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { seen <- c; return false })
	requireEnd(t, dial(t, addr))
	c := receive(t, seen)
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, c.Close(), net.ErrClosed)
}

func TestHandlerThatReturnsTrueOwnsTheConnection(t *testing.T) {
	seen := make(chan *gio.SocketConnection, 1)
	svc, addr := newService(t, nil)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { seen <- c; return true })
	peer := dial(t, addr)
	c := receive(t, seen)
	go func() { _, _ = io.Copy(c, c) }()
	say(t, peer, "mine")
	require.NoError(t, c.Close())
	requireEnd(t, peer)
}

func TestSourceComesBackAsTheSameValue(t *testing.T) {
	svc, _ := newService(t, nil)
	type named struct{ name []string } // not comparable
	one, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &named{[]string{"one"}})
	require.NoError(t, err)
	two, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, named{[]string{"two"}})
	require.NoError(t, err)
	seen := make(chan any, 1)
	svc.ConnectIncoming(func(_ *gio.SocketConnection, source any) bool { seen <- source; return false })
	for range 3 {
		requireEnd(t, dial(t, one))
		require.Equal(t, &named{[]string{"one"}}, receive(t, seen))
		requireEnd(t, dial(t, two))
		require.Equal(t, named{[]string{"two"}}, receive(t, seen))
		requireEnd(t, dial(t, svc.Addrs()[0]))
		require.Nil(t, receive(t, seen))
	}
}

func TestHandlersAreOnTheLoopsThread(t *testing.T) {
	loop := glibloop.New()
	defer loop.Close()
	want, err := glibloop.Call(context.Background(), loop, func() (int, error) { return syscall.Gettid(), nil })
	require.NoError(t, err)
	tids := make(chan int, 16)
	svc := gio.NewSocketService(&gio.ServiceConfig{
		Loop:     loop,
		Incoming: func(*gio.SocketConnection, any) bool { tids <- syscall.Gettid(); return false },
	})
	defer svc.Close()
	svc.ConnectEvent(func(gio.ListenerEvent, net.Addr) { tids <- syscall.Gettid() })
	svc.ConnectNotifyActive(func(bool) { tids <- syscall.Gettid() })
	svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { tids <- syscall.Gettid(); return false })
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	requireEnd(t, dial(t, addr))
	svc.Stop()
	for range 4 + 2 + 1 {
		require.Equal(t, want, receive(t, tids))
	}
}

// As a GTK program has it: everything is set up before the loop runs.
func TestServiceOnTheDefaultLoopBeforeItRuns(t *testing.T) {
	loop := glibloop.Default()
	tids := make(chan int, 4)
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		tids <- syscall.Gettid()
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
		return true
	})
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	svc.Stop()
	svc.Start()
	early := dial(t, addr) // waits in the kernel

	ctx, cancel := context.WithCancel(context.Background())
	tid := make(chan int, 1)
	ran := make(chan error, 1)
	go func() {
		err := loop.Post(func() { tid <- syscall.Gettid() })
		ran <- errors.Join(err, loop.Run(ctx))
	}()
	say(t, early, "early")
	say(t, dial(t, addr), "late")
	want := receive(t, tid)
	require.Equal(t, want, receive(t, tids))
	require.Equal(t, want, receive(t, tids))
	require.NoError(t, svc.Close())
	cancel()
	require.ErrorIs(t, receive(t, ran), context.Canceled)
}

func TestClosingOnAnUniteratedLoopHangsNobody(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: glibloop.Default()})
	_, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serving := serve(t, svc, echo)
	require.NoError(t, svc.Close())
	receive(t, svc.Done())
	require.ErrorIs(t, receive(t, serving), gio.ErrServiceClosed)
}

func TestNotifyActiveFiresOnRealChangesOnly(t *testing.T) {
	svc, _ := newService(t, nil)
	var got []bool // the loop's thread writes, Stop and Start wait for it
	h := svc.ConnectNotifyActive(func(active bool) { got = append(got, active) })
	require.True(t, svc.IsActive())
	svc.Start()
	svc.Stop()
	require.False(t, svc.IsActive())
	svc.Stop()
	svc.SetActive(true)
	require.Equal(t, []bool{false, true}, got)
	svc.Disconnect(h)
	svc.Stop()
	require.Equal(t, []bool{false, true}, got)

	idle := gio.NewSocketService(&gio.ServiceConfig{Inactive: true})
	defer idle.Close()
	require.False(t, idle.IsActive())
	idle.Start()
	require.True(t, idle.IsActive())
}

func TestNilHandlersAreRefused(t *testing.T) {
	svc, _ := newService(t, nil)
	require.Panics(t, func() { svc.ConnectIncoming(nil) })
	require.Panics(t, func() { svc.ConnectEvent(nil) })
	require.Panics(t, func() { svc.ConnectNotifyActive(nil) })
	require.Error(t, svc.Serve(context.Background(), nil))
	require.Error(t, svc.Serve(context.Background(), gio.HandlerFunc(nil)))
}

func TestGotk4OnTheLoopsThread(t *testing.T) {
	svc, addr := newService(t, nil)
	require.NoError(t, svc.Loop().Call(context.Background(), func() error {
		if svc.Gotk4() == nil || !svc.Gotk4().IsActive() {
			return errors.New("no service, or not active")
		}
		return nil
	}))
	// Others may take clients now; nobody does.
	requireEnd(t, dial(t, addr))
	require.NoError(t, svc.Close())
	require.NotNil(t, svc.Gotk4())
	require.Nil(t, svc.SocketListener.Gotk4(), "after Close there is nothing left to wrap")
}
