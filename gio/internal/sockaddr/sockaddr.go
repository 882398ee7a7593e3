package sockaddr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Max is the size of the longest address of any family.
const Max = unix.SizeofSockaddrAny

const (
	unixPathMax    = len(unix.RawSockaddrUnix{}.Path)
	unixPathOffset = int(unsafe.Offsetof(unix.RawSockaddrUnix{}.Path))
)

// Encode encodes a net.TCPAddr or net.UnixAddr.
func Encode(a net.Addr) ([]byte, error) {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a == nil {
			break
		}
		return EncodeTCP(a)
	case *net.UnixAddr:
		if a == nil {
			break
		}
		return EncodeUnix(a)
	case nil:
	default:
		return nil, fmt.Errorf("address type %T is not supported: want *net.TCPAddr or *net.UnixAddr", a)
	}
	return nil, errors.New("nil address")
}

// EncodeTCP is Encode for an IP address and a port.
func EncodeTCP(a *net.TCPAddr) ([]byte, error) {
	if a.Port < 0 || a.Port > 0xffff {
		return nil, fmt.Errorf("port %d is out of range", a.Port)
	}
	if ip4 := a.IP.To4(); ip4 != nil {
		b := make([]byte, unix.SizeofSockaddrInet4)
		binary.NativeEndian.PutUint16(b, unix.AF_INET)
		binary.BigEndian.PutUint16(b[2:], uint16(a.Port))
		copy(b[4:], ip4)
		return b, nil
	}
	ip := a.IP
	if len(ip) == 0 {
		ip = net.IPv6unspecified
	}
	if len(ip) != net.IPv6len {
		return nil, &net.AddrError{Err: "malformed IP address", Addr: a.IP.String()}
	}
	zone, err := zoneID(a.Zone)
	if err != nil {
		return nil, err
	}
	b := make([]byte, unix.SizeofSockaddrInet6)
	binary.NativeEndian.PutUint16(b, unix.AF_INET6)
	binary.BigEndian.PutUint16(b[2:], uint16(a.Port))
	copy(b[8:], ip)
	binary.NativeEndian.PutUint32(b[24:], zone)
	return b, nil
}

func zoneID(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if ifi, err := net.InterfaceByName(zone); err == nil {
		return uint32(ifi.Index), nil
	}
	n, err := strconv.ParseUint(zone, 10, 32)
	if err != nil {
		return 0, &net.AddrError{Err: "no such zone", Addr: zone}
	}
	return uint32(n), nil
}

// EncodeUnix is Encode for a path, or an abstract name, which begins with "@" or
// with a zero byte and may have more of those anywhere.
func EncodeUnix(a *net.UnixAddr) ([]byte, error) {
	if a.Net != "" && a.Net != "unix" && a.Net != "unixpacket" {
		return nil, net.UnknownNetworkError(a.Net)
	}
	name := a.Name
	if name == "" {
		return nil, &net.AddrError{Err: "empty Unix socket name", Addr: name}
	}
	abstract := isAbstract(name)
	// A path needs its terminating zero, an abstract name the leading one.
	if (abstract && len(name) > unixPathMax) || (!abstract && len(name) >= unixPathMax) {
		return nil, &net.AddrError{Err: fmt.Sprintf("Unix socket name is longer than %d bytes", unixPathMax-1), Addr: name}
	}
	if !abstract && strings.IndexByte(name, 0) >= 0 {
		// The kernel would take what is before it for the path.
		return nil, &net.AddrError{Err: "Unix socket path contains a zero byte", Addr: name}
	}
	b := make([]byte, unixPathOffset, unixPathOffset+len(name)+1)
	binary.NativeEndian.PutUint16(b, unix.AF_UNIX)
	b = append(b, name...)
	if abstract {
		b[unixPathOffset] = 0
		return b, nil
	}
	return append(b, 0), nil
}

func isAbstract(name string) bool { return name != "" && (name[0] == '@' || name[0] == 0) }

