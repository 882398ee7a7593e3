package glibloop

import "errors"

// Done is closed when the loop has ended: everything that was posted before
// Close has run, and of a loop made by [New] the context is free. That of
// [Default] is never closed.
func (l *Loop) Done() <-chan struct{} { return l.done }

// Close ends the loop. Functions that were posted before still run; Calls
// whose function has not been started fail with [ErrStopped], as everything
// does from now on; timers are stopped. Close waits for the end, of which
// [Loop.Done] tells, except on the loop's own thread, where it returns at once
// and the end comes when the loop is back in control. A second Close does the
// same. Close returns an error for [Default], and nil otherwise.
//
// A loop of [New] ends with its thread. An adopted one is detached from its
// context, which whoever iterates it keeps iterating, except that a
// [Loop.Run] in progress ends. If nobody iterates it, or the caller owns it
// outside of any dispatch, Close runs what was posted itself.
func (l *Loop) Close() error {
	if l.kind == kindDefault {
		return errors.New("glibloop: the default loop cannot be closed")
	}
	l.stop()
	if l.OnLoop() {
		// Outside of every dispatch the thread may never iterate again.
		if l.kind == kindAdopted && depth() == 0 && l.drainUntil(never) {
			l.drained()
		}
		return nil
	}
	if l.kind == kindNew {
		<-l.done
		return nil
	}
	ticker := newTicker(assistInterval)
	defer ticker.Stop()
	for {
		l.own(func() {
			if l.drainUntil(never) {
				l.drained()
			}
		})
		select {
		case <-l.done:
			return nil
		case <-l.released:
		case <-ticker.C:
		}
	}
}

func never() bool { return false }

// stop refuses everything new, once, and asks for the dispatch that ends.
func (l *Loop) stop() {
	// First, so that nobody adopts a loop that is closed.
	loops.Lock()
	if loops.byContext[l.core.context()] == l {
		delete(loops.byContext, l.core.context())
	}
	loops.Unlock()

	l.queue.mu.Lock()
	if l.queue.closed {
		l.queue.mu.Unlock()
		return
	}
	l.stopping.Store(true)
	l.queue.closed = true
	wake := l.queue.signal()
	timers := l.timers
	l.timers = nil
	l.queue.mu.Unlock()

	close(l.closing)
	for t := range timers {
		t.Stop()
	}
	if wake {
		l.core.wakeup()
	}
}

// drained is called by the owner of the context when the queue is empty: after
// Close that is the end.
func (l *Loop) drained() {
	if !l.stopping.Load() {
		return
	}
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	// Something can have been posted between the last look and Close.
	if l.ended || l.queue.taken < l.queue.posted {
		return
	}
	l.ended = true
	l.core.detach()
	for _, f := range l.frames {
		l.core.quit(f)
	}
	if l.kind == kindNew {
		l.core.quit(l.thread)
	} else {
		close(l.done)
	}
}
