package gio

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// workerTable has the clients of a threaded service that are on their way to a
// thread of GIO's pool, or there.
type workerTable struct {
	limit   int      // max-threads; 0 or less: none; immutable
	running sync.Map // *GSocketConnection -> *running, until "run" has ended
	busy    atomic.Int64
	waiting atomic.Bool // somebody is to be told when a worker ends
}

// running is a connection from its emission of "incoming" to the end of "run".
type running struct {
	sc   *SocketConnection // nil: no handler in Go wants it
	kept bool              // a handler returned true and owns it

	// For one of whom no handler in Go was asked after all: all were blocked or
	// disconnected meanwhile.
	asked   bool
	pending pendingClient
}

// full tells whether every worker is busy; remove tells when that ends.
func (t *workerTable) full() bool {
	if t.limit <= 0 || t.busy.Load() < int64(t.limit) {
		return false
	}
	t.waiting.Store(true)
	return t.busy.Load() >= int64(t.limit) // one may have ended in between
}

func (t *workerTable) add(conn unsafe.Pointer, r *running) {
	t.busy.Add(1)
	t.running.Store(conn, r)
}

func (t *workerTable) find(conn unsafe.Pointer) *running {
	v, ok := t.running.Load(conn)
	if !ok {
		return nil
	}
	return v.(*running)
}

func (t *workerTable) remove(conn unsafe.Pointer) (r *running, waiting bool) {
	v, ok := t.running.LoadAndDelete(conn)
	if !ok {
		return nil, false
	}
	t.busy.Add(-1)
	return v.(*running), t.waiting.Swap(false)
}

// willRun is called on the loop's thread when a client is about to go to a
// thread of GIO's pool. It is in the table from here on, not from when the
// thread has got going: MaxConns counts it, Shutdown waits for it, and Close
// closes it.
func (l *listener) willRun(in *native.Incoming, seen uint64, v *native.Verdict) {
	r := &running{}
	if l.runs() {
		if v.KeepRef {
			native.ObjectRef(in.Pointer()) // the one on offer was given up with the Go side
		}
		r.sc, v.KeepRef = newConn(l, in), true
		r.pending = pendingClient{sc: r.sc, source: in.SourcePointer(), seen: seen}
		l.conns.add(r.sc.c, true)
		v.Pause |= l.fullReasons()
	} else {
		l.conns.handles()
	}
	l.workers.add(in.Pointer(), r)
	if l.workers.full() {
		v.Pause |= native.PauseMaxThreads
	}
}

// Run is one step of an emission of "run", on a thread of GIO's pool.
func (l *listener) Run(handler uint64, conn unsafe.Pointer) native.Verdict {
	f, what, at := runFunc(l.cfg.Run), "ServiceConfig.Run", l.cfgAt
	if handler != 0 {
		h := l.signals.handler(handler)
		if h == nil {
			return native.Verdict{}
		}
		f, _ = h.fn.(runFunc)
		what, at = "ConnectRun handler", h.at
	}
	r := l.workers.find(conn)
	if f == nil || r == nil {
		return native.Verdict{}
	}
	if r.sc == nil || (l.life.ending.Load() && r.sc.c.closed()) {
		return native.Verdict{} // f was connected too late for this client; or Close came first
	}
	r.asked = true
	if !l.offer(incomingFunc(f), what, at, r.sc) {
		return native.Verdict{}
	}
	r.kept = true
	if !r.sc.c.detached.Load() {
		r.sc.watchForgotten()
	}
	return native.Verdict{Handled: true}
}

// RunEnded is called on the worker's thread after the last handler.
func (l *listener) RunEnded(conn unsafe.Pointer) {
	r, waiting := l.workers.remove(conn)
	if r == nil {
		return
	}
	again := false
	if r.sc != nil && !r.kept && !r.sc.c.detached.Load() {
		// Once others have the GObject, one of theirs may have taken the client.
		if again = !r.asked && !l.exposed.Load() && !r.sc.c.closed(); again {
			l.put(r.pending)
		} else {
			r.sc.c.end(false)
		}
	}
	l.handled()
	if waiting || again {
		l.update()
	}
}
