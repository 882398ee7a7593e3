package gio

import (
	"runtime"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// SetNoDelay switches TCP_NODELAY; it is on from the start, as in package net.
// On a Unix socket it is an error.
func (sc *SocketConnection) SetNoDelay(on bool) error {
	return sc.setOption(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, boolInt(on))
}

// SetKeepAlive switches TCP keep-alive probes (g_socket_set_keepalive); they
// are off at first, as in GIO.
func (sc *SocketConnection) SetKeepAlive(on bool) error {
	return sc.use("set", func(n native.Connection) error {
		n.SetKeepAlive(on)
		return nil
	})
}

// SetLinger sets what Close does with bytes that the peer has not yet
// acknowledged, as net.TCPConn.SetLinger does: sec < 0, the default, delivers
// them in the background; 0 discards them and resets the connection.
func (sc *SocketConnection) SetLinger(sec int) error {
	defer runtime.KeepAlive(sc)
	l := syscall.Linger{Onoff: int32(boolInt(sec >= 0)), Linger: int32(max(sec, 0))}
	var serr error
	err := sc.c.fd.Control(func(fd int) {
		serr = syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &l)
	})
	if err == nil {
		err = serr
	}
	if err != nil {
		return sc.c.opError("set", err)
	}
	return nil
}

func (sc *SocketConnection) setOption(level, name, value int) error {
	return sc.use("set", func(n native.Connection) error {
		if errno := n.SetOption(level, name, value); errno != 0 {
			return netfd.ErrnoError("setsockopt", errno)
		}
		return nil
	})
}

// NoDelay tells whether TCP_NODELAY is on. On a Unix socket it is an error.
func (sc *SocketConnection) NoDelay() (bool, error) {
	v, err := sc.option(syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	return v != 0, err
}

// KeepAlive tells whether keep-alive probes are on (g_socket_get_keepalive).
func (sc *SocketConnection) KeepAlive() (on bool, err error) {
	err = sc.use("get", func(n native.Connection) error {
		on = n.KeepAlive()
		return nil
	})
	return on, err
}

// Linger returns what SetLinger set, less than 0 for the default.
func (sc *SocketConnection) Linger() (sec int, err error) {
	err = sc.use("get", func(n native.Connection) error {
		var errno syscall.Errno
		if sec, errno = n.Linger(); errno != 0 {
			return netfd.ErrnoError("getsockopt", errno)
		}
		return nil
	})
	return sec, err
}

func (sc *SocketConnection) option(level, name int) (v int, err error) {
	err = sc.use("get", func(n native.Connection) error {
		var errno syscall.Errno
		if v, errno = n.Option(level, name); errno != 0 {
			return netfd.ErrnoError("getsockopt", errno)
		}
		return nil
	})
	return v, err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// gracefulTimeout is how long a graceful Close waits for its peer.
var gracefulTimeout = 10 * time.Second

// SetGracefulDisconnect makes Close of a TCP connection wait until the peer has
// read everything (g_tcp_connection_set_graceful_disconnect): Close then ends
// our side, drops what still arrives, and returns when the peer has closed its
// own side. An error of Close says that the peer may not have read all: it reset
// the connection (syscall.ECONNRESET) or did not close within ten seconds
// (os.ErrDeadlineExceeded). The connection is closed in any case.
//
// GIO waits in g_io_stream_close, on the calling thread and without limit; here
// only the goroutine that calls Close waits. On the thread of the service's or
// listener's loop it returns at once, and the end comes by itself; don't call it on
// another loop's thread. Reads and writes in progress, and Close of the connection's service,
// don't wait. On a Unix connection, and with TLS, which has an end of its
// own, it is syscall.EOPNOTSUPP.
func (sc *SocketConnection) SetGracefulDisconnect(on bool) error {
	return sc.use("set", func(n native.Connection) error {
		if !n.IsTCP() || sc.c.tls.Load() != nil {
			return sys.WithMessage(syscall.EOPNOTSUPP, "graceful disconnect: not a plain TCP connection")
		}
		if on {
			sc.c.graceful.Store(true)
		}
		n.SetGraceful(on)
		return nil
	})
}

// GracefulDisconnect tells what SetGracefulDisconnect, or other code that has
// the GTcpConnection, set (g_tcp_connection_get_graceful_disconnect). It is
// false on a Unix connection and after Close.
func (sc *SocketConnection) GracefulDisconnect() (on bool) {
	_ = sc.use("get", func(n native.Connection) error {
		on = n.Graceful()
		return nil
	})
	return on
}

// endGracefully is the end of Close, which must not hold the loop that its peer may
// be waiting for.
func (c *conn) endGracefully() error {
	if c.graceful.Load() && c.owner != nil && c.owner.loop.OnLoop() {
		go func() {
			_ = c.drainIfGraceful()
			c.finish(true)
		}()
		return nil
	}
	err := c.drainIfGraceful()
	c.finish(true)
	return err
}

// drainIfGraceful is for Close, between BeginClose and finish.
func (c *conn) drainIfGraceful() error {
	if !c.graceful.Load() || c.tls.Load() != nil {
		return nil
	}
	c.addrs.keepLocal(&c.fd)
	if err := c.fd.Drain(gracefulTimeout); err != nil {
		return c.opError("close", err)
	}
	return nil
}
