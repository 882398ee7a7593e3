package gio_test

import (
	"context"
	"io"
	"net"
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// gotk4 counts the connection among those whose wrapper keeps them.
func gotk4(c *gio.SocketConnection) *gotkgio.SocketConnection {
	wrapped.Add(1)
	return c.Gotk4()
}

func TestGotk4sMethodsWorkOnAConnection(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		object := gotk4(c)
		require.NotNil(t, object)
		require.Same(t, object, c.Gotk4(), "made once")
		require.True(t, object.IsConnected())
		require.False(t, object.IsClosed())
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "still a net.Conn")
		require.NoError(t, c.Close())
		require.False(t, object.IsConnected())
		require.True(t, object.IsClosed(), "Close still closes, and the object lives on")
		require.Nil(t, c.Gotk4())
	})
}

// Other code closed the stream: that shows, nothing hangs, and Close still ends
// what is ours.
func TestStreamThatOtherCodeClosed(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		object := gotk4(c)
		require.NoError(t, object.Close(context.Background()))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.Write([]byte("x"))
		require.ErrorIs(t, err, net.ErrClosed)
		require.Error(t, c.CloseWrite())
		require.False(t, c.IsConnected())
		require.NoError(t, c.Close())
		_, err = peer.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestGotk4OfAListener(t *testing.T) {
	l := gio.NewSocketListener(nil)
	object := l.Gotk4()
	require.NotNil(t, object)
	require.Same(t, object, l.Gotk4())
	addr := loopback(t, l, nil)
	c, peer := join(t, l, addr)
	go func() { _, _ = io.Copy(c, c) }()
	say(t, peer, "hello")
	require.NoError(t, c.Close())
	require.NoError(t, l.Close())
}
