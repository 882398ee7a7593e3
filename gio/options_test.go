package gio_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// option asks the kernel.
func option(t testing.TB, c syscall.Conn, level, name int) int {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	v, serr := 0, error(nil)
	require.NoError(t, raw.Control(func(fd uintptr) { v, serr = syscall.GetsockoptInt(int(fd), level, name) }))
	require.NoError(t, serr)
	return v
}

func everyTCP(t *testing.T, f func(t *testing.T, network, address string)) {
	t.Run("tcp4", func(t *testing.T) { f(t, "tcp4", "127.0.0.1:0") })
	t.Run("tcp6", func(t *testing.T) {
		needIPv6(t)
		f(t, "tcp6", "[::1]:0")
	})
}

func TestNoDelayIsOnFromTheStart(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, _ := pair(t, network, address)
		require.Equal(t, 1, option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
		require.NoError(t, c.SetNoDelay(false))
		require.Zero(t, option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
		require.NoError(t, c.SetNoDelay(true))
		require.Equal(t, 1, option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
	})
}

// Every way of adding an address, and clients taken one by one as well as many
// at a time.
func TestNoDelayIsOnHoweverTheClientCame(t *testing.T) {
	l := gio.NewSocketService(nil)
	defer l.Close()
	_, err := l.Listen("tcp", ":0")
	require.NoError(t, err)
	_, err = l.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	require.NoError(t, err)
	_, err = l.AddAnyInetPort(nil)
	require.NoError(t, err)
	addrs := l.Addrs()
	n := 0
	for _, a := range addrs {
		for range 5 {
			dial(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.(*net.TCPAddr).Port})
			n++
		}
	}
	for c, err := range l.Conns(t.Context()) {
		require.NoError(t, err)
		require.Equal(t, 1, option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
		require.NoError(t, c.Close())
		if n--; n == 0 {
			break
		}
	}
}

func TestNoDelayOnAUnixSocketIsAnError(t *testing.T) {
	c, _ := pair(t, "unix", "@"+t.Name())
	require.Error(t, c.SetNoDelay(true))
}

func TestKeepAliveIsSwitched(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, _ := pair(t, network, address)
		require.Zero(t, option(t, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
		require.NoError(t, c.SetKeepAlive(true))
		require.Equal(t, 1, option(t, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
		require.NoError(t, c.SetKeepAlive(false))
		require.Zero(t, option(t, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
	})
}

func TestLingerZeroResets(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
	_, err := peer.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
}

func TestNegativeLingerDelivers(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.SetLinger(-1))
	_, err := c.Write([]byte("delivered"))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	b, err := io.ReadAll(peer)
	require.NoError(t, err)
	require.Equal(t, "delivered", string(b))
}

func TestOptionsAfterCloseSayClosed(t *testing.T) {
	c, _ := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.Close())
	for name, err := range map[string]error{
		"SetNoDelay":   c.SetNoDelay(true),
		"SetKeepAlive": c.SetKeepAlive(true),
		"SetLinger":    c.SetLinger(0),
	} {
		require.ErrorIs(t, err, net.ErrClosed, name)
	}
}
