package gio

import (
	"net"
	"runtime"
	"sync"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Gotk4 returns the listener as gotk4's object, to use what this package does
// not wrap. It waits for the loop, on whose thread the methods of the result belong.
// The wrapper is made at the first call and lives until the process ends; nil when
// that comes after Close.
func (l *SocketListener) Gotk4() *gotkgio.SocketListener {
	return wrapper(l.l, &l.l.wrappers.listener, func(o *coreglib.Object) *gotkgio.SocketListener {
		return &gotkgio.SocketListener{Object: o}
	})
}

// Gotk4 returns the service as gotk4's object, to use what this package does
// not wrap or to hand it to other code. From then on the library assumes that
// others take clients as well: it no longer waits for a handler of its own, and
// GIO accepts all clients. Gotk4 waits for the loop. The methods of the result
// belong on the loop's thread. The wrapper is made at the first call
// and lives until the process ends; nil when that comes after Close.
func (s *SocketService) Gotk4() *gotkgio.SocketService {
	return wrapper(s.l, &s.l.wrappers.service, func(o *coreglib.Object) *gotkgio.SocketService {
		return &gotkgio.SocketService{SocketListener: gotkgio.SocketListener{Object: o}}
	})
}

// Gotk4 returns the service as gotk4's object; see SocketService.Gotk4.
func (t *ThreadedSocketService) Gotk4() *gotkgio.ThreadedSocketService {
	return wrapper(t.l, &t.l.wrappers.threaded, func(o *coreglib.Object) *gotkgio.ThreadedSocketService {
		return &gotkgio.ThreadedSocketService{SocketService: gotkgio.SocketService{
			SocketListener: gotkgio.SocketListener{Object: o},
		}}
	})
}

// gotk4Wrappers are a listener's gotk4 objects, each made once: gotk4 never frees
// them.
type gotk4Wrappers struct {
	mu       sync.Mutex // protects what follows; see listener for the order
	listener *gotkgio.SocketListener
	service  *gotkgio.SocketService
	threaded *gotkgio.ThreadedSocketService
}

// wrapper makes one of them. When it returns, GIO accepts: nobody else takes a
// client of which others might see an emission.
func wrapper[T any](l *listener, cached **T, make func(*coreglib.Object) *T) *T {
	l.wrappers.mu.Lock()
	w := *cached
	l.wrappers.mu.Unlock()
	if w != nil {
		return w
	}
	err := l.call(func() error {
		if l.life.nativeClosed {
			return l.closedError()
		}
		l.wrappers.mu.Lock()
		if *cached == nil {
			*cached = make(native.Wrap(l.native.Object()))
		}
		w = *cached
		l.wrappers.mu.Unlock()
		if l.kind != native.KindListener && l.exposed.CompareAndSwap(false, true) {
			l.native.Expose()
			l.updateNow()
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return w
}

// Gotk4 returns the connection as gotk4's object, to hand it to other GIO code.
// The wrapper is made at the first call and lives until the process ends: that
// is gotk4's nature, so ask only when you need it. GIO's asynchronous calls and
// Read or Write of this object must not be mixed. Close still closes, and so does
// GIO code; the garbage collector no longer does.
// It returns nil after Close, or when GIO makes no object for the socket.
func (sc *SocketConnection) Gotk4() *gotkgio.SocketConnection {
	defer runtime.KeepAlive(sc)
	c := sc.c
	c.graceful.Store(true) // its user may set it
	n, release, err := c.expose()
	if err != nil {
		return nil
	}
	defer release()
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	if c.wrappers.connection == nil {
		c.wrappers.connection = &gotkgio.SocketConnection{IOStream: gotkgio.IOStream{Object: native.Wrap(n.Pointer())}}
	}
	return c.wrappers.connection
}

// connWrappers are what Go's runtime and gotk4 know a connection by.
type connWrappers struct {
	mu         sync.Mutex // protects what follows; nothing is locked under it
	cleanup    runtime.Cleanup
	connection *gotkgio.SocketConnection
	socket     *gotkgio.Socket
	stream     native.Connection // one reference until Close, while there is socket
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

// dropStream is for the end of a connection that was closed.
func (w *connWrappers) dropStream() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stream.Valid() {
		w.stream.Unref()
		w.stream = native.Connection{}
	}
}
