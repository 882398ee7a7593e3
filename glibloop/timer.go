package glibloop

import (
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

// Timer is a function that waits for its time, made by [Loop.AfterFunc].
type Timer struct {
	loop  *Loop
	fn    func()
	pc    uintptr
	state atomic.Int32 // timerWaiting, then one of the others
	timer *time.Timer  // guarded by loop.queue.mu until AfterFunc returns

	bubbled bool // timer goes by the clock of a bubble of testing/synctest
}

const (
	timerWaiting = iota
	timerFired
	timerStopped
)

// AfterFunc posts fn once d has passed, as [Loop.Post] does: fn runs on the
// loop's thread, never inline, also when d is 0 or negative. AfterFunc does not
// block and is safe on any goroutine. The timer ends when fn was started, when
// it is stopped, or when the loop is closed; on a closed loop it never runs.
// AfterFunc panics if fn is nil.
//
//go:noinline
func (l *Loop) AfterFunc(d time.Duration, fn func()) *Timer {
	if fn == nil {
		panic("glibloop: AfterFunc of a nil function")
	}
	t := &Timer{loop: l, fn: fn, pc: callerpc.Get(), bubbled: inBubble(time.Now())}
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if l.queue.closed {
		t.state.Store(timerStopped)
		return t
	}
	if l.timers == nil {
		l.timers = make(map[*Timer]struct{})
	}
	l.timers[t] = struct{}{}
	t.timer = time.AfterFunc(d, t.post)
	return t
}

// Stop keeps the function from running and reports true, or reports false when
// it was started, stopped or lost with its loop before. Stop does not wait for
// a function that runs, does not block, and is safe on any goroutine. On the
// loop's own thread it also stops a function that is due but not yet started.
func (t *Timer) Stop() bool {
	if !t.state.CompareAndSwap(timerWaiting, timerStopped) {
		return false
	}
	// From outside, a bubble's timer must not be stopped: post finds it out.
	if !t.bubbled || inBubble(time.Now()) {
		t.timer.Stop()
	}
	t.forget()
	return true
}

// post runs on a goroutine of package time.
func (t *Timer) post() {
	if t.state.Load() == timerWaiting {
		_ = t.loop.post(t.run, t.pc) // on a closed loop it never runs
	}
}

func (t *Timer) run() {
	if t.state.CompareAndSwap(timerWaiting, timerFired) {
		t.forget()
		t.fn()
	}
}

func (t *Timer) forget() {
	t.loop.queue.mu.Lock()
	delete(t.loop.timers, t)
	t.loop.queue.mu.Unlock()
}
