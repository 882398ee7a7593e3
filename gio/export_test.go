package gio

import (
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

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

// Bare tells whether the connection still has no GObjects.
func (sc *SocketConnection) Bare() bool { return !sc.c.fd.HasObjects() }

// Shared tells whether bytes move by way of GIO.
func (sc *SocketConnection) Shared() bool { return sc.c.fd.Exposed() }

// Lingers tells whether its end may take time.
func (sc *SocketConnection) Lingers() bool { return sc.c.fd.Lingers() }

// AcceptFault has accept(2) in a rush answer what f says, until undone: that is
// Go's own call.
func AcceptFault(f func() syscall.Errno) (undo func()) {
	sys.AcceptFault.Store(&f)
	return func() { sys.AcceptFault.Store(nil) }
}

// HasCalls tells whether connections make system calls of their own.
const HasCalls = sys.HasSocketCalls

// PipesKept counts the free pipes of io.Copy and closes them.
func PipesKept() int { return netfd.DropPipes() }
