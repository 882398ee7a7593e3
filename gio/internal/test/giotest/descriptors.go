package giotest

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Descriptors lists what this process has open.
func Descriptors() map[int]string {
	all := make(map[int]string)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		what, err := os.Readlink("/proc/self/fd/" + e.Name())
		fd, _ := strconv.Atoi(e.Name())
		if err == nil { // the directory itself is closed by now
			all[fd] = what
		}
	}
	return all
}

// netlinkSockets are GLib's and glibc's, which keep some for good from the first look-up of a name on,
// and never the library's.
func netlinkSockets() (n int) {
	for fd := range Descriptors() {
		if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain == unix.AF_NETLINK {
			n++
		}
	}
	return n
}

// describe tells what kind of socket a descriptor is, and its addresses; "" of another file.
func describe(fd int) string {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return ""
	}
	kind, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	local, _ := unix.Getsockname(fd)
	remote, _ := unix.Getpeername(fd)
	return fmt.Sprintf("domain %d, type %d, %+v to %+v", domain, kind, local, remote)
}

// NoLeaks wants as many descriptors open at the end of the test as at this
// call, after the cleanups that are registered later.
func NoLeaks(t *testing.T) {
	t.Helper()
	before := Descriptors()
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		var now map[int]string
		if !Eventually(func() bool {
			runtime.GC() // a GMainContext goes with its wrapper
			now = Descriptors()
			return len(now) <= len(before)
		}) {
			require.Fail(t, "descriptors were left open", "before %v\nafter %v", before, now)
		}
	})
}

// RequireSameDescriptors wants what was opened since before closed again, some of it
// by loops that are about to.
func RequireSameDescriptors(t *testing.T, before int) {
	t.Helper()
	require.True(t, Eventually(func() bool {
		if len(Descriptors()) <= before {
			return true
		}
		runtime.GC() // a GMainContext goes with its wrapper
		return false
	}),
		"before %d, now %v", before, Descriptors())
}

// LimitDescriptors lowers the soft limit for one test.
func LimitDescriptors(t *testing.T, n uint64) {
	t.Helper()
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	now := old
	now.Cur = n
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now))
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
}

// TakeAllDescriptors leaves none; the returned function frees them.
func TakeAllDescriptors(t *testing.T) (free func()) {
	t.Helper()
	var all []*os.File
	for refused := 0; refused < 5; {
		f, err := os.Open(os.DevNull)
		if err != nil {
			require.ErrorIs(t, err, syscall.EMFILE)
			refused++
			time.Sleep(time.Millisecond) // others have some for a moment only
			continue
		}
		all = append(all, f)
	}
	free = func() {
		for _, f := range all {
			_ = f.Close()
		}
		all = nil
	}
	t.Cleanup(free)
	return free
}

// CPUTime is what this process has used.
func CPUTime(t *testing.T) time.Duration {
	t.Helper()
	var ru syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &ru))
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
