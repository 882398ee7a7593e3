package gio_test

import (
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestSyscallConnReadsAndWrites(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		b := make([]byte, 16)
		n := 0
		var serr error
		done := make(chan error, 1)
		go func() {
			done <- raw.Read(func(fd uintptr) bool {
				n, serr = syscall.Read(int(fd), b)
				return serr != syscall.EAGAIN
			})
		}()
		parked(t, "gio.(*rawConn).Read", 1)
		_, err = peer.Write([]byte("in"))
		require.NoError(t, err)
		require.NoError(t, receive(t, done))
		require.NoError(t, serr)
		require.Equal(t, "in", string(b[:n]))

		require.NoError(t, raw.Write(func(fd uintptr) bool {
			_, serr = syscall.Write(int(fd), []byte("out"))
			return serr != syscall.EAGAIN
		}))
		require.NoError(t, serr)
		_, err = io.ReadFull(peer, b[:3])
		require.NoError(t, err)
		require.Equal(t, "out", string(b[:3]))
	})
}

func TestSyscallConnControlSeesTheSocket(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		require.Equal(t, syscall.SOCK_STREAM, option(t, c, syscall.SOL_SOCKET, syscall.SO_TYPE))
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		require.NoError(t, raw.Control(func(fd uintptr) {
			require.True(t, closesOnExec(t, int(fd)))
			require.NoError(t, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1))
		}))
		require.Equal(t, 1, option(t, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE))
	})
}

func TestSyscallConnKeepsTheDeadlines(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		require.NoError(t, c.SetDeadline(past))
		never := func(uintptr) bool { return false }
		requireTimeout(t, raw.Read(never))
		requireTimeout(t, raw.Write(never))
	})
}

func TestSyscallConnAfterClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- raw.Read(func(uintptr) bool { return false }) }()
		parked(t, "gio.(*rawConn).Read", 1)
		require.NoError(t, c.Close())
		require.ErrorIs(t, receive(t, done), net.ErrClosed)
		_, err = c.SyscallConn()
		require.ErrorIs(t, err, net.ErrClosed)
		called := func(uintptr) bool { require.Fail(t, "called after Close"); return true }
		require.ErrorIs(t, raw.Control(func(fd uintptr) { called(fd) }), net.ErrClosed)
		require.ErrorIs(t, raw.Read(called), net.ErrClosed)
		require.ErrorIs(t, raw.Write(called), net.ErrClosed)
	})
}

// Close waits for who is inside Control, who may use the connection meanwhile.
func TestConnectionIsUsableInsideControl(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		raw, err := c.SyscallConn()
		require.NoError(t, err)
		closed := make(chan error, 1)
		require.NoError(t, raw.Control(func(uintptr) {
			go func() { closed <- c.Close() }()
			for c.IsConnected() {
			}
			require.ErrorIs(t, c.SetDeadline(past), net.ErrClosed)
			_, err := c.SyscallConn()
			require.ErrorIs(t, err, net.ErrClosed)
			_, err = c.Read(make([]byte, 1))
			require.ErrorIs(t, err, net.ErrClosed)
		}))
		require.NoError(t, receive(t, closed))
	})
}
