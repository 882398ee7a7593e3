package gio_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// GIO closes what it has been given: bytes must not go to a descriptor that may
// be somebody else's by then.
func TestBytesMoveByGIOOnceOthersMayHaveTheObjects(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		sayBoth(t, c, peer)
		require.Equal(t, !gio.HasCalls, c.Exposed(), "without calls of its own, all goes by GIO")
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
	shared := make(chan bool)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		shared <- c.Exposed()
		_ = c.Close()
		return true
	})
	dial(t, addr)
	require.True(t, receive(t, shared), "others may have seen the emission")
}
