package gio_test

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// backlogOf asks the kernel: for a listening socket, tcp_info has it in the
// place of the packets that were selectively acknowledged.
func backlogOf(t testing.TB, addr net.Addr) int {
	t.Helper()
	fds := listening(t, addr)
	require.NotEmpty(t, fds)
	return listenBacklog(t, fds[0])
}

func listenBacklog(t testing.TB, fd int) int {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	require.NoError(t, err)
	if info.Sacked == 0 {
		needBacklogInfo(t)
	}
	return int(info.Sacked)
}

// needBacklogInfo skips the test where the system does not tell the backlog even of a socket of package
// net's, as under QEMU, which passes on the first bytes of TCP_INFO alone.
func needBacklogInfo(t testing.TB) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	raw, err := ln.(*net.TCPListener).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || info.Sacked == 0 {
			t.Skip("TCP_INFO does not tell the backlog")
		}
	}))
}

func TestBacklogIsTheSystemsUnlessConfigured(t *testing.T) {
	most := systemBacklog(t)
	for configured, want := range map[int]int{0: most, -1: most, 7: 7, 100: 100} {
		l := gio.NewSocketListener(&gio.ListenerConfig{Backlog: configured})
		defer l.Close()
		require.Equal(t, want, backlogOf(t, loopback(t, l, nil)))
		svc := gio.NewSocketService(&gio.ServiceConfig{Backlog: configured})
		defer svc.Close()
		require.Equal(t, want, backlogOf(t, loopback(t, &svc.SocketListener, nil)))
	}
}

func TestSetBacklogBeforeListening(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	l.SetBacklog(33)
	require.Equal(t, 33, backlogOf(t, loopback(t, l, nil)))
	port, err := l.AddAnyInetPort(nil)
	require.NoError(t, err)
	require.Equal(t, 33, backlogOf(t, &net.TCPAddr{Port: int(port)}))
}

// GIO's own set_backlog has no effect then, but for a critical.
func TestSetBacklogAfterListening(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	one, two := loopback(t, l, nil), loopback(t, l, nil)
	_, err := l.Listen("unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, err)
	l.SetBacklog(44)
	require.Equal(t, 44, backlogOf(t, one))
	require.Equal(t, 44, backlogOf(t, two))
	require.Equal(t, 44, backlogOf(t, loopback(t, l, nil)), "those to come as well")
	l.SetBacklog(0)
	require.Equal(t, systemBacklog(t), backlogOf(t, one), "the default again")
	require.Equal(t, systemBacklog(t), l.Backlog())
	requireServed(t, l, one)
}

func TestSetBacklogWhileStopped(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	svc.Stop()
	svc.SetBacklog(55)
	require.Equal(t, 55, backlogOf(t, addr))
	svc.Start()
	say(t, dial(t, addr), "hello")
	require.Equal(t, 55, backlogOf(t, addr))
}
