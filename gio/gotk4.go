package gio

import (
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
)

// Gotk4 returns the listener as gotk4's object, to use what this package does
// not wrap. Its methods belong on the loop's thread. The wrapper lives until
// the process ends.
func (l *SocketListener) Gotk4() *gotkgio.SocketListener {
	l.l.mu.Lock()
	defer l.l.mu.Unlock()
	if l.l.wrapper == nil {
		p := l.l.gotk4Pointer()
		if p == nil {
			return nil
		}
		l.l.wrapper = &gotkgio.SocketListener{Object: wrap(p)}
	}
	return l.l.wrapper
}

// gotk4Pointer is for callers that hold mu.
func (l *listener) gotk4Pointer() unsafe.Pointer {
	select {
	case <-l.finished:
		return nil // the object is gone
	default:
	}
	if l.kind != kindListener && l.foreign.CompareAndSwap(false, true) {
		l.native.expectForeign()
		l.sync()
	}
	return l.native.object()
}
