package gio

import (
	"sync"
	"unsafe"

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
	_ = l.giveOut(func(object unsafe.Pointer) {
		l.wrappers.mu.Lock()
		if *cached == nil {
			*cached = make(native.Wrap(object))
		}
		w = *cached
		l.wrappers.mu.Unlock()
	})
	return w
}

// giveOut calls f with the GObject, on the loop's thread, for others to have it. An
// error is that it was closed.
func (l *listener) giveOut(f func(object unsafe.Pointer)) error {
	return l.call(func() error {
		if l.life.nativeClosed {
			return l.closedError()
		}
		f(l.native.Object())
		if l.kind != native.KindListener && l.exposed.CompareAndSwap(false, true) {
			l.native.Expose()
			l.updateNow()
		}
		return nil
	})
}
