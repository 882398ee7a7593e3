package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sockname fills in a socket's own address and returns its length, which may be
// more than there was room for. It is brief.
func Sockname(fd int, buf []byte) (int, error) { return sockaddr(unix.SYS_GETSOCKNAME, fd, buf) }

// Peername is Sockname for the other end.
func Peername(fd int, buf []byte) (int, error) { return sockaddr(unix.SYS_GETPEERNAME, fd, buf) }

func sockaddr(call uintptr, fd int, buf []byte) (int, error) {
	n := uint32(len(buf))
	_, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
