package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestGettersFollowSetters(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, _ := pair(t, network, address)
		sec, err := c.Linger()
		require.NoError(t, err)
		require.Negative(t, sec, "the default")
		for _, want := range []int{0, 3, -1} {
			require.NoError(t, c.SetLinger(want))
			sec, err := c.Linger()
			require.NoError(t, err)
			require.Equal(t, want, sec)
		}
		for _, want := range []bool{true, false} {
			require.NoError(t, c.SetNoDelay(want))
			on, err := c.NoDelay()
			require.NoError(t, err)
			require.Equal(t, want, on)
			require.NoError(t, c.SetKeepAlive(want))
			on, err = c.KeepAlive()
			require.NoError(t, err)
			require.Equal(t, want, on)
			require.NoError(t, c.SetGracefulDisconnect(want))
			require.Equal(t, want, c.GracefulDisconnect())
		}
		require.NoError(t, c.Close())
		_, err = c.NoDelay()
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.KeepAlive()
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.Linger()
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, c.SetGracefulDisconnect(true), net.ErrClosed)
		require.False(t, c.GracefulDisconnect())
	})
}

func TestGracefulCloseWaitsUntilThePeerHasReadAll(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, peer := pair(t, network, address)
		require.NoError(t, c.SetGracefulDisconnect(true))
		closed := make(chan error, 1)
		const size = 1 << 20
		go func() {
			if _, err := c.Write(make([]byte, size)); err != nil {
				closed <- err
				return
			}
			closed <- c.Close()
		}()
		_, err := peer.Write([]byte("never read"))
		require.NoError(t, err)
		n, err := io.Copy(io.Discard, peer)
		require.NoError(t, err)
		require.EqualValues(t, size, n)
		parked(t, "gio.(*conn).drainIfGraceful", 1)
		require.Empty(t, closed)
		require.ErrorIs(t, c.Close(), net.ErrClosed, "it is under way")
		require.NotNil(t, c.LocalAddr())
		require.NoError(t, peer.Close())
		require.NoError(t, receive(t, closed))
		require.Equal(t, peer.RemoteAddr().String(), c.LocalAddr().String())
	})
}

func TestGracefulCloseTellsOfAPeerThatIsGone(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.SetGracefulDisconnect(true))
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	parked(t, "gio.(*conn).drainIfGraceful", 1)
	require.NoError(t, peer.(*net.TCPConn).SetLinger(0))
	require.NoError(t, peer.Close())
	require.ErrorIs(t, receive(t, closed), syscall.ECONNRESET)
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestGracefulCloseEndsWithoutThePeer(t *testing.T) {
	defer gio.SetGracefulTimeout(20 * time.Millisecond)()
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.SetGracefulDisconnect(true))
	require.ErrorIs(t, c.Close(), os.ErrDeadlineExceeded)
	requireEnd(t, peer)
	require.False(t, c.IsConnected())
}

func TestGracefulCloseWakesReadersAndWriters(t *testing.T) {
	defer gio.SetGracefulTimeout(50 * time.Millisecond)()
	c, _ := pair(t, "tcp", "127.0.0.1:0")
	require.NoError(t, c.SetGracefulDisconnect(true))
	errc := make(chan error, 2)
	go func() { _, err := c.Read(make([]byte, 1)); errc <- err }()
	go func() {
		_, err := c.Write(make([]byte, 64<<20))
		errc <- err
	}()
	parked(t, "gio.(*SocketConnection).Read", 1)
	parked(t, "gio.(*SocketConnection).Write", 1)
	require.Error(t, c.Close())
	require.ErrorIs(t, receive(t, errc), net.ErrClosed)
	require.ErrorIs(t, receive(t, errc), net.ErrClosed)
}

// Other code may set graceful-disconnect on the GObject: g_io_stream_close would
// then block its thread without limit.
func TestGracefulSetByOtherCodeHoldsNoThread(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	wrapped.Add(1)
	w := &gotkgio.TCPConnection{SocketConnection: *c.Gotk4()}
	w.SetGracefulDisconnect(true)
	require.True(t, c.GracefulDisconnect())
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	parked(t, "gio.(*conn).drainIfGraceful", 1)
	require.NoError(t, peer.Close())
	require.NoError(t, receive(t, closed))
}

func TestClosingTheServiceDoesNotWaitForGracefulOnes(t *testing.T) {
	svc, addr := newService(t, nil)
	done := make(chan error, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		done <- c.SetGracefulDisconnect(true)
		_, _ = io.Copy(io.Discard, c)
	})
	peer := dial(t, addr)
	require.NoError(t, receive(t, done))
	require.NoError(t, svc.Close())
	requireEnd(t, peer)
}

func TestGracefulDisconnectNeedsTCP(t *testing.T) {
	a, _ := socketPair(t)
	require.ErrorIs(t, a.SetGracefulDisconnect(true), syscall.EOPNOTSUPP)
	require.False(t, a.GracefulDisconnect())
	_, err := a.NoDelay()
	require.Error(t, err)
}
