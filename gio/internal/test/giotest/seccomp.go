package giotest

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// NeedSeccomp skips the test where system calls cannot be filtered, as under QEMU.
func NeedSeccomp(t testing.TB) {
	t.Helper()
	const actionAvailable, answerErrno = 2, 0x00050000
	action := uint32(answerErrno)
	if _, _, e := syscall.Syscall(unix.SYS_SECCOMP, actionAvailable, 0, uintptr(unsafe.Pointer(&action))); e != 0 {
		t.Skip("no filter of system calls: ", e)
	}
}

// Forbid makes a system call fail for good in the whole process, Go's own calls
// included: a seccomp filter.
func Forbid(t testing.TB, number uint32, errno syscall.Errno) {
	t.Helper()
	NeedSeccomp(t)
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	const load, jumpEqual, answer = 0x20, 0x15, 0x06 // BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
	program := []instruction{
		{load, 0, 0, 0}, // the number of the call
		{jumpEqual, 0, 1, number},
		{answer, 0, 0, 0x00050000 | uint32(errno)}, // SECCOMP_RET_ERRNO
		{answer, 0, 0, 0x7fff0000},                 // SECCOMP_RET_ALLOW
	}
	filter := struct {
		n       uint16
		program *instruction
	}{uint16(len(program)), &program[0]}
	runtime.LockOSThread() // the right to set a filter is the thread's
	defer runtime.UnlockOSThread()
	const noNewPrivs, setModeFilter, allThreads = 38, 1, 1
	_, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, noNewPrivs, 1, 0, 0, 0, 0)
	require.Zero(t, e)
	_, _, e = syscall.RawSyscall(unix.SYS_SECCOMP, setModeFilter, allThreads, uintptr(unsafe.Pointer(&filter)))
	require.Zero(t, e)
	runtime.KeepAlive(program)
}
