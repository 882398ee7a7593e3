package glibloop

import "time"

// dispatch runs a batch, on the thread that owns the context. The result is how
// long what is left may wait at the low priority, 0 for not at all.
func (l *Loop) dispatch(t turn) time.Duration {
	l.queue.begin(t)
	if l.batch() {
		l.drained()
		return 0
	}
	return l.queue.rest()
}

// batch runs functions until the queue is empty (true) or the batch full.
func (l *Loop) batch() bool {
	var current item
	defer guard(&current)
	start := time.Now()
	for range batchFuncs {
		it, ok := l.queue.take()
		if !ok {
			return true
		}
		current = it
		l.run(it)
		current.fn = nil
		if time.Since(start) >= batchTime {
			break
		}
	}
	return false
}

// drainUntil runs functions for a thread that owns the context without
// iterating it, until stop says so or the queue is empty (true).
func (l *Loop) drainUntil(stop func() bool) bool {
	l.queue.begin(turnLow)
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
