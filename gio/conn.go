package gio

import (
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
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
// when the garbage collector finds it; GLIBSERVE_DEBUG=leaks tells.
type SocketConnection struct {
	c *conn
}

var (
	_ net.Conn      = (*SocketConnection)(nil)
	_ io.ReaderFrom = (*SocketConnection)(nil)
	_ syscall.Conn  = (*SocketConnection)(nil)
)

// conn is the state behind a SocketConnection, apart from it so that the books
// of a service don't keep a forgotten one alive.
type conn struct {
	native native.Connection // one C reference, given up by end; none while bare
	fd     int32             // GSocket's own; never closed from Go
	family uint16

	closed   atomic.Bool
	detached atomic.Bool
	bare     atomic.Bool // there are no GObjects yet; set back by objects
	shared   atomic.Bool // somebody else may have the GObjects
	lingers  bool        // SO_LINGER may be set; immutable
	sends    uint8       // under wmu
	graceful atomic.Bool // somebody may have set "graceful-disconnect"
	tracked  bool        // in the owner's books; under owner.live

	// life is held for reading by every operation while it uses the C objects
	// or waits, and for writing by end.
	life sync.RWMutex
	rmu  sync.Mutex // one Read at a time; protects poll.read and unread
	wmu  sync.Mutex // one Write at a time, whole; protects poll.write
	poll pollState
	tls  atomic.Pointer[tlsConn]   // nil: plain
	idle atomic.Pointer[idleWatch] // nil: no limit was ever set

	unread    byte // what ReceiveFile took and Read has to return first
	hasUnread bool

	owner      *listener // nil for a client's connection
	prev, next *conn     // in owner's list of live connections, under its lock

	addrMu sync.Mutex
	peer   [28]byte // a native IP sockaddr, decoded when somebody asks
	self   [28]byte // ours, kept by end for those who ask later
	saved  bool     // under addrMu: self is all there is, the descriptor may be gone
	hint   net.Addr // the listening socket's, where it must be ours; immutable
	local  net.Addr // under addrMu, as is remote
	remote net.Addr
	source any

	cleanup runtime.Cleanup // under addrMu, as is wrapper
	wrapper *gotkgio.SocketConnection
	socket  *gotkgio.Socket // under addrMu too
}

// newConn makes the Go side of an accepted connection. It takes over the
// reference that the trampoline offers; one of a rush begins without.
func newConn(l *listener, in *native.Incoming) *SocketConnection {
	c := &conn{native: in.Connection(), fd: int32(in.FD()), owner: l, source: sourceValue(in)}
	c.shared.Store(!sys.HasSocketCalls || l != nil && l.foreign.Load())
	c.hint = l.addrOf(in.Listening())
	b, known := in.PeerBytes()
	if !known { // a named Unix socket
		var buf [sockaddr.Max]byte
		n, _ := sys.Peername(int(c.fd), buf[:])
		b = buf[:n]
	}
	c.setPeer(b)
	if l != nil && l.tls != nil {
		c.tls.Store(l.tls.conn())
	}
	if l != nil && l.cfg.IdleTimeout > 0 {
		c.idle.Store(&idleWatch{c: c, limit: l.cfg.IdleTimeout})
	}
	if c.native.Valid() {
		c.count()
	}
	return &SocketConnection{c}
}

// watchForgotten closes the connection should its last user lose it.
func (sc *SocketConnection) watchForgotten() {
	sc.c.addrMu.Lock()
	defer sc.c.addrMu.Unlock()
	if !sc.c.closed.Load() {
		sc.c.cleanup = runtime.AddCleanup(sc, forgotten, sc.c)
	}
}

// Read reads up to len(b) bytes (as g_socket_receive_with_blocking). It blocks
// until there are some, the peer has closed its side (io.EOF), the read
// deadline has passed, or Close or CloseRead.
func (sc *SocketConnection) Read(b []byte) (int, error) {
	// No defer, and small frames from here on: when the goroutine that waits
	// for an idle client needs no more than its first 2 KiB of stack, that
	// client costs a third less.
	c := sc.c
	c.rmu.Lock()
	c.life.RLock()
	n, err := c.readLocked(b)
	c.life.RUnlock()
	c.rmu.Unlock()
	if err != nil && err != io.EOF {
		err = c.opError("read", err)
	}
	runtime.KeepAlive(sc)
	return n, err
}

// readLocked is for callers that hold rmu and life.
func (c *conn) readLocked(b []byte) (int, error) {
	if c.closed.Load() {
		return 0, net.ErrClosed
	}
	if len(b) == 0 {
		return 0, nil
	}
	if c.hasUnread {
		b[0], c.hasUnread = c.unread, false
		return 1, nil
	}
	if t := c.tls.Load(); t != nil {
		return t.read(c, b)
	}
	w := c.idle.Load()
	if c.poll.file.Load() == nil {
		// Most reads of a short connection end here: it never costs a second
		// descriptor or a place with the poller.
		for {
			n, errno := c.recv(b)
			if errno != syscall.EAGAIN || w.waits(reading, false) {
				return c.readResult(w, n, errno)
			}
			if c.closed.Load() || !c.park() {
				break
			}
		}
	}
	return c.readPolled(w, b)
}

func (c *conn) readPolled(w *idleWatch, b []byte) (int, error) {
	p, err := c.register()
	if err != nil {
		_ = w.ended(reading, 0)
		return 0, err
	}
	n, errno, err := p.read(c, w, b)
	if err != nil {
		if ierr := w.ended(reading, errno); ierr != nil {
			err = ierr
		}
		return 0, c.pollError(err)
	}
	return c.readResult(w, n, errno)
}

func (c *conn) readResult(w *idleWatch, n int, errno syscall.Errno) (int, error) {
	if err := w.ended(reading, errno); err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, c.errnoError("recv", errno)
	}
	if n == 0 {
		return 0, io.EOF
	}
	w.moves(reading)
	return n, nil
}

