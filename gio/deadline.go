package gio

import (
	"runtime"
	"time"

	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// SetDeadline sets both deadlines; the zero time means none. A deadline in the
// past fails reads and writes at once, even when data is there.
func (sc *SocketConnection) SetDeadline(t time.Time) error { return sc.setDeadline(t, true, true) }

// SetReadDeadline sets the deadline of Read alone.
func (sc *SocketConnection) SetReadDeadline(t time.Time) error { return sc.setDeadline(t, true, false) }

// SetWriteDeadline sets the deadline of Write alone.
func (sc *SocketConnection) SetWriteDeadline(t time.Time) error {
	return sc.setDeadline(t, false, true)
}

func (sc *SocketConnection) setDeadline(t time.Time, rd, wr bool) error {
	defer runtime.KeepAlive(sc)
	c := sc.c
	if err := c.fd.SetDeadline(t, rd, wr); err != nil {
		return c.opError("set", err)
	}
	c.tls.Load().SetDeadline(t, rd, wr)
	return nil
}

// ErrIdleTimeout is found by errors.Is in the error of an operation that
// ServiceConfig.IdleTimeout or SetIdleTimeout has ended. Such an error is an
// os.ErrDeadlineExceeded as well.
var ErrIdleTimeout = netfd.ErrIdleTimeout

// SetIdleTimeout replaces ServiceConfig.IdleTimeout for this connection: from
// now on, a Read or Write that waits for longer than d while no byte moves in
// either direction fails with ErrIdleTimeout. 0 or less means no limit. It is for
// any goroutine; operations that wait already are bound by it as well, from now on
// at the latest.
func (sc *SocketConnection) SetIdleTimeout(d time.Duration) {
	sc.c.fd.SetIdleTimeout(d)
	runtime.KeepAlive(sc)
}
