package gio_test

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// requireServed wants a client to get through to the next Accept.
func requireServed(t testing.TB, l *gio.SocketListener, addr net.Addr) {
	t.Helper()
	c, peer := join(t, l, addr)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = io.ReadFull(peer, make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestListenReturnsTheEffectiveAddress(t *testing.T) {
	noLeaks(t)
	everyNetwork(t, func(t *testing.T, network, address string) {
		l, addr := listenOn(t, network, address)
		switch a := addr.(type) {
		case *net.TCPAddr:
			require.Equal(t, "tcp", network)
			require.NotZero(t, a.Port)
			host, _, err := net.SplitHostPort(address)
			require.NoError(t, err)
			require.Equal(t, host, a.IP.String())
		case *net.UnixAddr:
			require.Equal(t, address, a.Name)
			require.Equal(t, "unix", a.Net)
		default:
			require.Fail(t, "unexpected address", "%T", addr)
		}
		require.Equal(t, []net.Addr{addr}, l.Addrs())
		require.Equal(t, addr, l.NetListener().Addr())
		requireServed(t, l, addr)
	})
}

func TestAddrsAreInTheOrderOfAdding(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	require.Empty(t, l.Addrs())
	var want []net.Addr
	for range 3 {
		want = append(want, loopback(t, l, nil))
		addr, err := l.Listen("unix", abstract(t))
		require.NoError(t, err)
		want = append(want, addr)
		ln := listenNet(t, "tcp", "")
		require.NoError(t, l.AddListener(ln, nil))
		want = append(want, ln.Addr())
	}
	require.Equal(t, want, l.Addrs())
	l.Addrs()[0] = nil
	require.Equal(t, want, l.Addrs(), "a copy")
	for _, addr := range want {
		requireServed(t, l, addr)
	}
}

func TestAddAddressOfEveryKind(t *testing.T) {
	for name, a := range map[string]net.Addr{
		"IPv4":           &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)},
		"IPv4, 4 bytes":  &net.TCPAddr{IP: net.IP{127, 0, 0, 1}},
		"IPv6":           &net.TCPAddr{IP: net.IPv6loopback},
		"IPv6 with zone": &net.TCPAddr{IP: net.IPv6loopback, Zone: "lo"},
		"anything":       &net.TCPAddr{},
		"abstract":       &net.UnixAddr{Name: abstract(t), Net: "unix"},
		"without a net":  &net.UnixAddr{Name: abstract(t)},
	} {
		t.Run(name, func(t *testing.T) {
			if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.Equal(net.IPv6loopback) {
				needIPv6(t)
			}
			l := gio.NewSocketListener(nil)
			defer l.Close()
			addr, err := l.AddAddress(a, nil)
			require.NoError(t, err)
			if tcp, ok := addr.(*net.TCPAddr); ok {
				require.NotZero(t, tcp.Port)
				if tcp.IP.IsUnspecified() {
					addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: tcp.Port}
				}
			}
			requireServed(t, l, addr)
		})
	}
}

func TestInetPortZeroIsAnError(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	err := l.AddInetPort(0, nil)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.ErrorContains(t, err, "AddAnyInetPort", "it says what to do instead")
	require.Empty(t, l.Addrs())
}

func TestListenMayBeCalledFromAnywhere(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	const n = 16
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			_, err := l.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Error(err)
			}
		}()
	}
	_, err := glibloop.Call(context.Background(), l.Loop(), func() (net.Addr, error) {
		return l.Listen("tcp", "127.0.0.1:0") // the loop's own thread
	})
	require.NoError(t, err)
	wg.Wait()
	addrs := l.Addrs()
	require.Len(t, addrs, n+1)
	for _, addr := range addrs {
		requireServed(t, l, addr)
	}
}

func TestCloseTwiceIsNoError(t *testing.T) {
	for name, cfg := range map[string]*gio.ListenerConfig{"own loop": nil, "given loop": {Loop: givenLoop(t)}} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			l := gio.NewSocketListener(cfg)
			addr := loopback(t, l, nil)
			var wg sync.WaitGroup
			for range 8 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if err := l.Close(); err != nil {
						t.Error(err)
					}
				}()
			}
			wg.Wait()
			require.NoError(t, l.Close())
			_, err := net.Dial("tcp", addr.String())
			require.ErrorIs(t, err, syscall.ECONNREFUSED)
		})
	}
}

func givenLoop(t testing.TB) *glibloop.Loop {
	t.Helper()
	loop := glibloop.New()
	t.Cleanup(func() { require.NoError(t, loop.Close()) })
	return loop
}

