package gio_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// System calls that fail on order. Those of C do by testdata/faults/preload.c,
// in a process of the test's own.

// call is one that can be made to fail.
type call int

// The order is that of preload.c.
const (
	callAccept call = iota
	callSocket
	callBind
	callListen
	callSetsockopt
	callGetsockopt
	callGetsockname
	callDupFD
	callSetFL
	callSocketpair
	callDup3
	callEventfd
	callChmod
	callGetpeername
	calls
)

var callNames = [calls]string{"accept", "socket", "bind", "listen", "setsockopt", "getsockopt", "getsockname",
	"fcntl(F_DUPFD_CLOEXEC)", "fcntl(F_SETFL)", "socketpair", "dup3", "eventfd", "chmod", "getpeername"}

func (c call) String() string { return callNames[c] }

// slot is what the two processes share about one call.
type slot struct{ calls, skip, left, code, failed atomic.Int64 }

type faults struct{ slots *[calls]slot }

// fail makes n calls fail, after the next skip of them; n < 0: all.
func (f *faults) fail(c call, errno syscall.Errno, skip, n int) {
	s := &f.slots[c]
	s.left.Store(0)
	s.failed.Store(0)
	s.calls.Store(0)
	s.code.Store(int64(errno))
	s.skip.Store(int64(skip))
	s.left.Store(int64(n))
}

// stop lets the call succeed again, and tells how many failed.
func (f *faults) stop(c call) int64 {
	f.slots[c].left.Store(0)
	return f.slots[c].failed.Load()
}

func (f *faults) failed(c call) int64 { return f.slots[c].failed.Load() }

const (
	faultsVariable = "GLIBSERVE_FAULTS"
	childVariable  = "GLIBSERVE_TEST_CHILD"
)

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

// openFaults maps the slots.
func openFaults(t testing.TB, path string) *faults {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer file.Close()
	b, err := syscall.Mmap(int(file.Fd()), 0, int(unsafe.Sizeof([calls]slot{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(b)) })
	return &faults{(*[calls]slot)(unsafe.Pointer(unsafe.SliceData(b)))}
}

// compiler is the one that cgo calls.
func compiler(t testing.TB) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "CC").Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

// preload compiles preload.c and returns the environment of a process in which
// calls fail, and the orders for it.
func preload(t testing.TB) (env []string, f *faults) {
	t.Helper()
	dir := t.TempDir()
	lib, slots := filepath.Join(dir, "preload.so"), filepath.Join(dir, "slots")
	cc := compiler(t)
	cc = append(cc, "-Wall", "-shared", "-fPIC", "-o", lib, filepath.Join("testdata", "faults", "preload.c"), "-ldl")
	out, err := exec.Command(cc[0], cc[1:]...).CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(slots, make([]byte, unsafe.Sizeof([calls]slot{})), 0o600))
	return []string{
		"LD_PRELOAD=" + lib, faultsVariable + "=" + slots,
		// AddressSanitizer wants to be the first, and is as good as.
		"ASAN_OPTIONS=" + os.Getenv("ASAN_OPTIONS") + ":verify_asan_link_order=0",
	}, openFaults(t, slots)
}

// inChild runs the test again, in a process of its own, and wants it to pass. It
// returns true in that process; elsewhere what that wrote.
func inChild(t *testing.T, env ...string) (child bool, output string) {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		return true, ""
	}
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
	cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.v", "-test.timeout=120s")
	cmd.Env = append(append(os.Environ(), childVariable+"="+t.Name()), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name())
	return false, string(out)
}

// withFaults is inChild with calls that fail on order, which are nil in the
// process that only waits.
func withFaults(t *testing.T, env ...string) (f *faults, output string) {
	t.Helper()
	if os.Getenv(childVariable) == t.Name() {
		f = openFaults(t, os.Getenv(faultsVariable))
		t.Cleanup(gio.AcceptFault(f.slots[callAccept].fails)) // when goroutines accept
		return f, ""
	}
	more, _ := preload(t)
	_, output = inChild(t, append(more, env...)...)
	t.Log(lastLines(output))
	return nil, output
}

// lastLines is what a test in a child logged, without GLib's warnings.
func lastLines(output string) string {
	var kept []string
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, "    ") && strings.Contains(line, ".go:") {
			kept = append(kept, strings.TrimSpace(line))
		}
	}
	return strings.Join(kept, "\n")
}
