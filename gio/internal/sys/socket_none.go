//go:build 386 || s390x

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// HasSocketCalls: these machines have one system call for all that sockets do. What
// follows goes by package unix, and GIO accepts: Accept is never to be called here.
const HasSocketCalls = false

// Recv is recvfrom without an address. It never blocks, also when somebody has
// made the descriptor a blocking one. b is not empty; 0 bytes are the end.
func Recv(fd int, b []byte, _ bool) (int, syscall.Errno) {
	for {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			errno, _ := err.(syscall.Errno)
			return max(n, 0), errno
		}
	}
}

// RecvMessage is Recv for a socket of messages. It answers the length of the whole
// message, also where that is more than b has room for.
func RecvMessage(fd int, b []byte) (int, syscall.Errno) {
	for {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		if err != unix.EINTR {
			errno, _ := err.(syscall.Errno)
			return max(n, 0), errno
		}
	}
}

// Send is the same for sendto, and raises no SIGPIPE.
func Send(fd int, b []byte, _ bool) (int, syscall.Errno) {
	for {
		n, err := unix.SendmsgN(fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if err != unix.EINTR {
			errno, _ := err.(syscall.Errno)
			return max(n, 0), errno
		}
	}
}

// Close closes fd.
func Close(fd int, _ bool) { _ = unix.Close(fd) }

func EnsureNonblock(int) bool { return false }

func Accept(int, []byte) (client, peerLen int, errno syscall.Errno) { return -1, 0, syscall.ENOSYS }

// EpollReady takes what is ready, without waiting.
func EpollReady(epfd int, events []unix.EpollEvent) int {
	n, _ := unix.EpollWait(epfd, events, 0)
	return max(n, 0)
}