// A loop of the listener's own is gone then, a given one would still answer.
func TestEverythingOfAClosedListenerSaysSo(t *testing.T) {
	for name, cfg := range map[string]*gio.ListenerConfig{"own loop": nil, "given loop": {Loop: givenLoop(t)}} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			l := gio.NewSocketListener(cfg)
			loopback(t, l, nil)
			h := l.ConnectEvent(func(gio.ListenerEvent, net.Addr) { t.Error("an event after Close") })
			require.NotZero(t, h)
			require.NoError(t, l.Close())

			_, err := l.Listen("tcp", "127.0.0.1:0")
			require.ErrorIs(t, err, net.ErrClosed)
			_, err = l.AddAddress(&net.TCPAddr{}, "source")
			require.ErrorIs(t, err, net.ErrClosed)
			require.ErrorIs(t, l.AddInetPort(1, nil), net.ErrClosed)
			_, err = l.AddAnyInetPort(nil)
			require.ErrorIs(t, err, net.ErrClosed)
			ln := listenNet(t, "tcp", "")
			require.ErrorIs(t, l.AddListener(ln, nil), net.ErrClosed)
			require.ErrorIs(t, l.AddFile(fileOf(t, ln), nil), net.ErrClosed)
			_, _, err = l.Accept(context.Background())
			require.ErrorIs(t, err, net.ErrClosed)
			_, err = l.NetListener().Accept()
			require.ErrorIs(t, err, net.ErrClosed)
			l.SetBacklog(5)
			require.Zero(t, l.ConnectEvent(func(gio.ListenerEvent, net.Addr) {}))
			l.Disconnect(h)
			require.NotNil(t, l.Loop())
			require.NotNil(t, l.NetListener().Addr())
			require.Nil(t, l.Gotk4())
		})
	}
}

func TestCloseWakesAccept(t *testing.T) {
	noLeaks(t)
	for _, addresses := range []int{0, 1, 3} {
		l := gio.NewSocketListener(nil)
		for range addresses {
			loopback(t, l, nil)
		}
		const n = 4
		errc := make(chan error, n)
		for range n {
			go func() {
				_, _, err := l.Accept(context.Background())
				errc <- err
			}()
		}
		parked(t, "gio.(*listener).next", n)
		require.NoError(t, l.Close())
		for range n {
			require.ErrorIs(t, receive(t, errc), net.ErrClosed)
		}
	}
}

func TestConnectionsOutliveAPlainListenersClose(t *testing.T) {
	l, addr := listenOn(t, "tcp", "127.0.0.1:0")
	c, peer := join(t, l, addr)
	defer c.Close()
	require.NoError(t, l.Close())
	go func() { _, _ = io.Copy(c, c) }()
	say(t, peer, "whoever called Accept owns it")
}

// Whoever is in the kernel's queue at Close is told, not left hanging.
func TestCloseEndsTheQueue(t *testing.T) {
	l, addr := listenOn(t, "tcp", "127.0.0.1:0")
	queued := []net.Conn{dial(t, addr), dial(t, addr)}
	require.NoError(t, l.Close())
	for _, c := range queued {
		requireEnd(t, c)
	}
}

func TestListenerWithoutAnyoneClosesToo(t *testing.T) {
	noLeaks(t)
	for range 20 {
		require.NoError(t, gio.NewSocketListener(nil).Close())
		require.NoError(t, gio.NewSocketListener(&gio.ListenerConfig{Backlog: 3, Logger: quiet}).Close())
	}
}

// A loop that ends with others' sockets on it must take them along.
func TestListenerMayOutliveItsLoop(t *testing.T) {
	noLeaks(t)
	loop := glibloop.New()
	l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
	addr := loopback(t, l, nil)
	require.NoError(t, loop.Close())
	_, err := l.Listen("tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, glibloop.ErrStopped)
	require.NoError(t, l.Close())
	_, err = net.Dial("tcp", addr.String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestLoopMayBeClosedRightAfterItsListeners(t *testing.T) {
	noLeaks(t)
	listeners, _ := gio.Registered()
	for range 20 {
		loop := glibloop.New()
		l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
		svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
		loopback(t, l, nil)
		loopback(t, &svc.SocketListener, nil)
		require.NoError(t, l.Close())
		require.NoError(t, svc.Close())
		require.NoError(t, loop.Close())
	}
	now, _ := gio.Registered()
	require.LessOrEqual(t, now, listeners)
}
