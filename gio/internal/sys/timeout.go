package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// A blocking mode is shared with whoever has a duplicate of the descriptor, and
// they may set it at any moment. Where a system call has no flag against it, a
// timeout of the socket's bounds the wait, to a tick of the kernel's clock, and
// counts in no other mode.

var (
	tick = unix.Timeval{Usec: 1}
	none unix.Timeval
)

// ClearReceiveTimeout undoes what a TCP socket inherits from one that listens, for
// others who may block in reading.
func ClearReceiveTimeout(fd int) {
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &none)
}

// BoundWaits bounds blocking reads and writes, for good.
func BoundWaits(fd int) {
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tick)
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tick)
}

// BoundReceives bounds blocking reads until restore is called.
func BoundReceives(fd int) (restore func(fd int)) { return bound(fd, unix.SO_RCVTIMEO) }

// BoundSends bounds blocking writes until restore is called.
func BoundSends(fd int) (restore func(fd int)) { return bound(fd, unix.SO_SNDTIMEO) }

func bound(fd, option int) (restore func(fd int)) {
	was, err := unix.GetsockoptTimeval(fd, unix.SOL_SOCKET, option)
	if err != nil {
		was = &none
	}
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &tick)
	return func(fd int) { _ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, was) }
}

// BorrowNonblock makes a descriptor a non-blocking one until giveBack, if it isn't.
func BorrowNonblock(fd int) (giveBack func()) {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 {
		return func() {}
	}
	_ = unix.SetNonblock(fd, true)
	return func() { _ = unix.SetNonblock(fd, false) }
}

// Inode tells an open socket from every other that is open; 0 when it cannot be
// told.
func Inode(fd int) uint64 {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}
