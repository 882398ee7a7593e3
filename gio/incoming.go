package gio

import (
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/internal/stall"
)

// Incoming is one step of an emission of "incoming", on the loop's thread: the
// handler with this id, or the class handler (0), which comes last.
func (l *listener) Incoming(id uint64, in *native.Incoming) native.Verdict {
	sc := l.emitting
	if sc != nil && l.emittingPtr != in.Pointer() {
		l.Settle()
		sc = nil
	}
	if id != 0 {
		return l.offerHandler(id, sc, in)
	}
	l.emitting, l.emittingPtr = nil, nil
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
	if to, ok := l.pullTarget(); ok {
		if sc == nil {
			sc, v.KeepRef = newConn(l, in), true
		}
		if to.serve == nil {
			l.lookForRush()
		}
		v.Handled, v.Pause = true, l.deliver(to, sc)
		return v
	}
	if sc != nil {
		l.decline(sc)
	}
	if l.kind == native.KindThreaded {
		l.willRun(in, &v)
	}
	v.ChainUp = true
	return v
}

func (l *listener) offerHandler(id uint64, sc *SocketConnection, in *native.Incoming) (v native.Verdict) {
	h := l.handler(id)
	if h == nil {
		return v
	}
	if sc == nil {
		sc, v.KeepRef = newConn(l, in), true
		l.emitting, l.emittingPtr = sc, in.Pointer()
	}
	if !l.offerOnLoop(h.fn.(incomingFunc), "ConnectIncoming handler", h.at, sc) {
		return v
	}
	l.emitting, l.emittingPtr = nil, nil
	v.Handled, v.Pause = true, l.take(sc)
	return v
}

// offerOnLoop is offer on the loop's thread, where the function must return at
// once.
func (l *listener) offerOnLoop(f incomingFunc, what string, at place, sc *SocketConnection) bool {
	if stall.Watching() {
		defer watchStall(l.loop, l.log, what, at)()
	}
	return l.offer(f, what, at, sc)
}

// offer asks one function. A panic closes the connection, which is as much as
// having handled it.
func (l *listener) offer(f incomingFunc, what string, at place, sc *SocketConnection) (handled bool) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(l.log, what, at, v, sc)
			_ = sc.Close()
			handled = true
		}
	}()
	return f(sc, sc.c.source)
}

// take enters a connection that a handler owns from now on, and returns the
// reasons to pause that follow.
func (l *listener) take(sc *SocketConnection) native.Reasons {
	if !sc.c.detached.Load() {
		sc.watchForgotten()
	}
	return l.track(sc.c, false)
}

// decline ends the Go side of a connection that nobody took. GIO's last unref
// closes it, unless a C handler keeps it. Detach counts as taking.
func (l *listener) decline(sc *SocketConnection) {
	if sc.c.detached.Load() {
		l.track(sc.c, false)
		return
	}
	sc.c.end(false)
}

// Settle ends an emission that our class handler never saw: a handler in C took
// the connection after Go's had declined.
func (l *listener) Settle() {
	if sc := l.emitting; sc != nil {
		l.emitting, l.emittingPtr = nil, nil
		l.decline(sc)
	}
}

// track enters c into the books, with a handler in progress if asked, and
// returns the reasons to pause.
func (l *listener) track(c *conn, handling bool) native.Reasons {
	l.live.Lock()
	defer l.live.Unlock()
	if handling {
		l.live.handling++
	}
	if c.closed() {
		return 0 // its handler closed it at once
	}
	c.tracked = true
	c.next = l.live.first
	if c.next != nil {
		c.next.prev = c
	}
	l.live.first = c
	l.live.n++
	if l.cfg.MaxConns > 0 && l.live.n >= l.cfg.MaxConns {
		l.paused.Or(uint32(native.PauseMaxConns))
		return native.PauseMaxConns
	}
	return 0
}

// connClosed takes c out of the books and wakes a service that waited for it.
func (l *listener) connClosed(c *conn) {
	l.live.Lock()
	if c.tracked {
		c.tracked = false
		if c.prev != nil {
			c.prev.next = c.next
		} else {
			l.live.first = c.next
		}
		if c.next != nil {
			c.next.prev = c.prev
		}
		c.prev, c.next = nil, nil
		l.live.n--
	}
	paused := l.paused.Load()
	l.live.Unlock()
	if paused != 0 {
		l.sync()
	}
}

// handles is called when a connection already in the books gets a handler, or
// one that never will be gets a thread: Shutdown waits for handled.
func (l *listener) handles() {
	l.live.Lock()
	l.live.handling++
	l.live.Unlock()
}

