package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/faults"
)

// connsWithoutObjects serves the address, in direct mode, and returns what makes connections
// without GObjects: one end, the test's to close, and its peer.
func connsWithoutObjects(t *testing.T, svc *gio.SocketService, addr net.Addr) func() (*gio.SocketConnection, net.Conn) {
	t.Helper()
	conns := make(chan *gio.SocketConnection, 1)
	servingDirectly(t, svc, func(_ context.Context, c *gio.SocketConnection) { conns <- c.Detach() })
	return func() (*gio.SocketConnection, net.Conn) {
		t.Helper()
		peer := dial(t, addr)
		c := receive(t, conns)
		t.Cleanup(func() { _ = c.Close() })
		require.True(t, c.WithoutObjects())
		return c, peer
	}
}

func newConnsWithoutObjects(t *testing.T) func() (*gio.SocketConnection, net.Conn) {
	t.Helper()
	svc, addr := newService(t, nil)
	return connsWithoutObjects(t, svc, addr)
}

// sayBoth has each end hear the other.
func sayBoth(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
	t.Helper()
	for _, ends := range [][2]net.Conn{{c, peer}, {peer, c}} {
		_, err := ends[0].Write([]byte("word"))
		require.NoError(t, err)
		b := make([]byte, 4)
		_, err = io.ReadFull(ends[1], b)
		require.NoError(t, err)
		require.Equal(t, "word", string(b))
	}
}

func TestConnectionGetsItsObjectsWhenAsked(t *testing.T) {
	next := newConnsWithoutObjects(t)
	for name, ask := range map[string]func(c *gio.SocketConnection) error{
		"Gotk4": func(c *gio.SocketConnection) error {
			object := gotk4(c)
			require.Same(t, object, c.Gotk4())
			require.True(t, object.IsConnected())
			return nil
		},
		"Socket": func(c *gio.SocketConnection) error {
			require.True(t, c.Socket().Gotk4().IsConnected())
			return nil
		},
		"SetNoDelay":   func(c *gio.SocketConnection) error { return c.SetNoDelay(false) },
		"SetKeepAlive": func(c *gio.SocketConnection) error { return c.SetKeepAlive(true) },
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := next()
			sayBoth(t, c, peer)
			local, remote := c.LocalAddr().String(), c.RemoteAddr().String()
			require.True(t, c.IsConnected())
			require.True(t, c.WithoutObjects(), "neither data nor addresses need objects")
			require.NoError(t, ask(c))
			require.False(t, c.WithoutObjects())
			sayBoth(t, c, peer)
			require.Equal(t, []string{local, remote}, []string{c.LocalAddr().String(), c.RemoteAddr().String()})
			require.NoError(t, c.Close())
			requireEnd(t, peer)
		})
	}
}

func background(wg *sync.WaitGroup, f func()) {
	wg.Add(1)
	go func() {
		defer wg.Done()
		f()
	}()
}

// Others may ask at any moment, also while the connection is closed.
func TestObjectsAreMadeOnceWhileDataMoves(t *testing.T) {
	next := newConnsWithoutObjects(t)
	for range 50 {
		c, peer := next()
		var wg sync.WaitGroup
		background(&wg, func() { _, _ = io.Copy(c, c) })
		for range 4 {
			background(&wg, func() {
				for range 20 {
					_ = c.SetNoDelay(true)
				}
			})
		}
		for range 10 {
			say(t, peer, "in the middle")
		}
		require.NoError(t, c.Close())
		wg.Wait()
		requireEnd(t, peer)
	}
}

func TestObjectsThatAreMadeAtTheEndEnd(t *testing.T) {
	next := newConnsWithoutObjects(t)
	counted := func() int { a, f := gio.Counted(); return int(a - f) }
	before := counted()
	for range 50 {
		c, _ := next()
		var wg sync.WaitGroup
		for range 4 {
			background(&wg, func() { _ = c.SetNoDelay(true) })
		}
		require.NoError(t, c.Close())
		wg.Wait()
	}
	require.Eventually(t, func() bool { return counted() <= before }, patience, time.Millisecond)
}

// A close that may linger is one that Go's scheduler has to know of.
func TestDirectModeSeesThatClosingMayLinger(t *testing.T) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		if cerr := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptLinger(int(fd), syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1, Linger: 5})
		}); cerr != nil {
			return cerr
		}
		return err
	}}
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	require.NoError(t, svc.AddListener(ln, nil))
	c, peer := connsWithoutObjects(t, svc, ln.Addr())()
	require.True(t, c.Lingers())
	sayBoth(t, c, peer)
	require.NoError(t, c.Close())
	requireEnd(t, peer)
	c, _ = newConnsWithoutObjects(t)()
	require.False(t, c.Lingers())
}

// The mode is a descriptor's and all its duplicates': others may change it.
func TestDirectModeWithBlockingDescriptors(t *testing.T) {
	setBlocking := func(t *testing.T, c syscall.Conn) {
		t.Helper()
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		var merr error
		require.NoError(t, raw.Control(func(fd uintptr) { merr = syscall.SetNonblock(int(fd), false) }))
		require.NoError(t, merr)
	}
	t.Run("connection", func(t *testing.T) {
		c, peer := newConnsWithoutObjects(t)()
		setBlocking(t, c)
		sayBoth(t, c, peer)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	})
	t.Run("listening socket", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer ln.Close()
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		require.NoError(t, svc.AddListener(ln, nil))
		next := connsWithoutObjects(t, svc, ln.Addr())
		for range 20 {
			setBlocking(t, ln.(*net.TCPListener))
			c, peer := next()
			sayBoth(t, c, peer)
			require.NoError(t, c.Close())
		}
		require.NoError(t, svc.Close())
	})
}

// GIO refuses: the call says why, the connection is what it was, and a later call
// may do better.
func TestConnectionThatGetsNoObjects(t *testing.T) {
	f, _ := faults.InChild(t)
	if f == nil {
		return
	}
	next := newConnsWithoutObjects(t)
	for _, call := range []faults.Call{faults.Getsockopt, faults.Getsockname} {
		c, peer := next()
		before := len(descriptors())
		for range 3 {
			f.Fail(call, syscall.ENOBUFS, 0, 1)
			requireOpError(t, c.SetNoDelay(true), "set", "tcp", syscall.ENOBUFS)
			require.EqualValues(t, 1, f.Stop(call))
			require.True(t, c.WithoutObjects())
			sayBoth(t, c, peer)
		}
		f.Fail(call, syscall.ENOBUFS, 0, 1)
		require.Nil(t, c.Gotk4())
		f.Stop(call)
		require.Len(t, descriptors(), before)
		require.NoError(t, c.SetNoDelay(true))
		require.False(t, c.WithoutObjects())
		sayBoth(t, c, peer)
		require.NoError(t, c.Close())
		requireEnd(t, peer)
	}
}

// GIO closes what it has been given: bytes must not go to a descriptor that may
// be somebody else's by then.
func TestBytesMoveByGIOOnceOthersMayHaveTheObjects(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		sayBoth(t, c, peer)
		require.False(t, c.Exposed())
		gotk4(c)
		require.True(t, c.Exposed())
		sayBoth(t, c, peer)
	})
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.NotNil(t, c.Socket().Gotk4())
		require.True(t, c.Exposed())
		sayBoth(t, c, peer)
	})
	svc, addr := newService(t, nil)
	_ = svc.Gotk4()
	exposed := make(chan bool)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		exposed <- c.Exposed()
		_ = c.Close()
		return true
	})
	dial(t, addr)
	require.True(t, receive(t, exposed), "others may have seen the emission")
}
