package sockaddr

import (
	"net"

	"golang.org/x/sys/unix"
)

// Resolve turns what Listen takes into an address and whether an IPv6 socket
// must refuse IPv4 clients.
func Resolve(network, address string) (addr net.Addr, v6only bool, err error) {
	switch network {
	case "unix", "unixpacket":
		a := &net.UnixAddr{Name: address, Net: network}
		_, err = EncodeUnix(a)
		return a, false, err
	case "tcp", "tcp4", "tcp6":
		a, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return nil, false, err
		}
		if len(a.IP) == 0 && network == "tcp4" {
			a.IP = net.IPv4zero
		}
		if network == "tcp6" {
			if len(a.IP) == 0 {
				a.IP = net.IPv6unspecified
			}
			return a, true, nil
		}
		return OfAnyFamily(a), false, nil
	}
	return nil, false, net.UnknownNetworkError(network)
}

// OfAnyFamily makes every address of the machine what can be had of it: both families,
// or IPv4 alone where there is no IPv6. Others it returns as they are.
func OfAnyFamily(a net.Addr) net.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok || t == nil || (len(t.IP) != 0 && !t.IP.Equal(net.IPv6unspecified)) {
		return a
	}
	if !haveIPv6() {
		return &net.TCPAddr{IP: net.IPv4zero, Port: t.Port}
	}
	return &net.TCPAddr{IP: net.IPv6unspecified, Port: t.Port, Zone: t.Zone}
}

func haveIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	// Present in the kernel but switched off: then no address can be bound.
	return unix.Bind(fd, &unix.SockaddrInet6{}) == nil
}
