package gio_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// requireTimeout wants what package net returns after a deadline.
func requireTimeout(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	ne, ok := err.(net.Error) // callers assert it without errors.As
	require.True(t, ok, "%T is no net.Error", err)
	require.True(t, ne.Timeout())
	var op *net.OpError
	require.ErrorAs(t, err, &op)
}

// fill writes until a peer that does not read takes nothing more, and returns how much
// was reported as written. On a machine that is busy or emulated it takes its time:
// the socket is full where no byte has gone in for a while, nor does one go in at the
// end of it: a wait does not end for a little room, which the kernel may have made.
func fill(t *testing.T, c net.Conn) (total int) {
	t.Helper()
	const short, long = 10 * time.Millisecond, 250 * time.Millisecond
	chunk, waits := make([]byte, 100_000), []time.Duration{short, long, short}
	for i := 0; i < len(waits); {
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(waits[i])))
		n, err := c.Write(chunk)
		total += n
		if err != nil {
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		if i++; n > 0 {
			i = 0
		}
	}
	return total
}

var past = time.Unix(1, 0)

func TestPastDeadlineFailsThoughDataIsReady(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		b := make([]byte, 2)
		_, err := peer.Write([]byte("xyz"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, b[:1])
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(past))
		for range 2 {
			n, err := c.Read(b)
			requireTimeout(t, err)
			require.Zero(t, n)
			n, err = c.Write(b)
			requireTimeout(t, err)
			require.Zero(t, n)
		}
		require.NoError(t, c.SetDeadline(time.Time{}))
		_, err = io.ReadFull(c, b)
		require.NoError(t, err)
		require.Equal(t, "yz", string(b), "nothing was lost")
	})
}

func TestDeadlineWakesARead(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		for _, when := range []func() time.Time{
			func() time.Time { return past },
			func() time.Time { return time.Now().Add(5 * time.Millisecond) },
		} {
			require.NoError(t, c.SetReadDeadline(time.Time{}))
			errc := reading(t, c)
			require.NoError(t, c.SetReadDeadline(when()))
			requireTimeout(t, receive(t, errc))
		}
	})
}

func TestDeadlineWakesAWrite(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		errc := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 64<<20))
			errc <- err
		}()
		parked(t, "gio.(*SocketConnection).Write", 1)
		require.NoError(t, c.SetWriteDeadline(past))
		requireTimeout(t, receive(t, errc))
	})
}

func TestClearedDeadlineLetsReadsWait(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.NoError(t, c.SetReadDeadline(past))
		_, err := c.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		errc := make(chan error, 1)
		b := make([]byte, 1)
		go func() {
			_, err := c.Read(b)
			errc <- err
		}()
		parked(t, "gio.(*SocketConnection).Read", 1)
		_, err = peer.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, errc))
		require.Equal(t, "x", string(b))
	})
}

func TestDeadlineMayBePutOffWhileAReadWaits(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		errc := reading(t, c)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(2*time.Hour)))
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		_, err := peer.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, errc))
	})
}

func TestDeadlinesOfReadAndWriteAreApart(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.NoError(t, c.SetReadDeadline(past))
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		require.NoError(t, c.SetWriteDeadline(past))
		_, err = c.Write([]byte("x"))
		requireTimeout(t, err)
		_, err = peer.Write([]byte("y"))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.NoError(t, err)
	})
}

func TestWriteDeadlineTellsHowMuchWentOut(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		b := make([]byte, 32<<20)
		for i := range b {
			b[i] = byte(i>>8) ^ byte(i)
		}
		n := 0
		for wait := 30 * time.Millisecond; n == 0; wait *= 2 { // a busy machine may not come to Write in time
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(wait)))
			var err error
			n, err = c.Write(b)
			requireTimeout(t, err)
		}
		require.Less(t, n, len(b))
		require.NoError(t, c.SetWriteDeadline(time.Time{}))
		// The rest can follow without a gap.
		go func() {
			_, _ = c.Write(b[n:])
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got), "%d of %d bytes", len(got), len(b))
	})
}

// What was tried without the poller at first counts as well.
func TestDeadlineAfterTheFirstOperations(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		for range 3 {
			_, err := c.Write([]byte("x"))
			require.NoError(t, err)
			_, err = peer.Write([]byte("x"))
			require.NoError(t, err)
			_, err = c.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		requireTimeout(t, err)
	})
}

func TestDeadlinesAfterCloseSayClosed(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		require.NoError(t, c.Close())
		for _, when := range []time.Time{{}, past, time.Now().Add(time.Hour)} {
			for _, set := range []func(time.Time) error{c.SetDeadline, c.SetReadDeadline, c.SetWriteDeadline} {
				err := set(when)
				require.ErrorIs(t, err, net.ErrClosed)
				require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
			}
		}
	})
}
