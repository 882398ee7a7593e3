package gio

import (
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// SocketConnection is a GSocketConnection (GTcpConnection, GUnixConnection) as
// a net.Conn. Its methods are for any goroutine and never need the main loop:
// bytes move by system calls that never block, and a goroutine that has to wait is
// parked on Go's network poller, not on a thread.
//
// Reads are serialised among themselves, and so are writes, each as a whole.
// Errors are *net.OpError; errors.Is finds net.ErrClosed after Close,
// os.ErrDeadlineExceeded after a deadline, and the errno otherwise.
//
// Whoever owns the connection must Close it. One that is forgotten is closed
// when the garbage collector finds it, unless GIO code may have it (Gotk4);
// GLIBSERVE_DEBUG=leaks tells.
type SocketConnection struct {
	c *conn
}

var (
	_ net.Conn      = (*SocketConnection)(nil)
	_ io.ReaderFrom = (*SocketConnection)(nil)
	_ syscall.Conn  = (*SocketConnection)(nil)
)

// conn is the state behind a SocketConnection, apart from it so that the table
// of a service doesn't keep a forgotten one alive.
type conn struct {
	fd       netfd.FD
	tls      atomic.Pointer[giostream.TLS] // nil: plain
	addrs    connAddrs
	wrappers connWrappers

	source   any // immutable
	detached atomic.Bool
	graceful atomic.Bool // somebody may have set "graceful-disconnect"
	given    atomic.Bool // GIO code has it, and may wait for it on a thread of its own
	shares   atomic.Bool // a duplicate was given out, to outlive Close
	adopted  bool        // made elsewhere, TLS included: the objects are around that. Immutable

	owner *listener // nil: a client's, or one of a pair. Immutable
	connLinks
}

// connLinks are a connection's place in its owner's table, under the table's lock.
type connLinks struct {
	inTable    bool
	prev, next *conn
}

// newConn makes the Go side of an accepted connection. It takes over the reference
// that the trampoline offers.
func newConn(l *listener, in *native.Incoming) *SocketConnection {
	return makeConn(l, in, false)
}

// newDirectConn makes the Go side of a connection that Go has accepted, without
// GObjects. It gets them at once where they are needed: by TLS, and by a Unix socket,
// which may carry descriptors, with which closing may take any time. The connection
// is the caller's to close also when there is an error. lingers tells that SO_LINGER
// may be set.
func newDirectConn(l *listener, in *native.Incoming, lingers bool) (*SocketConnection, error) {
	sc := makeConn(l, in, lingers)
	if sc.c.addrs.family != syscall.AF_UNIX && sc.c.tls.Load() == nil {
		return sc, nil
	}
	_, err := sc.c.fd.Objects()
	return sc, err
}

func makeConn(l *listener, in *native.Incoming, lingers bool) *SocketConnection {
	c := &conn{owner: l, source: sourceValue(in)}
	c.addrs.listen = l.listenAddr(in.Listening())
	fd := in.FD()
	b, known := in.PeerBytes()
	if !known { // a named Unix socket
		var buf [sockaddr.Max]byte
		n, _ := sys.Peername(fd, buf[:])
		b = buf[:n]
	}
	c.addrs.setPeer(fd, b)
	c.fd.Init(netfd.Config{
		FD: fd, Connection: in.Connection(), Exposed: l.exposed.Load(),
		Unix: c.addrs.family == syscall.AF_UNIX, Messages: c.addrs.packet, Lingers: lingers,
		IdleTimeout: l.cfg.IdleTimeout, Shared: &l.poller,
	})
	if l.tls != nil {
		c.tls.Store(l.tls.on(&c.fd))
	}
	if c.fd.Exposed() {
		c.share()
	}
	return &SocketConnection{c}
}

// newConnOf makes the Go side of a connection that no listener has accepted, and
// takes over its reference. Without the peer's address it asks for that.
func newConnOf(n native.Connection, fd int, peer []byte, exposed bool) *SocketConnection {
	c := &conn{}
	if peer == nil {
		var buf [sockaddr.Max]byte
		n, _ := sys.Peername(fd, buf[:])
		peer = buf[:n]
	}
	c.addrs.setPeer(fd, peer)
	c.fd.Init(netfd.Config{FD: fd, Connection: n, Exposed: exposed, Unix: c.addrs.family == syscall.AF_UNIX, Messages: c.addrs.packet})
	if exposed {
		c.graceful.Store(true) // who has it may set it
		c.share()
	}
	return &SocketConnection{c}
}

// forEmission returns the GObjects for an emission of "incoming", which others see
// from now on if exposed.
func (c *conn) forEmission(exposed bool) (native.Connection, error) {
	if !c.fd.Acquire() {
		return native.Connection{}, net.ErrClosed
	}
	defer c.fd.Release()
	if exposed {
		c.share()
		return c.fd.Expose()
	}
	return c.fd.Objects()
}

func (c *conn) closed() bool { return c.fd.Closed() }

// watchForgotten closes the connection should its last user lose it.
func (sc *SocketConnection) watchForgotten() {
	w := &sc.c.wrappers
	w.mu.Lock()
	defer w.mu.Unlock()
	if !sc.c.closed() {
		w.cleanup = runtime.AddCleanup(sc, forgotten, sc.c)
	}
}

// Read reads up to len(b) bytes (as g_socket_receive_with_blocking). It blocks
// until there are some, the peer has closed its side (io.EOF), the read
// deadline has passed, or Close or CloseRead.
//
// On a "unixpacket" socket it reads one message. What b has no room for is lost:
// the error is io.ErrShortBuffer then, with len(b) bytes read. An empty message
// cannot be told from the end: it is io.EOF, as in package net.
func (sc *SocketConnection) Read(b []byte) (int, error) {
	// No defer, and a small frame, as in package netfd: that of an idle client
	// stays on the stack.
	c := sc.c
	n, err := 0, net.ErrClosed
	if c.fd.Lock(netfd.Reading) {
		if t := c.tls.Load(); t == nil {
			n, err = c.fd.ReadLocked(b)
		} else {
			n, err = t.Read(b)
		}
		c.fd.Unlock(netfd.Reading)
	}
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	runtime.KeepAlive(sc)
	return n, err
}

// Write writes all of b (as g_socket_send_with_blocking). It blocks until the
// kernel has taken it, the write deadline has passed, or Close; the count says
// how much went out before an error.
//
// On a "unixpacket" socket b is one message, also when it is empty, as in package net.
// One that is too large for the kernel is syscall.EMSGSIZE, and nothing of it goes.
func (sc *SocketConnection) Write(b []byte) (int, error) {
	c := sc.c
	n, err := 0, net.ErrClosed
	if c.fd.Lock(netfd.Writing) {
		if t := c.tls.Load(); t == nil {
			n, err = c.fd.WriteLocked(b)
		} else {
			n, err = t.Write(b)
		}
		c.fd.Unlock(netfd.Writing)
	}
	if err != nil {
		err = c.opError("write", err)
	}
	runtime.KeepAlive(sc)
	return n, err
}

// Close closes the connection (g_io_stream_close, g_socket_close): exactly
// once, waking whoever waits in Read or Write with net.ErrClosed. Bytes that
// Write has reported as written are still delivered. Later calls return
// net.ErrClosed and do nothing. It returns at once, unless
// SetGracefulDisconnect made it wait for the peer.
//
// With TLS by GIO the end of what was written, and close_notify, are this process's
// to send: where the peer does not take them at once, that goes on for up to a second
// after Close has returned. A Close that interrupts a Write sends no close_notify.
func (sc *SocketConnection) Close() error {
	c := sc.c
	if !c.fd.BeginClose() {
		return c.opError("close", net.ErrClosed)
	}
	c.tls.Load().Interrupt()
	err := c.endGracefully()
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	c.wrappers.cleanup.Stop()
	runtime.KeepAlive(sc)
	return err
}

// end makes the connection unusable, waits until nobody uses it, and gives up the
// reference. closeStream is false for one that nobody took: that one is GIO's to
// close.
func (c *conn) end(closeStream bool) {
	if c.fd.BeginClose() {
		c.finish(closeStream)
	}
}

// finish is for whoever began to close. With TLS the end may come later: see SayEnd.
func (c *conn) finish(closeStream bool) {
	c.addrs.keepLocal(&c.fd)
	if t := c.tls.Load(); t != nil {
		t.Interrupt() // who waits for the handshake has a reference
		if closeStream {
			if wait := t.SayEnd(); wait != nil {
				go func() {
					wait()
					c.finishNow(true)
				}()
				return
			}
		}
	}
	c.finishNow(closeStream)
}

func (c *conn) finishNow(closeStream bool) {
	if c.owner != nil {
		defer c.owner.connClosed(c)
	}
	c.fd.Evict()
	if closeStream && c.given.Load() && !c.shares.Load() && c.tls.Load() == nil {
		c.wakeOthers()
	}
	if t := c.tls.Load(); (t.Begun() || t != nil && closeStream) && c.fd.HasObjects() {
		below := c.fd.Surrender()
		t.End(below, c.wrappers.takeOuter(), closeStream || !c.fd.Exposed())
	} else {
		c.fd.Destroy(closeStream)
	}
	if closeStream {
		c.wrappers.dropStream()
	}
}

// wakeOthers ends what GIO code waits for on other threads. A poll(2) there keeps the
// socket alive when its descriptor is closed: the peer would see no end.
func (c *conn) wakeOthers() {
	if n, err := c.fd.Objects(); err == nil {
		_ = n.Shutdown(true, true)
	}
}

// CloseRead shuts down the reading side (g_socket_shutdown): Read returns
// io.EOF once what had arrived is read.
func (sc *SocketConnection) CloseRead() error { return sc.shutdown(true, false) }

// CloseWrite shuts down the writing side (g_socket_shutdown): the peer reads
// what was written and then its end of file. Reading goes on.
func (sc *SocketConnection) CloseWrite() error { return sc.shutdown(false, true) }

func (sc *SocketConnection) shutdown(rd, wr bool) error {
	if sc.c.tls.Load() != nil {
		return sc.shutdownTLS(rd, wr)
	}
	return sc.use("shutdown", func(n native.Connection) error {
		if errno := n.Shutdown(rd, wr); errno != 0 {
			return netfd.ErrnoError("shutdown", errno)
		}
		return nil
	})
}

// use runs f while the C objects are alive.
func (sc *SocketConnection) use(op string, f func(n native.Connection) error) error {
	defer runtime.KeepAlive(sc)
	c := sc.c
	if !c.fd.Acquire() {
		return c.opError(op, net.ErrClosed)
	}
	defer c.fd.Release()
	n, err := c.fd.Objects()
	if err == nil {
		err = f(n)
	}
	if err != nil {
		return c.opError(op, err)
	}
	return nil
}

// IsConnected tells whether the connection is open on our side
// (g_socket_connection_is_connected). A peer that has gone shows in Read, not
// here.
func (sc *SocketConnection) IsConnected() bool {
	if !sc.c.fd.HasObjects() {
		return !sc.c.closed()
	}
	connected := false
	_ = sc.use("status", func(n native.Connection) error {
		connected = n.IsConnected()
		return nil
	})
	return connected
}

// Source is the value that was given with the address on which this connection
// was accepted, or nil.
func (sc *SocketConnection) Source() any { return sc.c.source }

// Detach makes the connection the caller's own and returns it: Serve does not
// close it when the handler returns, Shutdown and Close of the service leave it
// alone. It still counts for ServiceConfig.MaxConns until it is closed.
func (sc *SocketConnection) Detach() *SocketConnection {
	if sc.c.detached.CompareAndSwap(false, true) {
		sc.watchForgotten()
	}
	return sc
}

// opError is the *net.OpError that every method returns.
func (c *conn) opError(op string, err error) error {
	if _, ok := err.(*net.OpError); ok {
		return err
	}
	remote := c.addrs.remoteAddr()
	return &net.OpError{Op: op, Net: sockaddr.Network(remote), Source: c.localAddr(), Addr: remote, Err: err}
}
