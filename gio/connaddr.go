package gio

import (
	"encoding/binary"
	"net"
	"runtime"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// The addresses of a connection. They are asked for late and kept for those who
// ask after Close.

// LocalAddr is a *net.TCPAddr or *net.UnixAddr, also after Close
// (g_socket_connection_get_local_address).
func (sc *SocketConnection) LocalAddr() net.Addr {
	defer runtime.KeepAlive(sc)
	return sc.c.localAddr()
}

func (c *conn) localAddr() net.Addr {
	c.addrMu.Lock()
	defer c.addrMu.Unlock()
	if c.local == nil {
		if c.hint != nil {
			c.local = sockaddr.Clone(c.hint)
		} else if c.saved {
			c.local = sockaddr.Decode(c.self[:])
		} else {
			c.local = sockaddr.Local(int(c.fd))
		}
	}
	if c.local == nil {
		return sockaddr.Empty(int(c.family))
	}
	return c.local
}

// saveLocalAddr is for end: the descriptor goes, the address stays. addrMu
// makes end wait for whoever is asking the descriptor.
func (c *conn) saveLocalAddr() {
	c.addrMu.Lock()
	defer c.addrMu.Unlock()
	c.saved = true
	switch {
	case c.local != nil || c.hint != nil:
	case c.family == syscall.AF_UNIX:
		c.local = sockaddr.Local(int(c.fd))
	default:
		_, _ = sys.Sockname(int(c.fd), c.self[:])
	}
}

// RemoteAddr is a *net.TCPAddr or *net.UnixAddr, also after Close, and never
// nil: a peer that was gone before it was accepted has the zero address
// (g_socket_connection_get_remote_address).
func (sc *SocketConnection) RemoteAddr() net.Addr { return sc.c.remoteAddr() }

func (c *conn) remoteAddr() net.Addr {
	c.addrMu.Lock()
	defer c.addrMu.Unlock()
	if c.remote == nil {
		c.remote = sockaddr.Decode(c.peer[:])
	}
	return c.remote
}

// setPeer is for a connection that nobody else has yet.
func (c *conn) setPeer(b []byte) {
	if len(b) < 2 {
		// Gone before it was accepted.
		if self := c.localAddr(); self.Network() == "unix" {
			c.family = syscall.AF_UNIX
		}
		c.remote = sockaddr.Empty(int(c.family))
		return
	}
	c.family = binary.NativeEndian.Uint16(b)
	if c.family == syscall.AF_UNIX {
		c.remote = sockaddr.Decode(b)
	} else {
		copy(c.peer[:], b)
	}
}
