package gio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// Clients can come to a socket that listens on one address and have another for
// their connection's own: behind a transparent proxy, with BPF's sk_lookup, or when
// whoever shares the socket has moved it. What the kernel says is then right alone.

// waysToTake take one client of an address in each way that there is.
var waysToTake = map[string]func(ctx context.Context, ln net.Listener, addr string) (net.Conn, error){
	"package net": func(_ context.Context, ln net.Listener, addr string) (net.Conn, error) {
		return between(ln.Accept, addr)
	},
	"Accept": func(ctx context.Context, ln net.Listener, addr string) (net.Conn, error) {
		l := gio.NewSocketListener(nil)
		defer l.Close()
		if err := l.AddListener(ln, nil); err != nil {
			return nil, err
		}
		return between(func() (net.Conn, error) {
			c, _, err := l.Accept(ctx)
			return c, err
		}, addr)
	},
	"Serve": func(ctx context.Context, ln net.Listener, addr string) (net.Conn, error) {
		return served(ctx, ln, addr, func(svc *gio.SocketService, got chan<- net.Conn) {
			go func() {
				_ = svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { got <- c.Detach() }))
			}()
		})
	},
	"ConnectIncoming": func(ctx context.Context, ln net.Listener, addr string) (net.Conn, error) {
		return served(ctx, ln, addr, func(svc *gio.SocketService, got chan<- net.Conn) {
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { got <- c.Detach(); return true })
		})
	},
}

func served(ctx context.Context, ln net.Listener, addr string, take func(*gio.SocketService, chan<- net.Conn)) (net.Conn, error) {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	if err := svc.AddListener(ln, nil); err != nil {
		return nil, err
	}
	got := make(chan net.Conn, 1)
	take(svc, got)
	return between(func() (net.Conn, error) {
		select {
		case c := <-got:
			return c, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, addr)
}

func between(accept func() (net.Conn, error), addr string) (net.Conn, error) {
	peer, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	defer peer.Close()
	return accept()
}

// localAddrs wants addr for the own address of whatever comes there.
func localAddrs(ctx context.Context, ln net.Listener, addr string) error {
	for name, take := range waysToTake {
		for _, when := range []string{"open", "after Close"} {
			c, err := take(ctx, ln, addr)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if when != "open" {
				_ = c.Close()
			}
			if got := c.LocalAddr().String(); got != addr {
				return fmt.Errorf("%s, %s: LocalAddr %s, of a client that came to %s", name, when, got, addr)
			}
			_ = c.Close()
		}
	}
	return nil
}

func TestLocalAddrOfASocketThatOthersMoved(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	l := gio.NewSocketListener(nil)
	defer l.Close()
	require.NoError(t, l.AddListener(ln, nil))
	f, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	defer f.Close()
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	var addr net.Addr
	require.NoError(t, raw.Control(func(p uintptr) {
		fd := int(p)
		var unspecified [syscall.SizeofSockaddrInet4]byte // AF_UNSPEC: unbound again
		_, _, errno := syscall.Syscall(unix.SYS_CONNECT, p, uintptr(unsafe.Pointer(&unspecified)), uintptr(len(unspecified)))
		require.Zero(t, errno)
		require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 2}}))
		require.NoError(t, syscall.Listen(fd, 10))
		sa, err := syscall.Getsockname(fd)
		require.NoError(t, err)
		addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: sa.(*syscall.SockaddrInet4).Port}
	}))
	for _, when := range []string{"open", "after Close"} {
		c, _ := join(t, l, addr)
		defer c.Close()
		if when != "open" {
			require.NoError(t, c.Close())
		}
		require.Equal(t, addr.String(), c.LocalAddr().String(), when)
	}
}

// proxied is where TPROXY is told to take clients from.
const proxied = "192.0.2.7:8080"

// skipPrefix begins what a helper says that could not even begin.
const skipPrefix = "skip: "

func init() { helpers["behind a transparent proxy"] = behindProxy }

func TestLocalAddrBehindATransparentProxy(t *testing.T) {
	cmd := helper(t, "behind a transparent proxy")
	inNamespaces(cmd, syscall.CLONE_NEWNET)
	runInNamespaces(t, cmd)
}

// inNamespaces has the program run as root of new namespaces.
func inNamespaces(cmd *exec.Cmd, flags uintptr) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | flags,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

func runInNamespaces(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	giotest.SkipWithoutNamespaces(t, err)
	if why, skip := strings.CutPrefix(string(out), skipPrefix); skip {
		t.Skip(strings.TrimSpace(why))
	}
	require.NoError(t, err, strings.TrimSpace(string(out)))
}

// behindProxy has a network of its own.
func behindProxy([]string) error {
	if err := loopbackWith(proxied); err != nil {
		return fmt.Errorf(skipPrefix+"the namespace has no network: %w", err)
	}
	transparent := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		cerr := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_IP, syscall.IP_TRANSPARENT, 1)
		})
		return errors.Join(cerr, err)
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	ln, err := transparent.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf(skipPrefix+"the namespace allows no transparent sockets: %w", err)
	}
	defer ln.Close()
	if err := steer(ln.Addr().(*net.TCPAddr)); err != nil {
		return fmt.Errorf(skipPrefix+"the kernel has no TPROXY by nftables: %w", err)
	}
	return localAddrs(ctx, ln, proxied)
}

// loopbackWith brings the loopback interface up and gives it one more address.
func loopbackWith(addr string) error {
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	up.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		return err
	}
	more, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	if err := more.SetInet4Addr(tcp.IP.To4()); err != nil {
		return err
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFADDR, more)
}
