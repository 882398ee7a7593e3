package glibloop

import "time"

// What one dispatch may take before the context's other sources have their
// turn. How soon the next one comes, and at which priority, is cgo.c's to say.
const (
	batchFuncs = 64
	batchTime  = time.Millisecond
)

// dispatch runs a batch, on the thread that owns the context, and returns how
// long it took.
func (l *Loop) dispatch() time.Duration {
	l.queue.begin()
	took, empty := l.batch()
	if empty {
		l.drained()
	}
	return took
}

// batch runs functions until the queue is empty or the batch full.
func (l *Loop) batch() (took time.Duration, empty bool) {
	var current item
	defer guard(&current)
	start := time.Now()
	for range batchFuncs {
		it, ok := l.queue.take()
		if !ok {
			return took, true
		}
		current = it
		l.run(it)
		current.fn = nil
		if took = time.Since(start); took >= batchTime {
			break
		}
	}
	return took, false
}

// drainUntil runs functions for a thread that owns the context without
// iterating it, until stop says so or the queue is empty (true).
func (l *Loop) drainUntil(stop func() bool) bool {
	l.queue.begin()
	var current item
	defer guard(&current)
	for !stop() {
		it, ok := l.queue.take()
		if !ok {
			return true
		}
		current = it
		l.run(it)
		current.fn = nil
	}
	return false
}

// run runs one function, watched if GLIBSERVE_DEBUG=stall asks for that.
func (l *Loop) run(it item) {
	if stallLimit > 0 {
		defer l.watch("posted function", it.pc, nil)()
	}
	it.fn()
}
