// Package faults makes system calls fail on the order of a test, and tests what
// becomes of package gio then. Calls of C fail by testdata/preload.c, in a process of
// the test's own.
package faults

import (
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

//go:embed testdata/preload.c
var preloadSource string

// Call is a system call that can be made to fail.
type Call int

// The order is that of testdata/preload.c.
const (
	Accept Call = iota
	Socket
	Bind
	Listen
	Setsockopt
	Getsockopt
	Getsockname
	DupFD
	SetFL
	Socketpair
	Dup3
	Eventfd
	Chmod
	Getpeername
	Calls // how many there are
)

var callNames = [Calls]string{"accept", "socket", "bind", "listen", "setsockopt", "getsockopt", "getsockname",
	"fcntl(F_DUPFD_CLOEXEC)", "fcntl(F_SETFL)", "socketpair", "dup3", "eventfd", "chmod", "getpeername"}

func (c Call) String() string { return callNames[c] }

// slot is what this process and preload.c share about one call.
type slot struct{ calls, skip, left, code, failed atomic.Int64 }

// Injector gives the orders to one process.
type Injector struct{ slots *[Calls]slot }

// Fail makes n calls fail, after the next skip of them; n < 0: all.
func (f *Injector) Fail(c Call, errno syscall.Errno, skip, n int) {
	s := &f.slots[c]
	s.left.Store(0)
	s.failed.Store(0)
	s.calls.Store(0)
	s.code.Store(int64(errno))
	s.skip.Store(int64(skip))
	s.left.Store(int64(n))
}

// Stop lets the call succeed again, and tells how many failed.
func (f *Injector) Stop(c Call) int64 {
	f.slots[c].left.Store(0)
	return f.slots[c].failed.Load()
}

// Failed tells how many have failed since the order.
func (f *Injector) Failed(c Call) int64 { return f.slots[c].failed.Load() }

const slotsVariable = "GLIBSERVE_FAULTS" // names the file of slots

// fails is what preload.c does, for a call of Go's.
func (s *slot) fails() syscall.Errno {
	s.calls.Add(1)
	n := s.left.Load()
	if n == 0 || s.skip.Load() > 0 && s.skip.Add(-1) >= 0 {
		return 0
	}
	if n > 0 && s.left.Add(-1) < 0 {
		s.left.Store(0)
		return 0
	}
	s.failed.Add(1)
	return syscall.Errno(s.code.Load())
}

// open maps the slots.
func open(t testing.TB, path string) *Injector {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	b, err := syscall.Mmap(int(file.Fd()), 0, int(unsafe.Sizeof([Calls]slot{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(b)) })
	return &Injector{(*[Calls]slot)(unsafe.Pointer(unsafe.SliceData(b)))}
}

// Compiler is the one that cgo calls.
func Compiler(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "CC").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// Preload compiles preload.c and returns the environment of a process in which
// calls fail, and the orders for it.
func Preload(t testing.TB) (env []string, f *Injector) {
	t.Helper()
	dir := t.TempDir()
	lib, slots := filepath.Join(dir, "preload.so"), filepath.Join(dir, "slots")
	cc := Compiler(t)
	cc = append(cc, "-Wall", "-shared", "-fPIC", "-o", lib, "-x", "c", "-", "-ldl")
	cmd := exec.Command(cc[0], cc[1:]...)
	cmd.Stdin = strings.NewReader(preloadSource)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(slots, make([]byte, unsafe.Sizeof([Calls]slot{})), 0o600))
	return []string{
		"LD_PRELOAD=" + lib, slotsVariable + "=" + slots,
		// AddressSanitizer wants to be the first, and is as good as.
		"ASAN_OPTIONS=" + os.Getenv("ASAN_OPTIONS") + ":verify_asan_link_order=0",
	}, open(t, slots)
}

// InChild is giotest.InChild with calls that fail on order, which are nil in the
// process that only waits.
func InChild(t *testing.T, env ...string) (f *Injector, output string) {
	t.Helper()
	if giotest.IsChild(t) {
		f = open(t, os.Getenv(slotsVariable))
		// Goroutines that accept don't come by preload.c.
		fails := f.slots[Accept].fails
		sys.AcceptFault.Store(&fails)
		t.Cleanup(func() { sys.AcceptFault.Store(nil) })
		return f, ""
	}
	more, _ := Preload(t)
	_, output = giotest.InChild(t, append(more, env...)...)
	t.Log(giotest.LastLines(output))
	return nil, output
}
