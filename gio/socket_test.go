package gio_test

import (
	"context"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestAcceptSocketGivesTheSocketAndItsSource(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l := gio.NewSocketListener(nil)
		defer l.Close()
		addr, err := l.Listen(network, address)
		require.NoError(t, err)
		peer := dial(t, addr)
		s, source, err := l.AcceptSocket(context.Background())
		require.NoError(t, err)
		defer s.Close()
		require.Nil(t, source)
		require.Equal(t, peer.LocalAddr().String(), s.RemoteAddr().String())
		require.Equal(t, addr.String(), s.LocalAddr().String())
		require.Equal(t, 1, option(t, s, syscall.SOL_SOCKET, syscall.SO_TYPE))

		f, err := s.File()
		require.NoError(t, err)
		defer f.Close()
		requireClosesOnExec(t, f)
		conn := s.Connection()
		require.Same(t, s.Connection(), conn)
		_, err = conn.Write([]byte("by the stream"))
		require.NoError(t, err)
		b := make([]byte, 13)
		_, err = peer.Read(b)
		require.NoError(t, err)
		require.Equal(t, "by the stream", string(b))
	})
}

func TestDuplicateWorksOnAfterClose(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	s := c.Socket()
	f, err := s.File()
	require.NoError(t, err)
	defer f.Close()
	g := s.Gotk4()
	require.Same(t, g, s.Gotk4())
	require.True(t, g.IsConnected())
	require.NoError(t, s.Close())
	require.Equal(t, -1, g.Fd(), "the GSocket has no descriptor any more")
	require.True(t, g.IsClosed())
	require.Nil(t, s.Gotk4())
	_, err = s.File()
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, c.Close(), net.ErrClosed)

	dup, err := net.FileConn(f)
	require.NoError(t, err)
	defer dup.Close()
	_, err = dup.Write([]byte("still"))
	require.NoError(t, err)
	b := make([]byte, 5)
	_, err = peer.Read(b)
	require.NoError(t, err)
	require.Equal(t, "still", string(b))
}

func TestAcceptSocketIsCancelled(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	_, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cancel()
	_, _, err = l.AcceptSocket(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestBacklogIsWhatWasSetByWhomever(t *testing.T) {
	l := gio.NewSocketListener(&gio.ListenerConfig{Backlog: 7})
	defer l.Close()
	require.Equal(t, 7, l.Backlog())
	seen := make(chan int, 8)
	h := l.ConnectNotifyBacklog(func(n int) { seen <- n })
	l.SetBacklog(8)
	require.Equal(t, 8, receive(t, seen))
	l.SetBacklog(8) // no change
	require.Empty(t, seen)

	g := l.Gotk4()
	require.NoError(t, l.Loop().Call(context.Background(), func() error {
		g.SetBacklog(9) // GIO's own function tells nobody
		return nil
	}))
	require.Equal(t, 9, l.Backlog())

	addr, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Equal(t, 9, listenBacklog(t, listening(t, addr)[0]))
	l.SetBacklog(10) // GIO refuses this with a critical
	require.Equal(t, 10, receive(t, seen))
	require.Equal(t, 10, listenBacklog(t, listening(t, addr)[0]))
	l.Disconnect(h)
	l.SetBacklog(11)
	require.Equal(t, 11, l.Backlog())
	require.Empty(t, seen)
	require.NoError(t, l.Close())
	l.SetBacklog(12)
	require.Zero(t, l.Backlog())
}