// Decode decodes a native sockaddr; nil for a family that is neither IP nor
// Unix.
func Decode(b []byte) net.Addr {
	if len(b) < 2 {
		return nil
	}
	switch binary.NativeEndian.Uint16(b) {
	case unix.AF_INET:
		if len(b) < unix.SizeofSockaddrInet4 {
			return nil
		}
		return &net.TCPAddr{IP: append(net.IP(nil), b[4:8]...), Port: int(binary.BigEndian.Uint16(b[2:]))}
	case unix.AF_INET6:
		if len(b) < unix.SizeofSockaddrInet6 {
			return nil
		}
		a := &net.TCPAddr{IP: append(net.IP(nil), b[8:24]...), Port: int(binary.BigEndian.Uint16(b[2:]))}
		if a.IP.To4() == nil { // one of IPv4 in disguise has no zone
			a.Zone = zoneName(binary.NativeEndian.Uint32(b[24:]))
		}
		return a
	case unix.AF_UNIX:
		return &net.UnixAddr{Name: unixName(b[min(unixPathOffset, len(b)):]), Net: "unix"}
	}
	return nil
}

// unixName is the name as package net writes it: "@" begins an abstract one
// and stands alone for a socket without a name.
func unixName(path []byte) string {
	if len(path) == 0 {
		return "@"
	}
	if path[0] == 0 {
		return "@" + string(path[1:])
	}
	for i, c := range path {
		if c == 0 {
			return string(path[:i])
		}
	}
	return string(path)
}

func zoneName(id uint32) string {
	if id == 0 {
		return ""
	}
	if ifi, err := net.InterfaceByIndex(int(id)); err == nil {
		return ifi.Name
	}
	return strconv.FormatUint(uint64(id), 10)
}

// Local is the address of a socket's own end, as the kernel knows it; nil when the
// descriptor is no socket.
func Local(fd int) net.Addr {
	var buf [Max]byte
	n, err := sys.Sockname(fd, buf[:]) // no function value: buf would escape
	return decodeUnless(err, fd, buf[:], n)
}

// Peer is the address of the other end; nil when there is none.
func Peer(fd int) net.Addr {
	var buf [Max]byte
	n, err := sys.Peername(fd, buf[:])
	return decodeUnless(err, fd, buf[:], n)
}

func decodeUnless(err error, fd int, b []byte, n int) net.Addr {
	if err != nil {
		return nil
	}
	a := Decode(b[:min(n, len(b))])
	if u, ok := a.(*net.UnixAddr); ok && sys.IsSeqpacket(fd) {
		u.Net = "unixpacket"
	}
	return a
}

// IsSeqpacket tells whether a is the address of a socket of messages.
func IsSeqpacket(a net.Addr) bool {
	u, ok := a.(*net.UnixAddr)
	return ok && u != nil && u.Net == "unixpacket"
}

// IsUnix tells whether a network is one of Unix sockets.
func IsUnix(network string) bool { return network == "unix" || network == "unixpacket" }

// Empty stands for the address of a peer that was gone before anybody could
// ask: GIO returns NULL there, and a nil net.Addr would crash its users.
func Empty(family int) net.Addr {
	if family == unix.AF_UNIX {
		return &net.UnixAddr{Name: "@", Net: "unix"}
	}
	return &net.TCPAddr{IP: net.IPv4zero}
}

// Clone is for addresses that are handed out: they may be written to.
func Clone(a net.Addr) net.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return &net.TCPAddr{IP: append(net.IP(nil), a.IP...), Port: a.Port, Zone: a.Zone}
	case *net.UnixAddr:
		return &net.UnixAddr{Name: a.Name, Net: a.Net}
	}
	return a
}

// Fixed tells whether every connection accepted at a has it for its own. For IP that
// is not so even where a is one address: clients of others may be steered to it
// (TPROXY, sk_lookup), and whoever shares the socket can bind it anew.
func Fixed(a net.Addr) bool {
	_, unix := a.(*net.UnixAddr)
	return unix
}

// Network is the network of an address as net.OpError names it.
func Network(a net.Addr) string {
	if a == nil {
		return "socket"
	}
	return a.Network()
}
