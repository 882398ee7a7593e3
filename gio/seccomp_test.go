package gio_test

import (
	"encoding/binary"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refuseFamily has socket(2) answer EAFNOSUPPORT for a family, in every thread of
// this process and for good.
func refuseFamily(family int) error { return refuseSocket(0, family, syscall.EAFNOSUPPORT) }

// refuseMultipath has socket(2) answer as a kernel without Multipath TCP does.
func refuseMultipath(answer syscall.Errno) error {
	return refuseSocket(2, unix.IPPROTO_MPTCP, answer)
}

// refuseSocket has socket(2) fail where the i-th argument has that value.
func refuseSocket(i, value int, answer syscall.Errno) error {
	argument := uint32(unsafe.Offsetof(struct { // seccomp_data
		nr, arch int32
		ip       uint64
		args     [6]uint64
	}{}.args)) + 8*uint32(i)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		argument += 4 // the low half comes last
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SOCKET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: argument},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(value), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(answer)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	return os.NewSyscallError("seccomp", errnoOrNil(errno))
}

func errnoOrNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
