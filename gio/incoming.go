package gio

import (
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// emission is the emission of "incoming" in progress, on the loop's thread.
type emission struct {
	conn *SocketConnection // which Go handlers have seen and nobody has taken; or nil
	of   unsafe.Pointer    // the GSocketConnection, which conn loses when it is closed
	seen uint64            // the generation of the handlers that it asks
}

// Incoming is one step of an emission of "incoming", on the loop's thread: the
// handler with this id, or the class handler (0), which comes last.
func (l *listener) Incoming(handler uint64, in *native.Incoming) native.Verdict {
	if l.emission.conn != nil && l.emission.of != in.Pointer() {
		l.finishEmission()
	}
	if handler != 0 {
		return l.incomingHandler(handler, in)
	}
	sc, seen := l.emission.conn, l.emission.seen
	l.emission = emission{}
	if sc == nil {
		seen = l.signals.takers()
	}
	var v native.Verdict
	if l.cfg.Incoming != nil {
		if sc == nil {
			sc, v.KeepRef = newConn(l, in), true
		}
		if l.offerOnLoop(l.cfg.Incoming, "ServiceConfig.Incoming", l.cfgAt, sc) {
			v.Handled, v.Pause = true, l.take(sc)
			return v
		}
	}
	if l.queue.takes(l.observed(), l.runs()) {
		if sc == nil {
			sc, v.KeepRef = newConn(l, in), true
		}
		v.Handled = true
		others := l.exposed.Load() && l.queue.wants() == 0 && l.native.OthersListen()
		v.Pause = l.hand(pendingClient{sc: sc, source: in.SourcePointer(), seen: seen, others: others})
		return v
	}
	if sc != nil {
		l.decline(sc)
	}
	v.ChainUp = true
	if l.kind == native.KindThreaded {
		l.willRun(in, seen, &v)
	}
	return v
}

func (l *listener) incomingHandler(id uint64, in *native.Incoming) (v native.Verdict) {
	h := l.signals.handler(id)
	if h == nil {
		return v
	}
	sc := l.emission.conn
	if sc == nil {
		sc, v.KeepRef = newConn(l, in), true
		l.emission = emission{conn: sc, of: in.Pointer(), seen: l.signals.takers()}
	}
	if l.offerOnLoop(h.fn.(incomingFunc), "ConnectIncoming handler", h.at, sc) {
		l.emission = emission{}
		v.Handled, v.Pause = true, l.take(sc)
	}
	return v
}

// offerOnLoop is offer on the loop's thread, where the function must return at
// once.
func (l *listener) offerOnLoop(f incomingFunc, what string, at callSite, sc *SocketConnection) bool {
	defer l.loop.WatchAt(what, uintptr(at), l.log)()
	return l.offer(f, what, at, sc)
}

// offer asks one function. A panic closes the connection, which is as much as
// having handled it.
func (l *listener) offer(f incomingFunc, what string, at callSite, sc *SocketConnection) (handled bool) {
	returned := callUser(l.log, what, at, sc, func() { handled = f(sc, sc.c.source) })
	return handled || !returned
}

// take enters a connection that a handler owns from now on, and returns the
// reasons to pause that follow.
func (l *listener) take(sc *SocketConnection) native.Reasons {
	if !sc.c.detached.Load() {
		sc.watchForgotten()
	}
	l.conns.add(sc.c, false)
	return l.fullReasons()
}

// fullReasons is why nobody is to be accepted after the client that came last.
func (l *listener) fullReasons() native.Reasons {
	if l.conns.full() {
		return native.PauseMaxConns
	}
	return 0
}

// decline ends the Go side of a connection that nobody took. GIO's last unref
// closes it, unless a C handler keeps it. Detach counts as taking.
func (l *listener) decline(sc *SocketConnection) {
	if sc.c.detached.Load() {
		l.conns.add(sc.c, false)
		return
	}
	sc.c.end(false)
}

// FinishEmission is called on the loop's thread some time after a Go handler
// declined.
func (l *listener) FinishEmission() { l.finishEmission() }

// finishEmission ends an emission that our class handler never saw: a handler in C
// took the connection after Go's had declined.
func (l *listener) finishEmission() {
	if sc := l.emission.conn; sc != nil {
		l.emission = emission{}
		l.decline(sc)
	}
}

// hand gives a client that no handler took, or that none was asked about, to who
// asks; else it is pending. It returns the reasons to pause that follow.
func (l *listener) hand(c pendingClient) native.Reasons {
	l.conns.add(c.sc.c, false)
	why := l.fullReasons()
	if l.put(c) {
		why |= native.PausePending
	}
	return why
}

// put gives a client that is in the table to who asks, and tells whether it is
// pending.
func (l *listener) put(c pendingClient) (pending bool) {
	to, sc := l.queue.put(c), c.sc
	switch {
	case to.closed:
		go sc.Close()
	case to.server != nil:
		if !to.server.start(sc) {
			return l.put(c) // it is not in the queue any more
		}
	default:
		// Serve closes what its handlers have; the others may forget.
		if !sc.c.detached.Load() {
			sc.watchForgotten()
		}
		if to.request == nil {
			return true
		}
		to.request.ch <- accepted{sc: sc}
	}
	return false
}

// connClosed takes c out of the table and wakes whoever waits for room.
func (l *listener) connClosed(c *conn) {
	if l.conns.remove(c) || l.mode.short.Load() {
		l.recheck()
	}
}
