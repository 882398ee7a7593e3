package gio

import (
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// running is a connection from its emission of "incoming" to the end of "run".
type running struct {
	sc   *SocketConnection // nil: no handler in Go wants it
	kept bool              // a handler returned true and owns it
}

// willRun is called on the loop's thread when a client is about to go to a
// thread of GIO's pool. It is in the books from here on, not from when the
// thread has got going: MaxConns counts it, Shutdown waits for it, and Close
// closes it. v, which it completes, tells whether the reference on offer is taken
// already.
func (l *listener) willRun(in *native.Incoming, v *native.Verdict) {
	r := &running{}
	if l.hasRun() {
		if v.KeepRef {
			native.ObjectRef(in.Pointer())
		}
		r.sc, v.KeepRef = newConn(l, in), true
		v.Pause |= l.track(r.sc.c, true)
	} else {
		l.handles()
	}
	l.runs.Store(in.Pointer(), r)
}

// hasRun tells whether "run" has a handler in Go.
func (l *listener) hasRun() bool {
	if l.cfg.Run != nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.handlers {
		if _, ok := h.fn.(runFunc); ok {
			return true
		}
	}
	return false
}

// Run is one step of an emission of "run", on a thread of GIO's pool.
func (l *listener) Run(id uint64, ptr unsafe.Pointer) bool {
	f, what, at := runFunc(l.cfg.Run), "ServiceConfig.Run", l.cfgAt
	if id != 0 {
		h := l.handler(id)
		if h == nil {
			return false
		}
		f, _ = h.fn.(runFunc)
		what, at = "ConnectRun handler", h.at
	}
	v, ok := l.runs.Load(ptr)
	if f == nil || !ok {
		return false
	}
	r := v.(*running)
	if r.sc == nil || (l.ending.Load() && r.sc.c.closed()) {
		return false // f was connected too late for this client; or Close came first
	}
	if !l.offer(incomingFunc(f), what, at, r.sc) {
		return false
	}
	r.kept = true
	if !r.sc.c.detached.Load() {
		r.sc.watchForgotten()
	}
	return true
}

// RunEnded is called on the worker's thread after the last handler.
func (l *listener) RunEnded(ptr unsafe.Pointer, full bool) {
	if v, ok := l.runs.LoadAndDelete(ptr); ok {
		if r := v.(*running); r.sc != nil && !r.kept && !r.sc.c.detached.Load() {
			r.sc.c.end(false)
		}
		l.handled()
	}
	if full {
		_ = l.loop.Post(func() {
			if !l.nativeClosed && !l.native.JobsFull() {
				l.native.Pause(0, native.PauseMaxThreads)
			}
		})
	}
}
