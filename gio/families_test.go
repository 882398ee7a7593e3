package gio_test

import (
	"net"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// bothFamilies wants clients over IPv4 and IPv6 to be served at this port.
func bothFamilies(t *testing.T, l *gio.SocketListener, port int) {
	t.Helper()
	requireServed(t, l, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if hasIPv6() {
		requireServed(t, l, &net.TCPAddr{IP: net.IPv6loopback, Port: port})
	}
}

func TestTCPWithoutHostServesBothFamilies(t *testing.T) {
	l, addr := listenOn(t, "tcp", ":0")
	bothFamilies(t, l, addr.(*net.TCPAddr).Port)
}

func TestTCP6IsIPv6Only(t *testing.T) {
	needIPv6(t)
	l, addr := listenOn(t, "tcp6", ":0")
	port := addr.(*net.TCPAddr).Port
	requireServed(t, l, &net.TCPAddr{IP: net.IPv6loopback, Port: port})
	_, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	for _, fd := range listening(t, addr) {
		v, err := syscall.GetsockoptInt(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY)
		require.NoError(t, err)
		require.Equal(t, 1, v)
	}
	// So that IPv4 can have the same port.
	four, err := l.Listen("tcp4", net.JoinHostPort("127.0.0.1", portOf(addr)))
	require.NoError(t, err)
	requireServed(t, l, four)
	// And the next address is not affected.
	both, err := l.Listen("tcp", ":0")
	require.NoError(t, err)
	bothFamilies(t, l, both.(*net.TCPAddr).Port)
}

func portOf(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}

func TestTCP4IsIPv4Only(t *testing.T) {
	l, addr := listenOn(t, "tcp4", ":0")
	port := addr.(*net.TCPAddr).Port
	requireServed(t, l, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if hasIPv6() {
		_, err := net.DialTCP("tcp6", nil, &net.TCPAddr{IP: net.IPv6loopback, Port: port})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
}

func init() {
	// v6only: serves both families where sockets are for IPv6 alone unless asked.
	helpers["v6only"] = func([]string) error {
		if err := loopbackUp(); err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv6/bindv6only", []byte("1"), 0); err != nil {
			return err
		}
		l := gio.NewSocketListener(nil)
		defer l.Close()
		addr, err := l.Listen("tcp", ":0")
		if err != nil {
			return err
		}
		port, err := l.AddAnyInetPort(nil)
		if err != nil {
			return err
		}
		for _, p := range []int{addr.(*net.TCPAddr).Port, int(port)} {
			for _, ip := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback} {
				c, err := net.DialTCP("tcp", nil, &net.TCPAddr{IP: ip, Port: p})
				if err != nil {
					return err
				}
				_ = c.Close()
			}
		}
		return nil
	}
}

// loopbackUp gives a new network namespace its 127.0.0.1 and ::1.
func loopbackUp() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	var req struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:], "lo")
	req.flags = syscall.IFF_UP
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return errno
	}
	return nil
}

// newNetwork starts a program in a network namespace of its own.
func newNetwork() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}

func TestTCPServesBothFamiliesWhateverTheSystemsDefault(t *testing.T) {
	needIPv6(t)
	cmd := helper(t, "v6only")
	cmd.SysProcAttr = newNetwork()
	out, err := cmd.CombinedOutput()
	giotest.SkipWithoutNamespaces(t, err)
	require.NoError(t, err, string(out))
}

func TestAddInetPortServesBothFamilies(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	port := freePort(t)
	require.NoError(t, l.AddInetPort(port, nil))
	require.NotEmpty(t, l.Addrs())
	for _, a := range l.Addrs() {
		require.Equal(t, int(port), a.(*net.TCPAddr).Port)
	}
	bothFamilies(t, l, int(port))
}

func TestAddAnyInetPortReturnsThePort(t *testing.T) {
	noLeaks(t)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	seen := map[uint16]bool{}
	for range 5 {
		port, err := l.AddAnyInetPort(nil)
		require.NoError(t, err)
		require.NotZero(t, port)
		require.False(t, seen[port])
		seen[port] = true
		bothFamilies(t, l, int(port))
	}
}
