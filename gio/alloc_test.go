//go:build !race && !asan

package gio_test

import (
	"context"
	"io"
	"net"
	"sync"
	"syscall"
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
		c.SetIdleTimeout(time.Hour)
		require.Zero(t, testing.AllocsPerRun(500, one), "with an idle timeout")
	})
}

// The read that waits, as most do on a connection that lives long.
func TestReadThatWaitsAllocatesNothing(t *testing.T) {
	readThatWaits(t, func(*gio.SocketConnection) {})
}

func TestReadThatWaitsWithAnIdleTimeoutAllocatesNothing(t *testing.T) {
	readThatWaits(t, func(c *gio.SocketConnection) { c.SetIdleTimeout(time.Hour) })
}

func readThatWaits(t *testing.T, prepare func(*gio.SocketConnection)) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		prepare(c)
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

// connAllocs is the ceiling for a whole connection: accepted, served by a
// goroutine that served another one before, read, written and closed. They are
// the *SocketConnection and the state behind it.
const connAllocs = 2

func TestAConnectionAllocatesLittle(t *testing.T) {
	bytes := sync.Pool{New: func() any { return new([1]byte) }}
	svc, addr := newService(t, nil)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		b := bytes.Get().(*[1]byte)
		if _, err := c.Read(b[:]); err == nil {
			_, _ = c.Write(b[:])
		}
		bytes.Put(b)
	})
	tcp := addr.(*net.TCPAddr)
	to := &syscall.SockaddrInet4{Port: tcp.Port, Addr: [4]byte(tcp.IP.To4())}
	b := make([]byte, 1)
	one := func() {
		// System calls alone: a client of package net would be counted too.
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err == nil {
			err = syscall.Connect(fd, to)
		}
		if err == nil {
			_, err = syscall.Write(fd, b)
		}
		for n := 1; err == nil && n > 0; { // the byte, and the end
			n, err = syscall.Read(fd, b)
		}
		if err != nil {
			panic(err)
		}
		_ = syscall.Close(fd)
	}
	for range 100 {
		one()
	}
	n := testing.AllocsPerRun(1000, one)
	t.Logf("%v allocations for each connection", n)
	require.LessOrEqual(t, n, float64(connAllocs))
}
