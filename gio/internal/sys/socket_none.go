//go:build 386 || s390x

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// HasSocketCalls: these machines have one system call for all that sockets do, and
// GIO makes it. Recv, Send, Accept and Close are never to be called here.
const HasSocketCalls = false

func Recv(int, []byte, bool) (int, syscall.Errno) { return 0, syscall.ENOSYS }
func Send(int, []byte, bool) (int, syscall.Errno) { return 0, syscall.ENOSYS }
func Close(int, bool)                             {}
func EnsureNonblock(int) bool                     { return false }

func Accept(int, []byte) (client, peerLen int, errno syscall.Errno) { return -1, 0, syscall.ENOSYS }

// EpollReady takes what is ready, without waiting.
func EpollReady(epfd int, events []unix.EpollEvent) int {
	n, _ := unix.EpollWait(epfd, events, 0)
	return max(n, 0)
}
