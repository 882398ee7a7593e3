package gio_test

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
)

var names atomic.Int64

// everyNetwork runs f with an address to listen on for each kind of socket.
func everyNetwork(t *testing.T, f func(t *testing.T, network, address string)) {
	t.Run("tcp4", func(t *testing.T) { f(t, "tcp", "127.0.0.1:0") })
	t.Run("tcp6", func(t *testing.T) { f(t, "tcp", "[::1]:0") })
	t.Run("unix", func(t *testing.T) { f(t, "unix", filepath.Join(t.TempDir(), "s")) })
	t.Run("abstract", func(t *testing.T) {
		f(t, "unix", "@glibserve-test-"+strconv.Itoa(int(names.Add(1)))+"-"+filepath.Base(t.TempDir()))
	})
}

// pair returns both ends of a connection: the library's and package net's.
func pair(t testing.TB, network, address string) (*gio.SocketConnection, net.Conn) {
	t.Helper()
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen(network, address)
	require.NoError(t, err)
	peer, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = peer.Close() })
	c, _, err := l.Accept(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, peer
}

func TestConnIsANetConn(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			a, b := pair(t, network, address)
			return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
		})
	})
}
