package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// listenNet listens with package net; path is for a Unix socket.
func listenNet(t testing.TB, network, path string) net.Listener {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = path
	}
	ln, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func fileOf(t testing.TB, x any) *os.File {
	t.Helper()
	f, err := x.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// adders are the two ways to add a socket that was made elsewhere.
var adders = map[string]func(t testing.TB, l *gio.SocketListener, ln net.Listener, source any) error{
	"AddListener": func(_ testing.TB, l *gio.SocketListener, ln net.Listener, source any) error {
		return l.AddListener(ln, source)
	},
	"AddFile": func(t testing.TB, l *gio.SocketListener, ln net.Listener, source any) error {
		return l.AddFile(fileOf(t, ln), source)
	},
}

func everyAdder(t *testing.T, f func(t *testing.T, network string, add func(testing.TB, *gio.SocketListener, net.Listener, any) error)) {
	for name, add := range adders {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+"/"+network, func(t *testing.T) { f(t, network, add) })
		}
	}
}

func TestAddedSocketAcceptsWithItsSource(t *testing.T) {
	everyAdder(t, func(t *testing.T, network string, add func(testing.TB, *gio.SocketListener, net.Listener, any) error) {
		noLeaks(t)
		ln := listenNet(t, network, filepath.Join(t.TempDir(), "s"))
		l := gio.NewSocketListener(nil)
		defer l.Close()
		source := []int{1, 2}
		require.NoError(t, add(t, l, ln, source))
		require.Equal(t, []net.Addr{ln.Addr()}, l.Addrs())
		peer := dial(t, ln.Addr())
		c, got, err := l.Accept(context.Background())
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, source, got)
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "hello")
	})
}

func TestClosingTheOriginalChangesNothing(t *testing.T) {
	everyAdder(t, func(t *testing.T, network string, add func(testing.TB, *gio.SocketListener, net.Listener, any) error) {
		noLeaks(t)
		ln := listenNet(t, network, filepath.Join(t.TempDir(), "s"))
		if u, ok := ln.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		require.NoError(t, add(t, &svc.SocketListener, ln, nil))
		serve(t, svc, echo)
		say(t, dial(t, ln.Addr()), "before")
		require.NoError(t, ln.Close())
		say(t, dial(t, ln.Addr()), "after")
	})
}

func TestClosingTheServiceLeavesTheOriginal(t *testing.T) {
	everyAdder(t, func(t *testing.T, network string, add func(testing.TB, *gio.SocketListener, net.Listener, any) error) {
		noLeaks(t)
		path := filepath.Join(t.TempDir(), "s")
		ln := listenNet(t, network, path)
		svc := gio.NewSocketService(nil)
		require.NoError(t, add(t, &svc.SocketListener, ln, nil))
		serve(t, svc, echo)
		say(t, dial(t, ln.Addr()), "by the service")
		svc.Stop()
		require.NoError(t, svc.Close())
		if network == "unix" {
			require.FileExists(t, path, "only who bound it unlinks it")
		}
		peer := dial(t, ln.Addr())
		c, err := ln.Accept()
		require.NoError(t, err)
		defer c.Close()
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "by package net")
	})
}

func TestAddedTCPSocketHasNoDelay(t *testing.T) {
	everyAdder(t, func(t *testing.T, network string, add func(testing.TB, *gio.SocketListener, net.Listener, any) error) {
		if network != "tcp" {
			return
		}
		ln := listenNet(t, network, "")
		l := gio.NewSocketListener(nil)
		defer l.Close()
		require.NoError(t, add(t, l, ln, nil))
		dial(t, ln.Addr())
		c, _, err := l.Accept(context.Background())
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, 1, option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
	})
}

func TestReusePortSharesTheClients(t *testing.T) {
	noLeaks(t)
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, 0xf /* SO_REUSEPORT */, 1)
		})
	}}
	address := "127.0.0.1:0"
	served := make(chan int, 1000)
	for i := range 2 {
		ln, err := lc.Listen(t.Context(), "tcp", address)
		require.NoError(t, err)
		address = ln.Addr().String()
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		require.NoError(t, svc.AddListener(ln, nil))
		require.NoError(t, ln.Close())
		serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
			served <- i
			echo(ctx, c)
		})
	}
	addr, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	var got [2]int
	for range 60 {
		say(t, dial(t, addr), "hello")
		got[receive(t, served)]++
	}
	require.Positive(t, got[0])
	require.Positive(t, got[1])
}

