package giotest

import (
	"net"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A client of plain system calls, for when no descriptor is left for more.

// RawSocket makes a socket that is closed with the test.
func RawSocket(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	tv := syscall.NsecToTimeval(Patience.Nanoseconds())
	require.NoError(t, syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv))
	return fd
}

// RawConnect connects to a TCP port of this machine.
func RawConnect(t *testing.T, fd int, addr net.Addr) {
	t.Helper()
	sa := &syscall.SockaddrInet4{Port: addr.(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	require.NoError(t, syscall.Connect(fd, sa))
}

// RawSay sends a word and wants it back.
func RawSay(t *testing.T, fd int, word string) {
	t.Helper()
	_, err := syscall.Write(fd, []byte(word))
	require.NoError(t, err)
	b := make([]byte, len(word))
	for n := 0; n < len(b); {
		m, err := syscall.Read(fd, b[n:])
		require.NoError(t, err)
		require.Positive(t, m)
		n += m
	}
	require.Equal(t, word, string(b))
}
