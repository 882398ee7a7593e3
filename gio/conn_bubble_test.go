//go:build go1.25

package gio_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// A connection may be used inside and outside of bubbles, wherever it was made. Its
// timeouts are real time.
func TestConnectionsInAndOutOfBubbles(t *testing.T) {
	use := func(t *testing.T, a, b *gio.SocketConnection) {
		t.Helper()
		for range 10 {
			read := make(chan error, 1)
			go func() {
				_, err := io.ReadFull(a, make([]byte, 4))
				read <- err
			}()
			_, err := b.Write([]byte("word"))
			require.NoError(t, err)
			require.NoError(t, <-read)
		}
		a.SetIdleTimeout(soon)
		_, err := a.Read(make([]byte, 1))
		requireIdle(t, err)
		a.SetIdleTimeout(0)
		require.NoError(t, a.SetReadDeadline(time.Now().Add(soon)))
		_, err = a.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.NoError(t, a.SetReadDeadline(time.Time{}))
	}
	outside, peer := socketPair(t)
	var inside [2]*gio.SocketConnection
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			use(t, outside, peer)
			a, b, err := gio.SocketPair()
			require.NoError(t, err)
			use(t, a, b)
			inside = [2]*gio.SocketConnection{a, b}
		})
		use(t, outside, peer)
		use(t, inside[0], inside[1])
		require.NoError(t, inside[0].Close())
		require.NoError(t, inside[1].Close())
	}
	errc := reading(t, outside)
	waitingIn(t, "gio.(*SocketConnection).Read")
	synctest.Test(t, func(t *testing.T) { require.NoError(t, outside.Close()) })
	require.ErrorIs(t, receive(t, errc), net.ErrClosed)
}
