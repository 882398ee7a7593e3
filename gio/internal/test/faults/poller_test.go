package faults_test

import (
	"context"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// forbid makes a system call fail for good in the whole process, Go's own calls
// included: a seccomp filter.
func forbid(t *testing.T, number uint32, errno syscall.Errno) {
	t.Helper()
	seccomp, ok := map[string]uintptr{"amd64": 317, "arm64": 277, "riscv64": 277}[runtime.GOARCH]
	if !ok {
		t.Skip("the number of seccomp(2) on ", runtime.GOARCH, " is not known here")
	}
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
	_, _, e = syscall.RawSyscall(seccomp, setModeFilter, allThreads, uintptr(unsafe.Pointer(&filter)))
	require.Zero(t, e)
	runtime.KeepAlive(program)
}

// Where Go's poller does not take the listening sockets, GIO accepts.
func TestServeWithoutPollingListeningSockets(t *testing.T) {
	child, _ := giotest.InChild(t, "GLIBSERVE_DEBUG=") // nodirect would leave nothing to refuse
	if !child {
		return
	}
	logs := &giotest.Log{}
	svc, addr := giotest.NewService(t, &gio.ServiceConfig{Logger: slog.New(slog.NewTextHandler(logs, nil))})
	forbid(t, syscall.SYS_EPOLL_CTL, syscall.ENOSPC)
	giotest.Serve(svc, func(_ context.Context, c *gio.SocketConnection) { _, _ = c.Write([]byte("served")) })
	for range 10 {
		fd := giotest.RawSocket(t) // package net needs the poller, too
		giotest.RawConnect(t, fd, addr)
		b := make([]byte, 16)
		n, err := syscall.Read(fd, b)
		require.NoError(t, err)
		require.Equal(t, "served", string(b[:n]))
	}
	require.Contains(t, logs.String(), "Go's poller refuses a listening socket: GIO accepts")
}

// Without a shared poller connections wait at Go's poller.
func TestWithoutASharedPollerClientsAreServed(t *testing.T) {
	child, _ := giotest.InChild(t)
	if !child {
		return
	}
	svc, addr := giotest.NewService(t, nil)
	began := make(chan struct{}, 1)
	giotest.Serve(svc, func(ctx context.Context, c *gio.SocketConnection) {
		began <- struct{}{}
		giotest.Echo(ctx, c)
	})
	forbid(t, syscall.SYS_EPOLL_CREATE1, syscall.EMFILE)
	c := giotest.Dial(t, addr)
	giotest.Receive(t, began)
	for range 10 {
		giotest.Say(t, c, "hello")
	}
}
