//go:build !386 && !s390x

package gio

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// The system calls of connections. None of them blocks, also when somebody has
// made the descriptor a blocking one, but for a close that is not brief.
//
// A brief call is made without telling Go's scheduler, which takes the processor
// from a goroutine that is inside a call, and has another thread go on with it,
// when the kernel has put the goroutine's thread aside: often because the call
// has just woken the peer. That is a sixth of what a short connection costs and
// an eighth of an echo, for calls that would have been over.

// hasCalls tells whether there are these system calls.
const hasCalls = true

func sockcall(call uintptr, fd int32, b []byte, flags uintptr, brief bool) (int, syscall.Errno) {
	for {
		var r uintptr
		var errno syscall.Errno
		if brief {
			r, _, errno = syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), flags, 0, 0)
		} else {
			r, _, errno = syscall.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), flags, 0, 0)
		}
		switch errno {
		case 0:
			return int(r), 0
		case syscall.EINTR:
		default:
			return 0, errno
		}
	}
}

func recvfrom(fd int32, b []byte, brief bool) (int, syscall.Errno) {
	return sockcall(syscall.SYS_RECVFROM, fd, b, syscall.MSG_DONTWAIT, brief)
}

func sendto(fd int32, b []byte, brief bool) (int, syscall.Errno) {
	return sockcall(syscall.SYS_SENDTO, fd, b, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, brief)
}

// acceptFault is for tests, which have accept4 fail.
var acceptFault atomic.Pointer[func() syscall.Errno]

// mayAccept sees to it that accept4 does not block: the mode is also that of
// duplicates, which others may have.
func mayAccept(fd int) bool {
	mode, _, errno := syscall.RawSyscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	return errno == 0 && (mode&syscall.O_NONBLOCK != 0 || syscall.SetNonblock(fd, true) == nil)
}

// epollReady takes what is ready, without waiting. It is brief.
func epollReady(fd int, events []syscall.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(fd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// getsockname is brief. It fills in the address, or leaves it as it is.
func getsockname(fd int32, addr []byte) {
	n := uint32(len(addr))
	_, _, _ = syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&addr[0])), uintptr(unsafe.Pointer(&n)))
}

// closeSocket blocks for as long as SO_LINGER says; it is not to be brief then.
func closeSocket(fd int32, brief bool) {
	if brief {
		_, _, _ = syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(fd), 0, 0)
	} else {
		_ = syscall.Close(int(fd))
	}
}

// accept4 is brief, hence for a listening socket that mayAccept has seen. It fills
// in the client's address and returns its length.
func accept4(fd int, peer []byte) (client, length int, errno syscall.Errno) {
	if fault := acceptFault.Load(); fault != nil {
		if errno := (*fault)(); errno != 0 {
			return -1, 0, errno
		}
	}
	n := uint32(len(peer))
	r, _, errno := syscall.RawSyscall6(syscall.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&peer[0])),
		uintptr(unsafe.Pointer(&n)), syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return -1, 0, errno
	}
	return int(r), int(n), 0
}
