package gio_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// requireAddrs wants what package net says of the same two sockets.
func requireAddrs(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
	t.Helper()
	local, remote := peer.RemoteAddr(), peer.LocalAddr()
	require.IsType(t, local, c.LocalAddr())
	require.Equal(t, local.String(), c.LocalAddr().String())
	require.Equal(t, local.Network(), c.LocalAddr().Network())
	require.IsType(t, remote, c.RemoteAddr())
	require.Equal(t, remote.Network(), c.RemoteAddr().Network())
	if remote.Network() == "unix" {
		require.Equal(t, "@", c.RemoteAddr().String(), "a peer without a name")
		return
	}
	require.Equal(t, remote.String(), c.RemoteAddr().String())
}

func TestAddressesBeforeAndAfterClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		requireAddrs(t, c, peer)
		require.NoError(t, c.Close())
		requireAddrs(t, c, peer)
	})
}

func TestAddressesFirstAskedAfterClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.NoError(t, c.Close())
		requireAddrs(t, c, peer)
	})
}

// On a socket that listens everywhere, only the connection knows its address.
func TestAddressesWhileAnotherGoroutineCloses(t *testing.T) {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	port, err := svc.AddAnyInetPort(nil)
	require.NoError(t, err)
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}
	for range 200 {
		peer := dial(t, addr)
		c, _, err := svc.Accept(context.Background())
		require.NoError(t, err)
		var wg sync.WaitGroup
		got := make([]string, 4)
		for i := range got {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for c.IsConnected() {
				}
				got[i] = c.LocalAddr().String()
			}()
		}
		require.NoError(t, c.Close())
		wg.Wait()
		for _, s := range got {
			require.Equal(t, addr.String(), s)
		}
		_ = peer.Close()
	}
}

func TestNamedPeersHaveTheirName(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "peer"), abstract(t)} {
		l := gio.NewSocketListener(nil)
		defer l.Close()
		addr, err := l.Listen("unix", abstract(t))
		require.NoError(t, err)
		local := &net.UnixAddr{Name: name, Net: "unix"}
		peer, err := net.DialUnix("unix", local, addr.(*net.UnixAddr))
		require.NoError(t, err)
		defer peer.Close()
		c, _, err := l.Accept(context.Background())
		require.NoError(t, err)
		require.Equal(t, local, c.RemoteAddr())
		require.Equal(t, addr, c.LocalAddr())
		require.NoError(t, c.Close())
		require.Equal(t, local, c.RemoteAddr())
		require.Equal(t, addr, c.LocalAddr())
	}
}

// GIO answers NULL for such a peer's address.
func TestAddressOfAPeerThatResetBeforeItWasAccepted(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l := gio.NewSocketListener(nil)
		defer l.Close()
		addr, err := l.Listen(network, address)
		require.NoError(t, err)
		peer := dial(t, addr)
		if tcp, ok := peer.(*net.TCPConn); ok {
			require.NoError(t, tcp.SetLinger(0))
		}
		require.NoError(t, peer.Close())
		c, _, err := l.Accept(context.Background())
		require.NoError(t, err)
		check := func() {
			require.NotNil(t, c.RemoteAddr())
			require.Equal(t, addr.Network(), c.RemoteAddr().Network())
			require.NotEmpty(t, c.RemoteAddr().String())
			require.Equal(t, addr.String(), c.LocalAddr().String())
		}
		check()
		_, err = c.Read(make([]byte, 1))
		require.Error(t, err)
		if network == "tcp" {
			require.NotEqual(t, io.EOF, err)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.Equal(t, "tcp", op.Net)
		}
		require.NoError(t, c.Close())
		check()
	})
}

// Callers may change what they got, as package net's address of a connection is
// nobody else's.
func TestAddressesAreTheConnectionsOwn(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	want := addr.String()
	for range 2 {
		dial(t, addr)
		c, _, err := l.Accept(context.Background())
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, want, c.LocalAddr().String())
		c.LocalAddr().(*net.TCPAddr).Port = 1
		c.LocalAddr().(*net.TCPAddr).IP[3] = 9
		require.Equal(t, want, l.Addrs()[0].String())
	}
}
