package gio_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestCloseWakesRead(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		errc := reading(t, c)
		require.NoError(t, c.Close())
		require.ErrorIs(t, receive(t, errc), net.ErrClosed)
	})
}

func TestCloseWakesWrite(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		type result struct {
			n   int
			err error
		}
		ch := make(chan result, 1)
		size := 64 << 20
		go func() {
			n, err := c.Write(make([]byte, size))
			ch <- result{n, err}
		}()
		parked(t, "gio.(*SocketConnection).Write", 1)
		require.NoError(t, c.Close())
		r := receive(t, ch)
		require.ErrorIs(t, r.err, net.ErrClosed)
		require.Positive(t, r.n)
		require.Less(t, r.n, size)
	})
}

func TestCloseWakesWhoWaitsForTheirTurn(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		const n = 4
		errc := make(chan error, 2*n)
		for range n {
			go func() {
				_, err := c.Read(make([]byte, 1))
				errc <- err
			}()
			go func() {
				_, err := c.Write(make([]byte, 64<<20))
				errc <- err
			}()
		}
		parked(t, "gio.(*SocketConnection).Read", n)
		parked(t, "gio.(*SocketConnection).Write", n)
		require.NoError(t, c.Close())
		for range 2 * n {
			require.ErrorIs(t, receive(t, errc), net.ErrClosed)
		}
	})
}

func TestOneCloseSucceeds(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		const n = 16
		errc := make(chan error, n)
		start := make(chan struct{})
		for range n {
			go func() { <-start; errc <- c.Close() }()
		}
		close(start)
		good := 0
		for range n {
			if err := receive(t, errc); err == nil {
				good++
			} else {
				require.ErrorIs(t, err, net.ErrClosed)
			}
		}
		require.Equal(t, 1, good)
		_, err := peer.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestCloseDeliversWhatWasWritten(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		b := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			_, _ = c.Write(b)
			_ = c.Close()
		}()
		got, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got), "%d of %d bytes", len(got), len(b))
	})
}

// The duplicate for the poller must not keep the connection open by itself.
func TestPeerSeesTheEndAtClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(uintptr) {}))
		require.NoError(t, c.Close())
		_, err = peer.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestCloseInTheMiddleOfEcho(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l, addr := listenOn(t, network, address)
		for range 50 {
			c, peer := join(t, l, addr)
			var wg sync.WaitGroup
			wg.Add(2)
			go func() { defer wg.Done(); _, _ = io.Copy(c, c) }()
			go func() {
				defer wg.Done()
				b := make([]byte, 16<<10)
				for {
					if _, err := peer.Write(b); err != nil {
						return
					}
					if _, err := io.ReadFull(peer, b); err != nil {
						return
					}
				}
			}()
			require.NoError(t, c.Close())
			wg.Wait()
			_ = peer.Close()
		}
	})
}

func TestCloseReadGivesWhatHadArrivedAndThenTheEnd(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		_, err := peer.Write([]byte("arrived"))
		require.NoError(t, err)
		b := make([]byte, 1)
		_, err = io.ReadFull(c, b) // so the rest has arrived as well
		require.NoError(t, err)
		require.NoError(t, c.CloseRead())
		rest, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "arrived", string(b)+string(rest))
		_, err = c.Write([]byte("writing goes on"))
		require.NoError(t, err)
	})
}

func TestCloseReadWakesRead(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		errc := reading(t, c)
		require.NoError(t, c.CloseRead())
		require.Equal(t, io.EOF, receive(t, errc))
	})
}

func TestCloseWriteLosesNothing(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		b := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
		go func() {
			_, _ = c.Write(b)
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, got), "%d of %d bytes", len(got), len(b))
		// The other direction is untouched.
		_, err = peer.Write([]byte("answer"))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "answer", string(answer))
	})
}

func TestConnectionOutlivesItsListener(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l, addr := listenOn(t, network, address)
		c, peer := join(t, l, addr)
		defer c.Close()
		errc := reading(t, c)
		require.NoError(t, l.Close())
		_, err := peer.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, errc))
		go func() { _, _ = io.Copy(c, c) }()
		for range 10 {
			say(t, peer, "still there")
		}
	})
}
