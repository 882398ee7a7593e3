package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func sockcall(call uintptr, fd int, b []byte, flags uintptr, brief bool) (int, syscall.Errno) {
	for {
		var r uintptr
		var errno syscall.Errno
		if brief {
			r, _, errno = syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		} else {
			r, _, errno = syscall.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
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

// Recv is recvfrom without an address. It never blocks, also when somebody has
// made the descriptor a blocking one. b is not empty; 0 bytes are the end.
func Recv(fd int, b []byte, brief bool) (int, syscall.Errno) {
	return sockcall(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT, brief)
}

// RecvMessage is Recv for a socket of messages. It answers the length of the whole
// message, also where that is more than b has room for.
func RecvMessage(fd int, b []byte) (int, syscall.Errno) {
	return sockcall(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT|unix.MSG_TRUNC, false)
}

// Send is sendto without an address. It never blocks and raises no SIGPIPE. b is
// empty for a socket of messages only.
func Send(fd int, b []byte, brief bool) (int, syscall.Errno) {
	return sockcall(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, brief)
}

// EnsureNonblock sees to it that Accept does not block: the mode is also that of
// duplicates, which others may have.
func EnsureNonblock(fd int) bool {
	mode, _, errno := syscall.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0)
	return errno == 0 && (mode&unix.O_NONBLOCK != 0 || unix.SetNonblock(fd, true) == nil)
}

// EpollReady takes what is ready, without waiting. It is brief.
func EpollReady(epfd int, events []unix.EpollEvent) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// Close blocks for as long as SO_LINGER says; it is not to be brief then.
func Close(fd int, brief bool) {
	if brief {
		_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	} else {
		_ = unix.Close(fd)
	}
}

// Accept is accept4. It is brief, hence for a listening socket that
// EnsureNonblock has seen, and that native has given a receive timeout: others may
// have made it a blocking one since. Not for Multipath TCP, where that timeout does
// nothing: native has an accept of its own for it. It fills in the client's address and returns that
// address's length, which may be more than there was room for.
func Accept(fd int, peer []byte) (client, peerLen int, errno syscall.Errno) {
	if fault := AcceptFault.Load(); fault != nil {
		if errno := (*fault)(); errno != 0 {
			return -1, 0, errno
		}
	}
	n := uint32(len(peer))
	r, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&peer[0])),
		uintptr(unsafe.Pointer(&n)), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0, 0)
	if errno != 0 {
		return -1, 0, errno
	}
	return int(r), int(n), 0
}
