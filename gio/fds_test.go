package gio_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// closesOnExec tells whether a descriptor is O_CLOEXEC.
func closesOnExec(t *testing.T, fd int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", fd))
	require.NoError(t, err)
	for _, line := range strings.Split(string(b), "\n") {
		if v, ok := strings.CutPrefix(line, "flags:"); ok {
			flags, err := strconv.ParseUint(strings.TrimSpace(v), 8, 64)
			require.NoError(t, err)
			return flags&syscall.O_CLOEXEC != 0
		}
	}
	require.Fail(t, "no flags in fdinfo")
	return false
}

// requireCloseOnExec wants every descriptor that is not in before to be closed
// in a program that this one starts.
func requireCloseOnExec(t *testing.T, before map[int]string) {
	t.Helper()
	n := 0
	for fd, what := range descriptors() {
		if before[fd] != what {
			require.True(t, closesOnExec(t, fd), "descriptor %d (%s) survives exec", fd, what)
			n++
		}
	}
	require.Positive(t, n, "nothing was looked at")
}

// listening finds the listening sockets of this process with this address.
func listening(t testing.TB, addr net.Addr) []int {
	t.Helper()
	var found []int
	for fd, what := range descriptors() {
		if !strings.HasPrefix(what, "socket:") {
			continue
		}
		if v, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || v == 0 {
			continue
		}
		sa, err := syscall.Getsockname(fd)
		require.NoError(t, err)
		switch sa := sa.(type) {
		case *syscall.SockaddrInet4:
			if a, ok := addr.(*net.TCPAddr); ok && a.Port == sa.Port {
				found = append(found, fd)
			}
		case *syscall.SockaddrInet6:
			if a, ok := addr.(*net.TCPAddr); ok && a.Port == sa.Port {
				found = append(found, fd)
			}
		case *syscall.SockaddrUnix:
			if a, ok := addr.(*net.UnixAddr); ok && a.Name == sa.Name {
				found = append(found, fd)
			}
		}
	}
	return found
}

func TestEveryDescriptorClosesOnExec(t *testing.T) {
	noLeaks(t)
	everyNetwork(t, func(t *testing.T, network, address string) {
		before := descriptors()
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		serve(t, svc, echo)
		// The handler waits in Read, so that its duplicate for the poller exists.
		c := dial(t, addr)
		say(t, c, "hello")
		gio.WaitForHandlers(t, svc, 1)

		ln := listenNet(t, network, filepath.Join(t.TempDir(), "other"))
		f, err := ln.(interface{ File() (*os.File, error) }).File()
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, svc.AddListener(ln, nil))
		require.NoError(t, svc.AddFile(f, nil))
		requireCloseOnExec(t, before)

		svc.Stop() // swaps the listening sockets with dummies
		requireCloseOnExec(t, before)
		svc.Start()
		requireCloseOnExec(t, before)
		say(t, c, "still there")
	})
}

func TestCloseGivesEveryDescriptorBack(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		noLeaks(t)
		svc := gio.NewSocketService(nil)
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		serve(t, svc, echo)
		for range 10 {
			say(t, dial(t, addr), "hello")
		}
		svc.Stop()
		svc.Start()
		svc.Stop()
		require.NoError(t, svc.Close())
	})
}

func TestFailedListenLeavesNoDescriptor(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	before := descriptors()
	for range 20 {
		_, err := l.Listen("tcp", addr.String())
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		_, err = l.Listen("unix", t.TempDir())
		require.ErrorIs(t, err, syscall.EADDRINUSE)
		_, err = l.Listen("unix", filepath.Join(t.TempDir(), "missing", "s"))
		require.ErrorIs(t, err, syscall.ENOENT)
	}
	require.LessOrEqual(t, len(descriptors()), len(before))
}
