//go:build !race && !asan

package gio_test

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// The instrumented builds allocate on their own account.

func TestReadAndWriteAllocateNothing(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		b := make([]byte, 64)
		one := func() {
			_, err := c.Write(b)
			if err == nil {
				_, err = io.ReadFull(peer, b)
			}
			if err == nil {
				_, err = peer.Write(b)
			}
			if err == nil {
				_, err = c.Read(b) // what was written is there
			}
			if err != nil {
				panic(err)
			}
		}
		require.Zero(t, testing.AllocsPerRun(500, one), "before it has ever waited")
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour)))
		require.Zero(t, testing.AllocsPerRun(500, one), "with the poller")
	})
}

// The read that waits, as most do on a connection that lives long.
func TestReadThatWaitsAllocatesNothing(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b := make([]byte, 64)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		}()
		b := make([]byte, 64)
		one := func() {
			_, err := peer.Write(b)
			if err == nil {
				_, err = io.ReadFull(peer, b)
			}
			if err != nil {
				panic(err)
			}
		}
		for range 10 { // until it has its place with the poller
			one()
		}
		// Of the whole program: somebody else's may come in between.
		require.Less(t, testing.AllocsPerRun(1000, one), 0.5)
		require.NoError(t, peer.Close())
		<-ended
	})
}

func TestOptionsAllocateNothing(t *testing.T) {
	c, _ := pair(t, "tcp", "127.0.0.1:0")
	c.LocalAddr()
	c.RemoteAddr()
	until := time.Now().Add(time.Hour)
	require.Zero(t, testing.AllocsPerRun(200, func() {
		_ = c.SetReadDeadline(until)
		_ = c.SetDeadline(time.Time{})
		_ = c.LocalAddr()
		_ = c.RemoteAddr()
		_ = c.Source()
	}))
}
