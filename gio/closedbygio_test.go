package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// closers are how GIO code ends a connection that it has.
var closers = map[string]func(t testing.TB, c *gio.SocketConnection) (end func()){
	"g_io_stream_close": func(t testing.TB, c *gio.SocketConnection) func() {
		object := gotk4(c)
		return func() { require.NoError(t, object.Close(context.Background())) }
	},
	"g_socket_close": func(t testing.TB, c *gio.SocketConnection) func() {
		socket := c.Socket().Gotk4()
		return func() { require.NoError(t, socket.Close()) }
	},
}

func everyCloser(t *testing.T, f func(t *testing.T, c *gio.SocketConnection, peer net.Conn, end func())) {
	for name, closer := range closers {
		t.Run(name, func(t *testing.T) {
			eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
				f(t, c, peer, closer(t, c))
			})
		})
	}
}

// number is the descriptor's that GIO has.
func number(c *gio.SocketConnection) int { return c.Socket().Gotk4().Fd() }

// reuse gives the number to a socket of somebody else's, and returns its other end.
func reuse(t testing.TB, fd int) *os.File {
	t.Helper()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	for i, end := range ends {
		if end == fd {
			t.Cleanup(func() { _ = unix.Close(fd) })
			return closing(t, ends[1-i])
		}
	}
	require.NoError(t, unix.Dup3(ends[0], fd, unix.O_CLOEXEC))
	require.NoError(t, unix.Close(ends[0]))
	t.Cleanup(func() { _ = unix.Close(fd) })
	return closing(t, ends[1])
}

func closing(t testing.TB, fd int) *os.File {
	f := os.NewFile(uintptr(fd), "theirs")
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestNumberIsNotUsedAfterGIOClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("for the client only"), 0o600))
	everyCloser(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn, end func()) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		local := c.LocalAddr()
		fd := number(c)
		end()
		theirs := reuse(t, fd)
		_, err = theirs.Write([]byte("not for us"))
		require.NoError(t, err)
		for name, use := range map[string]func() error{
			"Read":  func() error { _, err := c.Read(make([]byte, 1)); return err },
			"Write": func() error { _, err := c.Write([]byte("x")); return err },
			"ReadFrom a file": func() error {
				f, err := os.Open(path)
				if err != nil {
					return err
				}
				defer f.Close()
				_, err = c.ReadFrom(f)
				return err
			},
			"SetDeadline":      func() error { return c.SetDeadline(time.Now().Add(time.Hour)) },
			"SetReadDeadline":  func() error { return c.SetReadDeadline(time.Time{}) },
			"SetLinger":        func() error { return c.SetLinger(0) },
			"Linger":           func() error { _, err := c.Linger(); return err },
			"File":             func() error { _, err := c.Socket().File(); return err },
			"SyscallConn":      func() error { _, err := c.SyscallConn(); return err },
			"Control":          func() error { return raw.Control(func(uintptr) {}) },
			"Read of RawConn":  func() error { return raw.Read(func(uintptr) bool { return true }) },
			"Write of RawConn": func() error { return raw.Write(func(uintptr) bool { return true }) },
			"CloseWrite":       c.CloseWrite,
			"CloseRead":        c.CloseRead,
			"PeerCredentials":  func() error { _, err := c.PeerCredentials(); return err },
			"SetNoDelay":       func() error { return c.SetNoDelay(true) },
		} {
			require.Error(t, use(), name)
			switch name {
			case "PeerCredentials", "SetNoDelay": // of another kind of socket
			default:
				require.ErrorIs(t, use(), net.ErrClosed, name)
			}
		}
		require.Equal(t, local, c.LocalAddr())
		require.NoError(t, c.Close())
		require.NoError(t, theirs.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
		_, err = theirs.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, "it got something of ours, or an end")
		b := make([]byte, 100)
		n, err := syscall.Read(fd, b)
		require.NoError(t, err)
		require.Equal(t, "not for us", string(b[:n]))
	})
}

// A listener knows its connections' address; a dialed one has to be asked.
func TestLocalAddrIsKeptFromGIOsClose(t *testing.T) {
	for name, closer := range closers {
		t.Run(name, func(t *testing.T) {
			ln := listenNet(t, "tcp", "")
			c, err := gio.NewSocketClient(nil).Dial(context.Background(), "tcp", ln.Addr().String())
			require.NoError(t, err)
			defer c.Close()
			peer, err := ln.Accept()
			require.NoError(t, err)
			defer peer.Close()
			end, fd := closer(t, c), number(c)
			end()
			reuse(t, fd)
			require.Equal(t, peer.RemoteAddr(), c.LocalAddr())
		})
	}
}

