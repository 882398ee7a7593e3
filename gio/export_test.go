package gio

import (
	"context"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// What the tests see of the library's inside.

// The accounts of what exists.

// CountConnections makes every connection from now on count, as
// GLIBSERVE_DEBUG=leaks does.
func CountConnections() { debugLeaks = true; netfd.CountConnections.Store(true) }

// Counted tells how many connections were counted and how many of them GObject
// has finalized.
func Counted() (accepted, finalized uint64) { return netfd.Counted() }

// Forgotten tells how many connections the garbage collector had to close.
func Forgotten() int64 { return forgottenConns.Load() }

// Registered tells how many listeners, and how many values given as sources,
// the library still knows.
func Registered() (listening, values int) {
	sources.mu.Lock()
	defer sources.mu.Unlock()
	return native.OpenListeners(), native.Sources.Len() + len(sources.byObject)
}

// DialsAlive is the number of dials of which GIO still holds something.
var DialsAlive = native.DialsAlive

// ClientsAlive is the number of clients that were not closed or collected.
func ClientsAlive() int { return native.OpenClients() }

// The parts of a service.

// LeaveToGIO has GIO accept all clients of services that are made from now on, as
// GLIBSERVE_DEBUG=nodirect does, or not. It returns what undoes that.
func LeaveToGIO(on bool) (undo func()) {
	was := noDirect.Swap(on)
	return func() { noDirect.Store(was) }
}

// InDirect tells whether goroutines accept in place of the loop.
func (s *SocketService) InDirect() bool { return s.l.mode.direct.Load() != nil }

// Sync has the loop bring the library's own pauses up to date.
func (s *SocketService) Sync() { _ = s.l.call(func() error { s.l.updateNow(); return nil }) }

// Pending is how many accepted connections nobody has asked for yet.
func (s *SocketService) Pending() int { return s.Stats().Pending }

// Serving tells whether Serve has begun.
func (s *SocketService) Serving() bool {
	sv, _ := s.l.queue.servers()
	return sv != nil
}

// Asked tells whether a goroutine waits for a client.
func (s *SocketService) Asked() bool { return s.l.queue.waits() }

// OpenConns is how many connections are in the table of open ones.
func (s *SocketService) OpenConns() int { return s.Stats().Open }

// Handling is how many handlers of Serve and run are in progress.
func (s *SocketService) Handling() int { return s.Stats().Handling }

// WaitForHandlers waits until n handlers are in progress.
func WaitForHandlers(t testing.TB, s *SocketService, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); s.Handling() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d handlers in progress, want %d", s.Handling(), n)
		}
	}
}

// Paused tells why nobody accepts, or why the accept loops wait.
func (s *SocketService) Paused() (reasons native.Reasons) {
	_ = s.l.call(func() error {
		_, reasons = s.l.wanted()
		if s.l.mode.short.Load() {
			reasons |= native.PauseDescriptors
		}
		if s.l.conns.full() {
			reasons |= native.PauseMaxConns
		}
		return nil
	})
	return reasons
}

// Two of the reasons.
const (
	PauseDescriptors = native.PauseDescriptors
	PauseMaxConns    = native.PauseMaxConns
)

// The inside of a connection.

// WithoutObjects tells whether the connection still has no GObjects.
func (sc *SocketConnection) WithoutObjects() bool { return !sc.c.fd.HasObjects() }

// Exposed tells whether others may have the GObjects, so that bytes move by GIO.
func (sc *SocketConnection) Exposed() bool { return sc.c.fd.Exposed() }

// Lingers tells whether its end may take time.
func (sc *SocketConnection) Lingers() bool { return sc.c.fd.Lingers() }

// IdleLimit is the connection's idle timeout, 0 for none.
func (sc *SocketConnection) IdleLimit() time.Duration { return sc.c.fd.IdleTimeout() }

// AgeIdle has the waits of the connection have begun, and its last byte moved,
// earlier by d.
func (sc *SocketConnection) AgeIdle(d time.Duration) { sc.c.fd.Age(d) }

// SetGracefulTimeout shortens the wait of a graceful Close; the result undoes it.
func SetGracefulTimeout(d time.Duration) (undo func()) {
	old := gracefulTimeout
	gracefulTimeout = d
	return func() { gracefulTimeout = old }
}

// KeepTurns has peers keep their turn however long they stall, until the result is
// called.
func KeepTurns() (undo func()) {
	giostream.SetLeastGrace(time.Hour)
	return func() { giostream.SetLeastGrace(0) }
}

// Connections and streams that come from elsewhere.

// ConnFromFD takes a connected socket over.
func ConnFromFD(fd int) (*SocketConnection, error) { return connFromFD(fd) }

// ClientOf makes the library's connection of one that package net dialled,
// which stays the caller's to close.
func ClientOf(c net.Conn) (*SocketConnection, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var derr error
	if err := raw.Control(func(from uintptr) { fd, derr = sys.Dup(int(from)) }); err != nil {
		return nil, err
	}
	if derr != nil {
		return nil, derr
	}
	return connFromFD(fd)
}

// TLSStream makes a StreamConn of TLS over a socket, which both own from then
// on: close the StreamConn, then sc. As a server it shows cfg's certificate.
func TLSStream(loop *glibloop.Loop, sc *SocketConnection, server *TLSConfig, client *ClientTLSConfig) (*StreamConn, error) {
	below, err := sc.c.fd.Objects()
	if err != nil {
		return nil, err
	}
	var n native.Stream
	if server != nil {
		n, err = newServerTLS(server).put(below)
	} else {
		var t *clientTLS
		if t, err = newClientTLS(client); err == nil {
			n, err = t.put(below, client.ServerName)
		}
	}
	if err != nil {
		return nil, err
	}
	return newStreamConn(loop, n), nil
}

// TLSCloseWriteOfOthers is GIO code that closes the output stream of the
// GTlsConnection: it has the connection to itself until the peer has taken that.
func TLSCloseWriteOfOthers(sc *SocketConnection) error {
	c := native.NewCancellable()
	defer c.Unref()
	ours, _ := sc.c.tls.Load().Native()
	theirs := native.NewStream(ours.Pointer())
	defer theirs.Free()
	return theirs.CloseWrite(c)
}

// TLSRefusesToRead tells whether somebody has the GTlsConnection to himself. The peer
// says nothing meanwhile.
func TLSRefusesToRead(sc *SocketConnection) bool {
	stream, _ := sc.c.tls.Load().Native()
	_, err := stream.Read(make([]byte, 1), native.Cancellable{})
	return err == native.ErrRefused
}

// StreamOf makes a StreamConn of a GIOStream.
func StreamOf(loop *glibloop.Loop, stream unsafe.Pointer) *StreamConn {
	return newStreamConn(loop, native.NewStream(stream))
}

// ParseTarget is what Dial makes of its arguments: an address, or nil and the
// name to look up.
func (c *SocketClient) ParseTarget(network, address string) (addr net.Addr, name string, err error) {
	t, err := c.c.parseTarget(context.Background(), network, address)
	return t.addr, t.host, err
}

// ShareAuthorities tells whether two configurations have the same parsed authorities, with
// files that may have changed just now.
func ShareAuthorities(a, b *ClientTLSConfig, between func()) (bool, error) {
	defer func(d time.Duration) { settleTime = d }(settleTime)
	settleTime = -1
	x, err := newClientTLS(a)
	if err != nil {
		return false, err
	}
	between()
	y, err := newClientTLS(b)
	if err != nil {
		return false, err
	}
	defer runtime.KeepAlive(x)
	return x.material.authorities == y.material.authorities, nil
}
