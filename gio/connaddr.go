package gio

import (
	"encoding/binary"
	"net"
	"runtime"
	"sync"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// connAddrs are the addresses of a connection. They are asked for late and kept for
// those who ask after Close.
type connAddrs struct {
	family uint16   // immutable
	packet bool     // of a Unix socket: SOCK_SEQPACKET; immutable
	listen net.Addr // the listening socket's, where it must be ours; immutable

	mu       sync.Mutex // protects what follows; nothing is locked under it
	local    net.Addr
	remote   net.Addr
	kept     bool     // localRaw is all there is: the descriptor may be gone
	localRaw [28]byte // a native IP sockaddr, decoded when somebody asks
	peerRaw  [28]byte // the same
}

// setPeer is for a connection that nobody else has yet.
func (a *connAddrs) setPeer(fd int, b []byte) {
	if len(b) < 2 {
		// Gone before it was accepted.
		self := a.listen
		if self == nil {
			self = sockaddr.Local(fd)
		}
		if self != nil && sockaddr.IsUnix(self.Network()) {
			a.family = syscall.AF_UNIX
			a.packet = sockaddr.IsSeqpacket(self)
		}
		a.remote = a.empty()
		return
	}
	a.family = binary.NativeEndian.Uint16(b)
	if a.family == syscall.AF_UNIX {
		a.packet = sys.IsSeqpacket(fd)
		a.remote = a.named(sockaddr.Decode(b))
	} else {
		copy(a.peerRaw[:], b)
	}
}

// named puts the network into an address that was decoded, which does not show it.
func (a *connAddrs) named(addr net.Addr) net.Addr {
	if u, ok := addr.(*net.UnixAddr); ok && a.packet {
		u.Net = "unixpacket"
	}
	return addr
}

func (a *connAddrs) empty() net.Addr { return a.named(sockaddr.Empty(int(a.family))) }

// LocalAddr is a *net.TCPAddr or *net.UnixAddr, also after Close
// (g_socket_connection_get_local_address).
func (sc *SocketConnection) LocalAddr() net.Addr {
	defer runtime.KeepAlive(sc)
	return sc.c.localAddr()
}

func (c *conn) localAddr() net.Addr {
	a := &c.addrs
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.local == nil {
		switch {
		case a.listen != nil:
			a.local = sockaddr.Clone(a.listen)
		case a.kept:
			a.local = sockaddr.Decode(a.localRaw[:])
		default:
			a.local = sockaddr.Local(c.fd.Sysfd())
		}
	}
	if a.local == nil {
		return a.empty()
	}
	return a.local
}

// keepLocal is for the end, and for when others may end it: the descriptor goes, the
// address stays. mu makes it wait for whoever is asking the descriptor.
func (a *connAddrs) keepLocal(fd *netfd.FD) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept {
		return
	}
	a.kept = true
	switch {
	case a.local != nil || a.listen != nil:
	case a.family == syscall.AF_UNIX:
		a.local = sockaddr.Local(fd.Sysfd())
	default:
		_, _ = sys.Sockname(fd.Sysfd(), a.localRaw[:])
	}
}

// RemoteAddr is a *net.TCPAddr or *net.UnixAddr, also after Close, and never
// nil: a peer that was gone before it was accepted has the zero address
// (g_socket_connection_get_remote_address).
func (sc *SocketConnection) RemoteAddr() net.Addr { return sc.c.addrs.remoteAddr() }

func (a *connAddrs) remoteAddr() net.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.remote == nil {
		a.remote = sockaddr.Decode(a.peerRaw[:])
	}
	return a.remote
}
