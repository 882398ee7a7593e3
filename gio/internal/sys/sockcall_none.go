//go:build 386 || s390x

package gio

import "syscall"

// These have one system call for all that sockets do, and GIO makes it.

const hasCalls = false

func recvfrom(int32, []byte, bool) (int, syscall.Errno) { return 0, syscall.ENOSYS }
func sendto(int32, []byte, bool) (int, syscall.Errno)   { return 0, syscall.ENOSYS }
func closeSocket(int32, bool)                           {}
func epollReady(fd int, events []syscall.EpollEvent) int {
	n, _ := syscall.EpollWait(fd, events, 0)
	return n
}
func getsockname(fd int32, addr []byte) { _, _ = sockname(int(fd), addr) }
func mayAccept(int) bool                { return false }
func accept4(int, []byte) (client, length int, errno syscall.Errno) {
	return -1, 0, syscall.ENOSYS
}
