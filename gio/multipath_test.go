package gio_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// kernelHasMultipath tells what package net would make of it.
func kernelHasMultipath(t testing.TB) bool {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return false
	}
	require.NoError(t, syscall.Close(fd))
	return true
}

func isMultipath(t testing.TB, c interface{ MultipathTCP() (bool, error) }) bool {
	t.Helper()
	is, err := c.MultipathTCP()
	require.NoError(t, err)
	return is
}

// requireMultipath tells of each end of a connection what it should, and moves bytes.
func requireMultipath(t testing.TB, want bool, server *gio.SocketConnection, client net.Conn) {
	t.Helper()
	if kernelHasMultipath(t) && !sys.KnowsMultipathFallback() {
		t.Skip("Linux before 5.16, or what emulates it, does not tell whether Multipath TCP is spoken")
	}
	require.NoError(t, server.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, client.SetDeadline(time.Now().Add(patience)))
	file := tempFile(t, strings.Repeat("f", 1<<20))
	sent := make(chan error, 1)
	go func() { _, err := io.Copy(server, file); sent <- err }()
	n, err := io.Copy(io.Discard, io.LimitReader(client, 1<<20))
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, n)
	require.NoError(t, receive(t, sent))
	_, err = client.Write([]byte("x"))
	require.NoError(t, err)
	_, err = server.Read(make([]byte, 1))
	require.NoError(t, err)

	require.Equal(t, want, isMultipath(t, server))
	require.Equal(t, want, isMultipath(t, client.(interface{ MultipathTCP() (bool, error) })))
	on, err := server.NoDelay()
	require.NoError(t, err)
	require.True(t, on)
	require.NoError(t, server.SetNoDelay(false))
	on, err = server.NoDelay()
	require.NoError(t, err)
	require.False(t, on)
	require.NoError(t, server.SetKeepAlive(true))
	on, err = server.KeepAlive()
	require.NoError(t, err)
	require.True(t, on)
	require.NoError(t, server.SetGracefulDisconnect(true), "a GTcpConnection")
	require.NoError(t, server.SetGracefulDisconnect(false))
}

func TestMultipathTCP(t *testing.T) {
	has := kernelHasMultipath(t)
	for name, observed := range map[string]bool{"direct": false, "observed": true} {
		t.Run(name, func(t *testing.T) {
			svc := gio.NewSocketService(&gio.ServiceConfig{MultipathTCP: true})
			defer svc.Close()
			conns := make(chan *gio.SocketConnection, 1)
			if observed {
				svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { conns <- c; return true })
			} else {
				go func() {
					_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { conns <- c.Detach() }))
				}()
			}
			_, err := svc.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			_, err = svc.AddAnyInetPort(nil)
			require.NoError(t, err)
			for _, addr := range svc.Addrs() {
				for _, multipath := range []bool{true, false} {
					var d net.Dialer
					d.SetMultipathTCP(multipath)
					plain, err := d.Dial("tcp", addr.String())
					require.NoError(t, err)
					defer plain.Close()
					c := receive(t, conns)
					defer c.Close()
					requireMultipath(t, has && multipath, c, plain)

					cl := gio.NewSocketClient(&gio.ClientConfig{MultipathTCP: multipath})
					defer cl.Close()
					ours, err := cl.Dial(t.Context(), "tcp", addr.String())
					require.NoError(t, err)
					defer ours.Close()
					c = receive(t, conns)
					defer c.Close()
					requireMultipath(t, has && multipath, c, ours)
				}
			}
		})
	}
}

func TestMultipathClientOfAPlainServerSpeaksTCP(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	cl := gio.NewSocketClient(&gio.ClientConfig{MultipathTCP: true})
	defer cl.Close()
	var events []string
	cl.ConnectEvent(func(event gio.ClientEvent, _ string, _ net.Addr) { events = append(events, event.String()) })
	ours, err := cl.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	defer ours.Close()
	c, _, err := l.Accept(t.Context())
	require.NoError(t, err)
	defer c.Close()
	requireMultipath(t, false, c, ours)
	require.Equal(t, []string{"resolving", "resolved", "connecting", "connected", "complete"}, events)
}

// The other networks don't know it, and are served all the same.
func TestMultipathServiceListensOnUnixSocketsToo(t *testing.T) {
	l := gio.NewSocketListener(&gio.ListenerConfig{MultipathTCP: true})
	defer l.Close()
	cl := gio.NewSocketClient(&gio.ClientConfig{MultipathTCP: true})
	defer cl.Close()
	for _, network := range []string{"unix", "unixpacket"} {
		addr, err := l.Listen(network, t.TempDir()+"/s")
		require.NoError(t, err)
		c, err := cl.Dial(t.Context(), network, addr.String())
		require.NoError(t, err)
		defer c.Close()
		require.False(t, isMultipath(t, c))
	}
	var events []gio.ListenerEvent
	l.ConnectEvent(func(event gio.ListenerEvent, _ net.Addr) { events = append(events, event) })
	addr, err := l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Equal(t, []gio.ListenerEvent{gio.ListenerBinding, gio.ListenerBound, gio.ListenerListening, gio.ListenerListened}, events)
	c, err := cl.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, kernelHasMultipath(t), isMultipath(t, c))
}

// As package net, whatever way the kernel has to say that it has none: not compiled
// in, older than 5.6, or switched off (net.mptcp.enabled).
func TestMultipathFallsBackWhereTheKernelHasNone(t *testing.T) {
	for name, answer := range map[string]syscall.Errno{
		"EPROTONOSUPPORT": syscall.EPROTONOSUPPORT, "EINVAL": syscall.EINVAL, "ENOPROTOOPT": syscall.ENOPROTOOPT,
	} {
		t.Run(name, func(t *testing.T) {
			if runtime.GOARCH == "386" || runtime.GOARCH == "s390x" {
				t.Skip("package syscall makes sockets by socketcall(2), which a filter cannot look into: ", runtime.GOARCH)
			}
			giotest.NeedSeccomp(t)
			if child, output := giotest.InChild(t); !child {
				t.Log(giotest.LastLines(output))
				return
			}
			require.NoError(t, refuseMultipath(answer))
			require.False(t, kernelHasMultipath(t))
			l := gio.NewSocketListener(&gio.ListenerConfig{MultipathTCP: true})
			defer l.Close()
			_, err := l.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			_, err = l.AddAnyInetPort(nil)
			require.NoError(t, err)
			cl := gio.NewSocketClient(&gio.ClientConfig{MultipathTCP: true})
			defer cl.Close()
			for _, addr := range l.Addrs() {
				ours, err := cl.Dial(t.Context(), "tcp", addr.String())
				require.NoError(t, err)
				defer ours.Close()
				c, _, err := l.Accept(t.Context())
				require.NoError(t, err)
				defer c.Close()
				requireMultipath(t, false, c, ours)
			}
		})
	}
}