// within is how soon a close by GIO code shows, on a busy machine, too.
const within = 3 * time.Second

func TestCloseByGIOEndsWhoWaits(t *testing.T) {
	everyCloser(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn, end func()) {
		ended := make(chan error, 2)
		go func() { _, err := c.Read(make([]byte, 1)); ended <- err }()
		go func() { _, err := c.Write(make([]byte, 64<<20)); ended <- err }()
		parked(t, "netfd.(*FD).do", 2)
		end()
		began := time.Now()
		for range 2 {
			require.ErrorIs(t, receive(t, ended), net.ErrClosed)
		}
		require.Less(t, time.Since(began), within)
		require.NoError(t, c.Close())
	})
}

// Who waited before others had it, and goes on to.
func TestCloseByGIOEndsWhoWaitedBefore(t *testing.T) {
	for name, closer := range closers {
		t.Run(name, func(t *testing.T) {
			eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
				ended := reading(t, c)
				closer(t, c)()
				require.ErrorIs(t, receive(t, ended), net.ErrClosed)
			})
		})
	}
}

func TestCloseByGIOReachesThePeer(t *testing.T) {
	everyCloser(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn, end func()) {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		requireTimeout(t, err)
		end()
		require.NoError(t, peer.SetReadDeadline(time.Now().Add(within)))
		_, err = peer.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestCloseByGIOEndsACopy(t *testing.T) {
	everyCloser(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn, end func()) {
		ended := make(chan error, 1)
		go func() { _, err := io.Copy(c, c); ended <- err }()
		say(t, peer, "hello")
		parked(t, "netfd.Copy", 1)
		end()
		require.ErrorIs(t, receive(t, ended), net.ErrClosed)
		requireEnd(t, peer)
	})
}

func TestCloseByGIOOfADialedConnection(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	c, err := gio.NewSocketClient(nil).Dial(context.Background(), "tcp", addr.String())
	require.NoError(t, err)
	defer c.Close()
	object := gotk4(c)
	ended := reading(t, c)
	require.NoError(t, object.Close(context.Background()))
	require.ErrorIs(t, receive(t, ended), net.ErrClosed)
}

// collect has the garbage collector find what nobody has any more, several times.
func collect() {
	for range 5 {
		runtime.GC()
		gone := make(chan struct{})
		runtime.AddCleanup(new([64]byte), func(ch chan struct{}) { close(ch) }, gone)
		runtime.GC()
		<-gone
	}
}

// exposures hand a connection to GIO code, and forget it.
var exposures = map[string]func(c *gio.SocketConnection) (alive func() bool, end func() error){
	"Gotk4": func(c *gio.SocketConnection) (func() bool, func() error) {
		object := gotk4(c.Detach())
		return object.IsConnected, func() error { return object.Close(context.Background()) }
	},
	"Socket": func(c *gio.SocketConnection) (func() bool, func() error) {
		wrapped.Add(1)
		socket := c.Detach().Socket().Gotk4()
		return socket.IsConnected, socket.Close
	},
}

func TestCollectorLeavesGIOItsConnection(t *testing.T) {
	for name, expose := range exposures {
		for _, waited := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				everyNetwork(t, func(t *testing.T, network, address string) {
					c, peer := connected(t, network, address)
					if waited {
						require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
						_, err := c.Read(make([]byte, 1))
						requireTimeout(t, err)
					}
					alive, end := expose(c)
					collect()
					require.True(t, alive())
					requireKept(t, peer)
					require.NoError(t, end())
					_, err := peer.Read(make([]byte, 1))
					require.Equal(t, io.EOF, err, "nothing of ours keeps it open")
				})
			})
		}
	}
}

// Nobody else has it: then it is closed, as ever.
func TestCollectorClosesADialedConnection(t *testing.T) {
	ln := listenNet(t, "tcp", "")
	c, err := gio.NewSocketClient(nil).Dial(context.Background(), "tcp", ln.Addr().String())
	require.NoError(t, err)
	peer, err := ln.Accept()
	require.NoError(t, err)
	defer peer.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	requireForgotten(t, peer)
}
