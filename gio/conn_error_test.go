package gio_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func init() {
	// listen PATH: tries to listen there as nobody, and wants EACCES.
	helpers["listen"] = func(args []string) error {
		if err := becomeNobody(); err != nil {
			return err
		}
		l := gio.NewSocketListener(nil)
		defer l.Close()
		_, err := l.Listen("unix", args[0])
		var op *net.OpError
		switch {
		case !errors.Is(err, syscall.EACCES), !errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("not EACCES but %w (%T)", err, err)
		case !errors.As(err, &op), op.Op != "listen", op.Net != "unix":
			return fmt.Errorf("no *net.OpError of listen: %w", err)
		case !strings.Contains(err.Error(), args[0]):
			return fmt.Errorf("the path is missing in %w", err)
		}
		return nil
	}
}

func TestErrorsAfterClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		network := c.RemoteAddr().Network()
		require.NoError(t, c.Close())
		_, rerr := c.Read(make([]byte, 1))
		_, werr := c.Write([]byte("x"))
		for op, err := range map[string]error{
			"read":  rerr,
			"write": werr,
			"close": c.Close(),
			"set":   c.SetDeadline(time.Now()),
		} {
			requireOpError(t, err, op, network, net.ErrClosed)
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		requireOpError(t, c.CloseRead(), "shutdown", network, net.ErrClosed)
		requireOpError(t, c.CloseWrite(), "shutdown", network, net.ErrClosed)
	})
}

func TestErrorsAfterADeadline(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		network := c.RemoteAddr().Network()
		require.NoError(t, c.SetDeadline(past))
		_, err := c.Read(make([]byte, 1))
		requireOpError(t, err, "read", network, os.ErrDeadlineExceeded)
		requireTimeout(t, err)
		_, err = c.Write([]byte("x"))
		requireOpError(t, err, "write", network, os.ErrDeadlineExceeded)
		requireTimeout(t, err)
	})
}

// The texts are package net's own, but for the numbers.
func TestErrorTextsArePackageNets(t *testing.T) {
	ours, theirs := pair(t, "tcp", "127.0.0.1:0")
	texts := func(c net.Conn) (all []string) {
		require.NoError(t, c.SetReadDeadline(past))
		_, err := c.Read(make([]byte, 1))
		all = append(all, err.Error())
		require.NoError(t, c.Close())
		_, err = c.Write([]byte("x"))
		all = append(all, err.Error(), c.Close().Error())
		for i := range all {
			all[i] = strings.ReplaceAll(all[i], c.LocalAddr().String(), "LOCAL")
			all[i] = strings.ReplaceAll(all[i], c.RemoteAddr().String(), "REMOTE")
		}
		return all
	}
	require.Equal(t, texts(theirs), texts(ours))
}

func TestResetByPeer(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		t.Run("before Read", func(t *testing.T) {
			c, peer := pair(t, network, address)
			require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
			require.NoError(t, peer.Close())
			_, err := c.Read(make([]byte, 1))
			requireOpError(t, err, "read", "tcp", syscall.ECONNRESET)
		})
		t.Run("during Read", func(t *testing.T) {
			c, peer := pair(t, network, address)
			errc := reading(t, c)
			require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
			require.NoError(t, peer.Close())
			requireOpError(t, receive(t, errc), "read", "tcp", syscall.ECONNRESET)
		})
		t.Run("during Write", func(t *testing.T) {
			c, peer := pair(t, network, address)
			errc := make(chan error, 1)
			go func() {
				_, err := c.Write(make([]byte, 64<<20))
				errc <- err
			}()
			parked(t, "gio.(*SocketConnection).Write", 1)
			require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
			require.NoError(t, peer.Close())
			requireOpError(t, receive(t, errc), "write", "tcp", syscall.ECONNRESET)
		})
	})
}

func TestResetByPeerThatLeftDataUnread(t *testing.T) {
	c, peer := pair(t, "unix", abstract(t))
	_, err := c.Write([]byte("never read"))
	require.NoError(t, err)
	require.NoError(t, peer.Close())
	_, err = c.Read(make([]byte, 1))
	requireOpError(t, err, "read", "unix", syscall.ECONNRESET)
}

func TestBrokenPipe(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		network := c.RemoteAddr().Network()
		require.NoError(t, c.CloseWrite())
		_, err := c.Write([]byte("x"))
		requireOpError(t, err, "write", network, syscall.EPIPE)
		f, _ := randomFile(t, 10)
		_, err = c.ReadFrom(f) // SIGPIPE would end the tests here
		requireOpError(t, err, "write", network, syscall.EPIPE)
	})
	t.Run("peer gone", func(t *testing.T) {
		c, peer := pair(t, "unix", abstract(t))
		require.NoError(t, peer.Close())
		n, err := c.Write([]byte("x"))
		requireOpError(t, err, "write", "unix", syscall.EPIPE)
		require.Zero(t, n)
	})
}

