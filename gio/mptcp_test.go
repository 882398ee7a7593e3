package gio_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// Sockets of Multipath TCP, which package net listens with, have clients accepted
// in another way. Where the kernel has none they are like all others.

// addNet has l listen on a socket of package net's.
func addNet(t testing.TB, l *gio.SocketListener, source any) net.Addr {
	t.Helper()
	ln := listenNet(t, "tcp", "")
	require.NoError(t, l.AddListener(ln, source))
	return ln.Addr()
}

// echoTakers are the ways to have clients, each of whom gets an echo.
var echoTakers = map[string]func(t testing.TB) *gio.SocketListener{
	"ConnectIncoming": func(testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		svc.ConnectIncoming(takeIncoming)
		return &svc.SocketListener
	},
	"run": func(testing.TB) *gio.SocketListener {
		svc := gio.NewThreadedSocketService(4, nil)
		svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
			echo(context.Background(), c)
			_ = c.Close()
			return true
		})
		return &svc.SocketListener
	},
	"Serve": func(t testing.TB) *gio.SocketListener {
		svc := gio.NewSocketService(nil)
		serve(t, svc, echo)
		return &svc.SocketListener
	},
	"Accept of a listener": func(testing.TB) *gio.SocketListener {
		l := gio.NewSocketListener(nil)
		go func() {
			for {
				c, _, err := l.Accept(context.Background())
				if err != nil {
					return
				}
				go ownEcho(c)
			}
		}()
		return l
	},
}

func TestMultipathSocketsAndOthersAreServed(t *testing.T) {
	for how, taker := range echoTakers {
		t.Run(how, func(t *testing.T) {
			noLeaks(t)
			l := taker(t)
			defer l.Close()
			addrs := []net.Addr{loopback(t, l, nil)}
			for range 3 {
				addrs = append(addrs, addNet(t, l, nil), loopback(t, l, nil))
				for _, addr := range addrs {
					rounds(t, addr, 40, 4)
				}
			}
		})
	}
}

func TestMultipathClientsComeWithTheirSource(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addrs := map[any]net.Addr{}
		for i := range 5 {
			addrs[i] = addNet(t, l, i)
			dial(t, addrs[i])
		}
		for range 5 {
			c, source, err := l.Accept(context.Background())
			require.NoError(t, err)
			require.Equal(t, addrs[source].String(), c.LocalAddr().String())
			require.NoError(t, c.Close())
			delete(addrs, source)
		}
		require.Empty(t, addrs)
	})
}

// While clients come and while it accepts already.
func TestMultipathSocketAddedLosesNoClient(t *testing.T) {
	for how, taker := range echoTakers {
		t.Run(how, func(t *testing.T) {
			l := taker(t)
			defer l.Close()
			stop := make(chan struct{})
			wait := hammer(t, loopback(t, l, nil), 2, stop)
			for range 20 {
				rounds(t, addNet(t, l, nil), 1, 1)
			}
			close(stop)
			served, lost := wait()
			require.Zero(t, lost)
			require.Positive(t, served)
		})
	}
}

func TestStopLosesNoMultipathClient(t *testing.T) {
	for name, take := range map[string]func(svc *gio.SocketService){
		"ConnectIncoming": func(svc *gio.SocketService) { svc.ConnectIncoming(takeIncoming) },
		"Serve":           func(svc *gio.SocketService) { serve(t, svc, echo) },
	} {
		t.Run(name, func(t *testing.T) {
			svc := gio.NewSocketService(nil)
			defer svc.Close()
			addr := addNet(t, &svc.SocketListener, nil)
			take(svc)
			underFire(t, svc, addr, func() {
				for range 200 {
					svc.Stop()
					svc.Start()
				}
			})
		})
	}
}

func TestAcceptOfAMultipathListenerTellsErrors(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr := addNet(t, l, nil)
	requireServed(t, l, addr)
	for range 3 {
		dial(t, addr)
	}
	free := takeAllDescriptors(t)
	var err error
	for range 3 { // one that is accepted takes a descriptor that a test before this one was still closing
		var c *gio.SocketConnection
		if c, _, err = l.Accept(context.Background()); err != nil {
			break
		}
		defer c.Close()
	}
	free()
	require.ErrorIs(t, err, unix.EMFILE)
	c, _, err := l.Accept(context.Background())
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

func TestCloseEndsAcceptOfAMultipathListener(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addNet(t, l, nil)
		errc := make(chan error, 1)
		go func() { _, _, err := l.Accept(context.Background()); errc <- err }()
		parked(t, "gio.(*listener).next", 1)
		require.NoError(t, l.Close())
		require.ErrorIs(t, receive(t, errc), net.ErrClosed)
	})
}
