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
// not wrap. Its methods belong on the loop's thread. The wrapper is made at the
// first call and lives until the process ends; nil when that comes after Close.
func (l *SocketListener) Gotk4() *gotkgio.SocketListener {
	return wrapper(l.l, &l.l.wrapper, func(o *coreglib.Object) *gotkgio.SocketListener {
		return &gotkgio.SocketListener{Object: o}
	})
}

// Gotk4 returns the service as gotk4's object, to use what this package does
// not wrap or to hand it to other code. From then on the library assumes that
// others take clients as well: it no longer waits for a handler of its own. Its
// methods belong on the loop's thread. The wrapper is made at the first call
// and lives until the process ends; nil when that comes after Close.
func (s *SocketService) Gotk4() *gotkgio.SocketService {
	return wrapper(s.l, &s.l.swrapper, func(o *coreglib.Object) *gotkgio.SocketService {
		return &gotkgio.SocketService{SocketListener: gotkgio.SocketListener{Object: o}}
	})
}

// Gotk4 returns the service as gotk4's object; see SocketService.Gotk4.
func (t *ThreadedSocketService) Gotk4() *gotkgio.ThreadedSocketService {
	return wrapper(t.l, &t.l.twrapper, func(o *coreglib.Object) *gotkgio.ThreadedSocketService {
		return &gotkgio.ThreadedSocketService{SocketService: gotkgio.SocketService{
			SocketListener: gotkgio.SocketListener{Object: o},
		}}
	})
}

// wrapper makes a listener's gotk4 object once.
func wrapper[T any](l *listener, cached **T, make func(*coreglib.Object) *T) *T {
	l.mu.Lock()
	if *cached != nil || l.socksClosed {
		defer l.mu.Unlock()
		return *cached
	}
	// Close has not begun, so the object is alive.
	*cached = make(native.Wrap(l.native.Object()))
	first := l.kind != native.KindListener && l.foreign.CompareAndSwap(false, true)
	if first {
		l.native.ExpectForeign()
	}
	w := *cached
	l.mu.Unlock()
	if first {
		l.leaveRush()
		l.sync() // runs at once on the loop's thread, and takes mu
	}
	return w
}

// Gotk4 returns the connection as gotk4's object, to hand it to other GIO code.
// The wrapper is made at the first call and lives until the process ends: that
// is gotk4's nature, so ask only when you need it. GIO's asynchronous calls and
// Read or Write of this object must not be mixed. Close still closes.
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
}

// expose returns the GObjects for others to have, and what ends their use here.
func (c *conn) expose() (n native.Connection, release func(), err error) {
	if !c.fd.Acquire() {
		return n, nil, net.ErrClosed
	}
	if n, err = c.fd.Expose(); err != nil {
		c.fd.Release()
	}
	return n, c.fd.Release, err
}