func TestAddressInUse(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		_, addr := listenOn(t, network, address)
		other := gio.NewSocketListener(nil)
		defer other.Close()
		_, err := other.Listen(network, addr.String())
		requireOpError(t, err, "listen", network, syscall.EADDRINUSE)
		require.ErrorContains(t, err, addr.String())
		_, err = other.AddAddress(addr, nil)
		requireOpError(t, err, "listen", addr.Network(), syscall.EADDRINUSE)
		var ge *gio.Error
		require.ErrorAs(t, err, &ge, "GIO's own answer is in there")
		require.Equal(t, "g-io-error-quark", ge.Domain)
		require.Equal(t, 33, ge.Code)
		require.NotEmpty(t, ge.Message)
		if tcp, ok := addr.(*net.TCPAddr); ok {
			err := other.AddInetPort(uint16(tcp.Port), nil)
			if network != "tcp" || tcp.IP.To4() == nil {
				requireOpError(t, err, "listen", "tcp", syscall.EADDRINUSE)
			}
		}
		require.Empty(t, other.Addrs())
	})
}

// Also for root, who may do anything: the helper gives that up.
func TestAccessDenied(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o555))
	mustRun(t, helper(t, "listen", filepath.Join(dir, "s")))
}

func TestOtherErrnosOfListen(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	_, err := l.Listen("tcp", "192.0.2.1:0") // of no machine: it is for documentation
	requireOpError(t, err, "listen", "tcp", syscall.EADDRNOTAVAIL)
	_, err = l.Listen("unix", filepath.Join(t.TempDir(), "missing", "s"))
	requireOpError(t, err, "listen", "unix", syscall.ENOENT)
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = l.Listen("unix", filepath.Join(os.Args[0], "s"))
	requireOpError(t, err, "listen", "unix", syscall.ENOTDIR)
}

func TestMalformedAddresses(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	long := "/" + strings.Repeat("x", 200)
	for _, x := range []struct{ network, address, says string }{
		{"tcp", "127.0.0.1", "missing port"},
		{"tcp", "127.0.0.1:port", "port"},
		{"tcp", "127.0.0.1:65536", "65536"},
		{"tcp", "127.0.0.1:-1", "-1"},
		{"tcp", "::1:80", "too many colons"},
		{"tcp4", "[::1]:0", "suitable"},
		{"tcp6", "127.0.0.1:0", "suitable"},
		{"unix", "", "empty"},
		{"unix", long, "longer than"},
		{"unix", "@" + long, "longer than"},
		{"unix", "a\x00b", "zero byte"},
		{"udp", "127.0.0.1:0", "unknown network udp"},
		{"unixgram", "/tmp/x", "unknown network unixgram"},
		{"tcp7", "127.0.0.1:0", "unknown network tcp7"},
		{"", "127.0.0.1:0", "unknown network"},
	} {
		addr, err := l.Listen(x.network, x.address)
		require.Nil(t, addr)
		var op *net.OpError
		require.ErrorAs(t, err, &op, "%q %q", x.network, x.address)
		require.Equal(t, "listen", op.Op)
		require.Equal(t, x.network, op.Net)
		require.ErrorContains(t, err, x.says, "%q %q", x.network, x.address)
		if strings.HasPrefix(x.says, "unknown") {
			var unknown net.UnknownNetworkError
			require.ErrorAs(t, err, &unknown)
		}
	}
	for _, a := range []net.Addr{
		nil,
		(*net.TCPAddr)(nil),
		(*net.UnixAddr)(nil),
		&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)},
		&net.UnixAddr{},
		&net.UnixAddr{Name: "/tmp/x", Net: "unixgram"},
		&net.TCPAddr{IP: net.IP{1, 2, 3}},
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 65536},
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: -1},
		&net.TCPAddr{IP: net.IPv6loopback, Zone: "no such interface"},
	} {
		addr, err := l.AddAddress(a, nil)
		require.Nil(t, addr)
		var op *net.OpError
		require.ErrorAs(t, err, &op, "%#v", a)
		require.Equal(t, "listen", op.Op)
		require.NotContains(t, err.Error(), "%!")
	}
	require.Empty(t, l.Addrs())
}

func TestErrorsOfAClosedListener(t *testing.T) {
	l, addr := listenOn(t, "tcp", "127.0.0.1:0")
	require.NoError(t, l.Close())
	_, err := l.Listen("tcp", "127.0.0.1:0")
	requireOpError(t, err, "listen", "tcp", net.ErrClosed)
	_, err = l.AddAddress(addr, nil)
	requireOpError(t, err, "listen", "tcp", net.ErrClosed)
	_, _, err = l.Accept(context.Background())
	requireOpError(t, err, "accept", "tcp", net.ErrClosed)
}

// http.Server and others go on after a temporary error of Accept.
func TestOutOfDescriptorsIsTemporary(t *testing.T) {
	l, addr := listenOn(t, "tcp", "127.0.0.1:0")
	socket := rawSocket(t)
	limitDescriptors(t, 256)
	free := takeAllDescriptors(t)
	rawConnect(t, socket, addr)
	_, err := l.NetListener().Accept()
	requireOpError(t, err, "accept", "tcp", syscall.EMFILE)
	te, ok := err.(interface{ Temporary() bool })
	require.True(t, ok)
	require.True(t, te.Temporary())
	free()
	c, _, err := l.Accept(context.Background())
	require.NoError(t, err, "the client has waited")
	require.NoError(t, c.Close())
}
