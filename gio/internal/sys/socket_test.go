package sys_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

func TestCallsDoNotBlockOnABlockingSocket(t *testing.T) {
	for _, brief := range []bool{false, true} {
		a, b := pair(t)
		buf := make([]byte, 64<<10)
		_, errno := sys.Recv(a, buf, brief)
		require.Equal(t, syscall.EAGAIN, errno)
		sent := 0
		for errno = 0; errno == 0; {
			var n int
			n, errno = sys.Send(a, buf, brief)
			sent += n
		}
		require.Equal(t, syscall.EAGAIN, errno, "full")
		require.NoError(t, unix.Shutdown(a, unix.SHUT_WR))
		got := 0
		for {
			n, errno := sys.Recv(b, buf, brief)
			require.Zero(t, errno)
			if n == 0 {
				break
			}
			got += n
		}
		require.Equal(t, sent, got)
	}
}

func TestSendToWhoHasGoneRaisesNoSignal(t *testing.T) {
	a, b := pair(t)
	require.NoError(t, unix.Shutdown(b, unix.SHUT_RD))
	_, errno := sys.Send(a, []byte("x"), true)
	require.Equal(t, syscall.EPIPE, errno)
}

func TestAcceptTakesAClientAndItsAddress(t *testing.T) {
	ln, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(ln) }()
	require.NoError(t, unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(ln, 1))
	require.True(t, sys.EnsureNonblock(ln))
	var peer [28]byte
	_, _, errno := sys.Accept(ln, peer[:])
	require.Equal(t, syscall.EAGAIN, errno, "nobody is there, and it did not wait")

	at, err := unix.Getsockname(ln)
	require.NoError(t, err)
	c, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer func() { _ = unix.Close(c) }()
	require.NoError(t, unix.Connect(c, at))
	client, n, errno := sys.Accept(ln, peer[:])
	require.Zero(t, errno)
	var own, asked [28]byte
	k, err := sys.Sockname(c, own[:])
	require.NoError(t, err)
	require.Equal(t, own[:k], peer[:n])
	k, err = sys.Peername(client, asked[:])
	require.NoError(t, err)
	require.Equal(t, peer[:n], asked[:k])
	sys.Close(client, true)
	_, err = sys.Peername(client, asked[:])
	require.Equal(t, syscall.EBADF, err)
}

func TestAcceptFaultIsAnswered(t *testing.T) {
	fault := func() syscall.Errno { return syscall.ENFILE }
	sys.AcceptFault.Store(&fault)
	defer sys.AcceptFault.Store(nil)
	var peer [28]byte
	_, _, errno := sys.Accept(-1, peer[:])
	require.Equal(t, syscall.ENFILE, errno)
}
