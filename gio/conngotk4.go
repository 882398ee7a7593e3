package gio

import (
	"net"
	"runtime"
	"sync"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Gotk4 returns the connection as gotk4's object, to hand it to other GIO code.
// The wrapper is made at the first call and lives until the process ends: that
// is gotk4's nature, so ask only when you need it, and see Native. GIO's asynchronous
// calls and Read or Write of this object must not be mixed. Close still closes, and so
// does GIO code; the garbage collector no longer does.
//
// With TLS by GIO it is what GSocketClient makes there, a GTcpWrapperConnection: its
// streams are the plain text, and its socket is the one below. The handshake is done
// by the first who reads or writes: call Handshake before, so that GIO code does not
// block in it. See Stream.
//
// It returns nil after Close, or when GIO makes no object for the socket.
func (sc *SocketConnection) Gotk4() *gotkgio.SocketConnection {
	defer runtime.KeepAlive(sc)
	c := sc.c
	n, release, err := c.giveOut()
	if err != nil {
		return nil
	}
	defer release()
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	w := &c.wrappers.connection
	if *w == nil || (*w).Native() != uintptr(n.Pointer()) { // StartTLS came in between
		*w = &gotkgio.SocketConnection{IOStream: gotkgio.IOStream{Object: native.Wrap(n.Pointer())}}
	}
	return *w
}

// Native returns the address of the GObject that Gotk4 wraps, for code in C, cgo or a
// binding, without a wrapper that would live until the process ends. All that Gotk4
// says of the object, and of what it may be used for, holds here.
//
// The reference stays the connection's: the address is good until Close, or until the
// connection is garbage, and not longer. Who keeps it takes a reference of his own by
// g_object_ref while the connection is open, such as before runtime.KeepAlive of it.
// It returns 0 after Close, or when GIO makes no object for the socket.
func (sc *SocketConnection) Native() uintptr {
	defer runtime.KeepAlive(sc)
	n, release, err := sc.c.giveOut()
	if err != nil {
		return 0
	}
	defer release()
	return uintptr(n.Pointer())
}

// Stream returns the GIOStream whose bytes are those of Read and Write: the
// GTlsConnection (a *gotkgio.TLSConnection) where the connection speaks TLS by GIO,
// and otherwise the same as Gotk4. All that Gotk4 says of wrappers, ownership and
// closing holds here.
//
// A GTlsConnection that nobody has used yet is made here, with the handshake still to
// come. Who reads or writes first does that: GIO code, as GIO does, or Handshake,
// Read and Write here, with their time limits. Read and Write stay safe beside GIO
// code that does other things with the stream. GTlsConnection allows one read beside
// one write: who reads by GIO must not call Read meanwhile, nor write by both.
//
// It returns nil after Close, or when GIO makes no object.
func (sc *SocketConnection) Stream() gotkgio.IOStreamer {
	defer runtime.KeepAlive(sc)
	c := sc.c
	t := c.tls.Load()
	if t == nil {
		if w := sc.Gotk4(); w != nil {
			return w
		}
		return nil // not a nil of some type
	}
	_, release, err := c.expose()
	if err != nil {
		return nil
	}
	defer release()
	stream, err := t.Stream()
	if err != nil {
		return nil
	}
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	if c.wrappers.tls == nil {
		c.wrappers.tls = &gotkgio.TLSConnection{IOStream: gotkgio.IOStream{Object: native.Wrap(stream.Pointer())}}
	}
	return c.wrappers.tls
}

// connWrappers are what Go's runtime, gotk4 and GIO code know a connection by.
type connWrappers struct {
	mu         sync.Mutex // protects what follows; nothing is locked under it
	cleanup    runtime.Cleanup
	connection *gotkgio.SocketConnection
	socket     *gotkgio.Socket
	tls        *gotkgio.TLSConnection
	stream     native.Connection // one reference until Close, while there is socket
	outer      native.Connection // around TLS, for others; one reference until the end
}

// share is called before others may get the open file description.
func (c *conn) share() {
	c.addrs.keepLocal(&c.fd) // the descriptor may be closed by others
	c.fd.Share(c.tls.Load() != nil)
}

// expose returns the GObjects for others to have, and what ends their use here.
func (c *conn) expose() (n native.Connection, release func(), err error) {
	if !c.fd.Acquire() {
		return n, nil, net.ErrClosed
	}
	c.share()
	if n, err = c.fd.Expose(); err != nil {
		c.fd.Release()
	}
	return n, c.fd.Release, err
}

// giveOut is expose for who reads and writes as the connection itself does.
func (c *conn) giveOut() (n native.Connection, release func(), err error) {
	c.graceful.Store(true) // its user may set it
	c.given.Store(true)
	n, release, err = c.expose()
	t := c.tls.Load()
	if err != nil || t == nil || c.adopted {
		return n, release, err
	}
	stream, err := t.Stream()
	if err != nil {
		release()
		return n, nil, err
	}
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	if !c.wrappers.outer.Valid() {
		c.wrappers.outer = n.Around(stream)
	}
	return c.wrappers.outer, release, nil
}

// takeOuter is for the end, when nobody uses the connection any more.
func (w *connWrappers) takeOuter() native.Connection {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.outer
	w.outer = native.Connection{}
	return n
}

// dropStream is for the end of a connection that was closed.
func (w *connWrappers) dropStream() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stream.Valid() {
		w.stream.Unref()
		w.stream = native.Connection{}
	}
}