// handled is called when a handler of Serve or run has returned.
func (l *listener) handled() {
	l.live.Lock()
	l.live.handling--
	if l.live.handling == 0 && l.live.idle != nil {
		close(l.live.idle)
		l.live.idle = nil
	}
	l.live.Unlock()
	if l.ending.Load() {
		l.forget() // Close may have been waiting for this one with that
	}
}

// idle returns a channel that is closed when no handler is in progress, or nil
// when none is.
func (l *listener) idle() <-chan struct{} {
	l.live.Lock()
	defer l.live.Unlock()
	if l.live.handling == 0 {
		return nil
	}
	if l.live.idle == nil {
		l.live.idle = make(chan struct{})
	}
	return l.live.idle
}

// closeLive closes every connection in the books but the detached ones. Those
// of a plain listener belong to whoever called Accept.
func (l *listener) closeLive() {
	if l.kind == native.KindListener {
		return
	}
	l.live.Lock()
	var all []*conn
	for c := l.live.first; c != nil; c = c.next {
		if !c.detached.Load() {
			all = append(all, c)
		}
	}
	l.live.Unlock()
	for _, c := range all {
		c.end(true)
	}
}

// sync brings the library's own pauses up to date, now or soon.
func (l *listener) sync() {
	if l.kind == native.KindListener {
		return
	}
	if l.syncing.CompareAndSwap(false, true) {
		_ = l.loop.Invoke(l.syncNow)
	}
}

// syncNow is for the loop's thread.
func (l *listener) syncNow() {
	l.syncing.Store(false)
	if l.nativeClosed {
		return
	}
	const mine = native.PauseConsumer | native.PauseHeld | native.PauseMaxConns | native.PauseRush
	var set native.Reasons
	l.mu.Lock()
	if !l.pull.wants() && l.consumers == 0 && !l.foreign.Load() {
		set |= native.PauseConsumer
	}
	if len(l.pull.held) > 0 {
		set |= native.PauseHeld
	}
	if set != 0 && l.rush != nil {
		l.rush.stale = true // who asks from now on asks the loop
	}
	l.mu.Unlock()
	if set != 0 || l.connsLeft() <= 0 {
		l.leaveRush()
	} else if l.rushNow() {
		set = native.PauseRush
	}
	// After that: a rush accepts until it has been left.
	set |= l.budget()
	l.native.Pause(set, mine&^set)
	if native.Reasons(l.paused.Load())&native.PauseDescriptors != 0 {
		l.native.CheckDescriptors()
	}
}

// Descriptors is told when the process runs out of descriptors and when it has
// some again.
func (l *listener) Descriptors(out bool) {
	if out {
		l.paused.Or(uint32(native.PauseDescriptors))
		l.log.Warn("gio: out of file descriptors, or accept keeps failing: clients wait until it works again")
		return
	}
	l.paused.And(^uint32(native.PauseDescriptors))
	l.log.Info("gio: accepting again")
}

// budget tells C how many more it may accept with MaxConns, and returns the
// reason to pause when there are none. On the loop's thread.
func (l *listener) budget() native.Reasons {
	if l.cfg.MaxConns <= 0 {
		return 0
	}
	l.live.Lock()
	defer l.live.Unlock()
	left := l.connsLeftLocked()
	l.native.LaneBudget(max(left, 0))
	if left <= 0 {
		l.paused.Or(uint32(native.PauseMaxConns))
		return native.PauseMaxConns
	}
	l.paused.And(^uint32(native.PauseMaxConns))
	return 0
}

// connsLeft is how many connections may still be accepted: what is in a lane is
// open, though not in the books yet.
func (l *listener) connsLeft() int {
	if l.cfg.MaxConns <= 0 {
		return rushBatch
	}
	l.live.Lock()
	defer l.live.Unlock()
	return l.connsLeftLocked()
}

// connsLeftLocked is for services with a limit; the caller holds live.
func (l *listener) connsLeftLocked() int {
	return l.cfg.MaxConns - l.live.n - int(l.native.LanePushed()-l.live.fromLane)
}

// ForeignActive hears of start or stop called on the GObject itself, on any
// thread.
func (l *listener) ForeignActive() {
	_ = l.loop.Invoke(func() {
		if l.nativeClosed {
			return
		}
		active := l.native.AdoptActive()
		if l.wish.Swap(active) != active {
			l.emitActive(active)
		}
	})
}