// Write writes all of b (as g_socket_send_with_blocking). It blocks until the
// kernel has taken it, the write deadline has passed, or Close; the count says
// how much went out before an error.
func (sc *SocketConnection) Write(b []byte) (int, error) {
	c := sc.c
	c.wmu.Lock()
	c.life.RLock()
	n, err := 0, net.ErrClosed
	if !c.closed.Load() {
		n, err = c.writeLocked(b)
	}
	c.life.RUnlock()
	c.wmu.Unlock()
	if err != nil {
		err = c.opError("write", err)
	}
	runtime.KeepAlive(sc)
	return n, err
}

// writeLocked is for callers that hold wmu and life.
func (c *conn) writeLocked(b []byte) (int, error) {
	if t := c.tls.Load(); t != nil {
		return t.write(c, b)
	}
	done := 0
	w := c.idle.Load()
	p := c.poll.file.Load()
	if p == nil {
		for done < len(b) {
			n, errno := c.send(b[done:])
			done += n
			w.moves(writing)
			if errno == syscall.EAGAIN {
				break
			}
			if errno != 0 {
				return done, c.errnoError("send", errno)
			}
		}
		if done == len(b) {
			return done, nil
		}
		var err error
		if p, err = c.register(); err != nil {
			return done, err
		}
	}
	n, errno, err := p.write(c, w, b[done:])
	done += n
	if ierr := w.ended(writing, errno); ierr != nil {
		return done, ierr
	}
	if err != nil {
		return done, c.pollError(err)
	}
	if errno != 0 {
		return done, c.errnoError("send", errno)
	}
	return done, nil
}

// Close closes the connection (g_io_stream_close, g_socket_close): exactly
// once, waking whoever waits in Read or Write with net.ErrClosed. Bytes that
// Write has reported as written are still delivered. Later calls return
// net.ErrClosed and do nothing. It returns at once, unless
// SetGracefulDisconnect made it wait for the peer.
func (sc *SocketConnection) Close() error {
	c := sc.c
	if !c.closed.CompareAndSwap(false, true) {
		return c.opError("close", net.ErrClosed)
	}
	c.tls.Load().interrupt()
	err := c.drainIfGraceful()
	c.finish(true)
	c.addrMu.Lock()
	defer c.addrMu.Unlock()
	c.cleanup.Stop()
	runtime.KeepAlive(sc)
	return err
}

// end makes the connection unusable, waits until nobody is inside C, and gives
// up the reference. closeStream is false for one that nobody took: that one is
// GIO's to close.
func (c *conn) end(closeStream bool) bool {
	if !c.closed.CompareAndSwap(false, true) {
		return false
	}
	c.finish(closeStream)
	return true
}

// finish is for whoever set closed.
func (c *conn) finish(closeStream bool) {
	if c.owner != nil {
		defer c.owner.connClosed(c)
	}
	c.saveLocalAddr()
	c.poll.close() // wakes the waiters
	c.idle.Load().stop()
	c.tls.Load().interrupt()
	c.life.Lock()
	defer c.life.Unlock()
	if t := c.tls.Load(); t.begun() || t != nil && closeStream && !c.bare.Load() {
		t.end(c.native)
	} else if closeStream {
		c.closeObjects()
	} else {
		c.native.Unref()
	}
	c.native = native.Connection{}
}

// CloseRead shuts down the reading side (g_socket_shutdown): Read returns
// io.EOF once what had arrived is read.
func (sc *SocketConnection) CloseRead() error { return sc.shutdown(true, false) }

// CloseWrite shuts down the writing side (g_socket_shutdown): the peer reads
// what was written and then its end of file. Reading goes on.
func (sc *SocketConnection) CloseWrite() error { return sc.shutdown(false, true) }

func (sc *SocketConnection) shutdown(rd, wr bool) error {
	if t := sc.c.tls.Load(); t != nil {
		return sc.shutdownTLS(t, rd, wr)
	}
	return sc.use("shutdown", func(n native.Connection) error {
		if errno := n.Shutdown(rd, wr); errno != 0 {
			return sc.c.errnoError("shutdown", errno)
		}
		return nil
	})
}

// use runs f while the C objects are alive.
func (sc *SocketConnection) use(op string, f func(n native.Connection) error) error {
	defer runtime.KeepAlive(sc)
	c := sc.c
	c.life.RLock()
	defer c.life.RUnlock()
	if c.closed.Load() {
		return c.opError(op, net.ErrClosed)
	}
	n, err := c.objects()
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
	if sc.c.bare.Load() {
		return !sc.c.closed.Load()
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
	remote := c.remoteAddr()
	return &net.OpError{Op: op, Net: sockaddr.Network(remote), Source: c.localAddr(), Addr: remote, Err: err}
}
