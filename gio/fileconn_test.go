package gio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

func init() {
	// As inetd or systemd with Accept=yes starts a server.
	helpers["echoes on standard input"] = func([]string) error {
		c, err := gio.FileConn(os.Stdin)
		if err != nil {
			return err
		}
		if err := os.Stdin.Close(); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "%v %v\n", c.LocalAddr(), c.RemoteAddr()); err != nil {
			return err
		}
		if _, err := io.Copy(c, c); err != nil {
			return err
		}
		return c.Close()
	}
}

// accepted is a connection as a file, and its peer.
func accepted(t *testing.T, network string) (f *os.File, peer net.Conn) {
	t.Helper()
	ln := listenNet(t, network, filepath.Join(t.TempDir(), "s"))
	peer = dial(t, ln.Addr())
	c, err := ln.Accept()
	require.NoError(t, err)
	defer c.Close()
	f, err = c.(interface{ File() (*os.File, error) }).File()
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, peer
}

func eachFile(t *testing.T, f func(t *testing.T, file *os.File, peer net.Conn)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			file, peer := accepted(t, network)
			f(t, file, peer)
		})
	}
}

func TestFileConnIsADuplicate(t *testing.T) {
	eachFile(t, func(t *testing.T, f *os.File, peer net.Conn) {
		c, err := gio.FileConn(f)
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, peer.LocalAddr().String(), c.RemoteAddr().String())
		require.False(t, c.Exposed())
		if c.LocalAddr().Network() == "tcp" {
			on, err := c.NoDelay()
			require.NoError(t, err)
			require.True(t, on)
		}
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "hello")
		_, err = f.Write([]byte("the file's"))
		require.NoError(t, err)
		b := make([]byte, 10)
		_, err = io.ReadFull(peer, b)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		say(t, peer, "still there")
		require.NoError(t, c.Close())
		requireEnd(t, peer)
	})
}

func TestFileStaysTheCallersAfterClose(t *testing.T) {
	eachFile(t, func(t *testing.T, f *os.File, peer net.Conn) {
		c, err := gio.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		_, err = f.Write([]byte("still"))
		require.NoError(t, err)
		_, err = io.ReadFull(peer, make([]byte, 5))
		require.NoError(t, err)
	})
}

// Whoever has the file may make it a blocking one at any moment.
func TestFileThatIsMadeBlockingHoldsNobody(t *testing.T) {
	eachFile(t, func(t *testing.T, f *os.File, peer net.Conn) {
		c, err := gio.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, unix.SetNonblock(int(f.Fd()), false))
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		_, err = c.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		require.NoError(t, unix.SetNonblock(int(f.Fd()), false))
		ended := reading(t, c)
		closed := make(chan error, 1)
		go func() { closed <- c.Close() }()
		require.NoError(t, receive(t, closed))
		require.ErrorIs(t, receive(t, ended), net.ErrClosed)
	})
}

func TestForgottenFileConnIsClosed(t *testing.T) {
	eachFile(t, func(t *testing.T, f *os.File, peer net.Conn) {
		_, err := gio.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		requireForgotten(t, peer)
	})
}

func TestStandardInputIsAConnection(t *testing.T) {
	eachFile(t, func(t *testing.T, f *os.File, peer net.Conn) {
		cmd := helper(t, "echoes on standard input")
		cmd.Stdin, cmd.Stderr = f, os.Stderr
		require.NoError(t, cmd.Start())
		require.NoError(t, f.Close())
		want := fmt.Sprintf("%v %v\n", peer.RemoteAddr(), peer.LocalAddr())
		b := make([]byte, len(want))
		_, err := io.ReadFull(peer, b)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
		say(t, peer, "hello")
		require.NoError(t, peer.(interface{ CloseWrite() error }).CloseWrite())
		requireEnd(t, peer)
		require.NoError(t, cmd.Wait())
	})
}

// pySender connects to argv[1] and passes its end of a socket pair, which it echoes on.
const pySender = `
import socket, sys
from gi.repository import Gio
client = Gio.SocketClient()
conn = client.connect(Gio.UnixSocketAddress.new(sys.argv[1]), None)
ours, theirs = socket.socketpair()
assert conn.send_fd(theirs.fileno(), None)
theirs.close()
while True:
    data = ours.recv(100)
    if not data:
        break
    ours.sendall(data.upper())
`

func TestSocketThatPyGObjectSendsIsAConnection(t *testing.T) {
	python := testprogram.PyGObject(t)
	path := filepath.Join(t.TempDir(), "s")
	l, _ := listenOn(t, "unix", path)
	cmd := exec.CommandContext(t.Context(), python, "-c", pySender, path)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	c, _, err := l.Accept(context.Background())
	require.NoError(t, err)
	defer c.Close()
	f, err := c.ReceiveFile()
	require.NoError(t, err)
	passed, err := gio.FileConn(f)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, passed.SetDeadline(time.Now().Add(patience)))
	_, err = passed.Write([]byte("hello"))
	require.NoError(t, err)
	b := make([]byte, 5)
	_, err = io.ReadFull(passed, b)
	require.NoError(t, err)
	require.Equal(t, "HELLO", string(b))
	require.NoError(t, passed.Close())
	require.NoError(t, cmd.Wait())
}

// socketFile is a new socket as a file.
func socketFile(t *testing.T, family, kind int) *os.File {
	t.Helper()
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	return closing(t, fd)
}

func TestFileThatIsNoConnectionSaysWhy(t *testing.T) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	closed, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	udp := socketFile(t, unix.AF_INET, unix.SOCK_DGRAM)
	require.NoError(t, unix.Connect(int(udp.Fd()), &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}}))
	for name, tt := range map[string]struct {
		f    *os.File
		is   error
		text string
	}{
		"nil":           {nil, os.ErrInvalid, "invalid"},
		"closed":        {closed, os.ErrClosed, "closed"},
		"no socket":     {null, syscall.ENOTSOCK, os.DevNull + ": not a socket"},
		"datagrams":     {udp, syscall.ESOCKTNOSUPPORT, "not a stream socket"},
		"not connected": {socketFile(t, unix.AF_INET6, unix.SOCK_STREAM), syscall.ENOTCONN, "not connected"},
		"listens":       {fileOf(t, listenNet(t, "tcp", "")), syscall.EINVAL, "AddFile"},
	} {
		c, err := gio.FileConn(tt.f)
		require.Nil(t, c, name)
		require.ErrorIs(t, err, tt.is, name)
		require.ErrorContains(t, err, tt.text, name)
		var op *net.OpError
		require.ErrorAs(t, err, &op, name)
		require.Equal(t, "file", op.Op, name)
	}
}