// An inherited descriptor may be blocking; the loop must not be held in accept.
func TestBlockingFileHoldsNobody(t *testing.T) {
	noLeaks(t)
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "activated")
	defer f.Close()
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 16))
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	require.NoError(t, svc.AddFile(f, nil))
	serve(t, svc, echo)
	addr := svc.Addrs()[0]
	say(t, dial(t, addr), "hello")
	svc.Stop() // would wait for a loop that is inside accept(2)
	svc.Start()
	say(t, dial(t, addr), "again")
}

func TestOnlyListeningStreamSocketsAreAdded(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()

	t.Run("nothing", func(t *testing.T) {
		require.ErrorContains(t, l.AddListener(nil, nil), "nil listener")
		require.ErrorContains(t, l.AddFile(nil, nil), "nil file")
		require.Error(t, l.AddListener((*net.TCPListener)(nil), nil))
		require.Error(t, l.AddListener((*net.UnixListener)(nil), nil))
	})
	t.Run("closed", func(t *testing.T) {
		ln := listenNet(t, "tcp", "")
		f := fileOf(t, ln)
		require.NoError(t, ln.Close())
		require.NoError(t, f.Close())
		require.ErrorIs(t, l.AddListener(ln, nil), net.ErrClosed)
		require.ErrorIs(t, l.AddFile(f, nil), os.ErrClosed)
	})
	t.Run("wrapped", func(t *testing.T) {
		ln := tls.NewListener(listenNet(t, "tcp", ""), &tls.Config{})
		require.ErrorContains(t, l.AddListener(ln, nil), "has no descriptor")
		require.ErrorContains(t, l.AddListener(l.NetListener(), nil), "has no descriptor")
	})
	t.Run("file", func(t *testing.T) {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer f.Close()
		err = l.AddFile(f, nil)
		require.ErrorIs(t, err, syscall.ENOTSOCK)
		require.ErrorContains(t, err, os.DevNull)
	})
	t.Run("datagram", func(t *testing.T) {
		u, err := net.ListenPacket("udp", "127.0.0.1:0")
		require.NoError(t, err)
		defer u.Close()
		require.ErrorContains(t, l.AddFile(fileOf(t, u), nil), "stream")
	})
	t.Run("seqpacket", func(t *testing.T) {
		u, err := net.Listen("unixpacket", filepath.Join(t.TempDir(), "s"))
		require.NoError(t, err)
		defer u.Close()
		l := gio.NewSocketListener(nil)
		defer l.Close()
		require.NoError(t, l.AddListener(u, nil))
		require.Contains(t, l.Addrs(), u.Addr())
	})
	t.Run("connected", func(t *testing.T) {
		_, peer := pair(t, "tcp", "127.0.0.1:0")
		require.ErrorContains(t, l.AddFile(fileOf(t, peer), nil), "does not listen")
	})
	t.Run("bound", func(t *testing.T) {
		fd := rawSocket(t)
		require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
		dup, err := syscall.Dup(fd)
		require.NoError(t, err)
		f := os.NewFile(uintptr(dup), "bound")
		defer f.Close()
		require.ErrorContains(t, l.AddFile(f, nil), "does not listen")
	})
	require.Empty(t, l.Addrs())
	ln := listenNet(t, "tcp", "")
	require.NoError(t, l.Close())
	require.ErrorIs(t, l.AddListener(ln, nil), net.ErrClosed)
	require.ErrorIs(t, l.AddFile(fileOf(t, ln), nil), net.ErrClosed)
}

func TestErrorsOfAddedSocketsAreOpErrors(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	for name, err := range map[string]error{
		"nil listener": l.AddListener(nil, nil),
		"nil file":     l.AddFile(nil, nil),
		"no socket":    l.AddFile(os.Stdin, nil),
	} {
		var op *net.OpError
		require.ErrorAs(t, err, &op, name)
		require.Equal(t, "listen", op.Op)
	}
}
