package sys

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// AcceptFault is for tests, which have Accept fail.
var AcceptFault atomic.Pointer[func() syscall.Errno]

// Dup is a duplicate of fd that programs that are started do not inherit. The
// error is a bare errno.
func Dup(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0) }

// noLimit is what stands for a limit that no descriptor reaches.
const noLimit = 1 << 30

// spared is how many descriptors are left to others of so many: 32, or less where
// there are few.
func spared(limit uint64) int { return int(min(32, limit/16)) }

// softLimit is how many descriptors the process may have. By the system call itself: on all
// but x86-64, Getrlimit allocates, and each connection asks.
func softLimit() (uint64, bool) {
	var lim struct{ cur, max uint64 } // struct rlimit64
	_, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, 0, uintptr(unsafe.Pointer(&lim)), 0, 0)
	if errno != 0 || lim.cur > noLimit {
		return 0, false
	}
	return lim.cur, true
}

// DescriptorLimit is the highest descriptor that leaves some to others.
func DescriptorLimit() int {
	limit, ok := softLimit()
	if !ok {
		return noLimit
	}
	return int(limit) - spared(limit) - 1
}

// DescriptorsLow tells whether the lowest free descriptor is within margin times
// what is left to others of the limit as it is now. It duplicates probe, an open
// descriptor, to find that out.
func DescriptorsLow(probe int, margin int) bool {
	fd, err := Dup(probe)
	if err != nil {
		return true
	}
	_ = unix.Close(fd)
	limit, ok := softLimit()
	return ok && uint64(fd+margin*spared(limit)) >= limit
}
