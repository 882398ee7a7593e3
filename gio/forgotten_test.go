package gio_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// requireForgotten collects garbage until the peer sees its end.
func requireForgotten(t *testing.T, peer net.Conn) {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		_, err := peer.Read(make([]byte, 1))
		ended <- err
	}()
	require.True(t, eventually(func() bool {
		runtime.GC()
		select {
		case err := <-ended:
			require.Equal(t, io.EOF, err)
			return true
		default:
			return false
		}
	}), "still open")
}

// requireKept collects garbage, and then wants the connection to be alive.
func requireKept(t *testing.T, peer net.Conn) {
	t.Helper()
	for range 10 {
		runtime.GC()
	}
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := peer.Read(make([]byte, 1))
	requireTimeout(t, err)
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
}

func TestForgottenConnectionIsClosed(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		_, peer := connected(t, network, address)
		requireForgotten(t, peer)
	})
}

func TestForgottenConnectionThatHasWaitedIsClosed(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		c, peer := connected(t, network, address)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		requireTimeout(t, err)
		requireForgotten(t, peer)
	})
}

func TestForgottenConnectionOfAHandlerIsClosed(t *testing.T) {
	svc, addr := newService(t, nil)
	svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { return true })
	requireForgotten(t, dial(t, addr))
}

func TestForgottenDetachedConnectionIsClosed(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { c.Detach() })
	requireForgotten(t, dial(t, addr))
}

func TestClosedConnectionIsNotForgotten(t *testing.T) {
	runtime.GC()
	before := gio.Forgotten()
	for range 20 {
		c, _ := connected(t, "unix", abstract(t))
		require.NoError(t, c.Close())
	}
	for range 5 {
		runtime.GC()
	}
	require.Equal(t, before, gio.Forgotten())
}

func TestConnectionInUseIsNotForgotten(t *testing.T) {
	// Each leaves the operation with the only reference.
	for name, use := range map[string]func(c *gio.SocketConnection) error{
		"Read": func(c *gio.SocketConnection) error {
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"RawConn": func(c *gio.SocketConnection) error {
			raw, err := c.SyscallConn()
			if err != nil {
				return err
			}
			return raw.Read(func(fd uintptr) bool {
				var b [1]byte
				_, err := syscall.Read(int(fd), b[:])
				return err != syscall.EAGAIN
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := connected(t, "unix", abstract(t))
			errc := make(chan error, 1)
			go func() { errc <- use(c) }()
			requireKept(t, peer)
			_, err := peer.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, receive(t, errc))
		})
	}
	t.Run("Write", func(t *testing.T) {
		c, peer := connected(t, "unix", abstract(t))
		const size = 8 << 20
		errc := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, size))
			errc <- err
		}()
		parked(t, "gio.(*SocketConnection).Write", 1)
		for range 10 {
			runtime.GC()
		}
		n, err := io.CopyN(io.Discard, peer, size)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		require.NoError(t, receive(t, errc))
	})
	t.Run("RawConn at rest", func(t *testing.T) {
		c, peer := connected(t, "unix", abstract(t))
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		requireKept(t, peer)
		runtime.KeepAlive(raw)
	})
	t.Run("Serve", func(t *testing.T) {
		svc, addr := newService(t, nil)
		release := make(chan struct{})
		serve(t, svc, func(context.Context, *gio.SocketConnection) { <-release })
		peer := dial(t, addr)
		gio.WaitForHandlers(t, svc, 1)
		requireKept(t, peer)
		close(release)
	})
	t.Run("pending for Accept", func(t *testing.T) {
		byGIO(t) // in direct mode none is pending
		svc, addr := newService(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		errc := make(chan error, 1)
		go func() {
			_, _, err := svc.Accept(ctx) // from now on, clients are expected
			errc <- err
		}()
		parked(t, "gio.(*listener).next", 1)
		cancel()
		require.ErrorIs(t, receive(t, errc), context.Canceled)
		peer := dial(t, addr)
		require.True(t, eventually(func() bool { return svc.Pending() == 1 }))
		requireKept(t, peer)
	})
}
