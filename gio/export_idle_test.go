package gio

import "time"

// IdleLimit is the connection's idle timeout, 0 for none.
func (sc *SocketConnection) IdleLimit() time.Duration {
	w := sc.c.idle.Load()
	if w == nil {
		return 0
	}
	sc.c.poll.mu.Lock()
	defer sc.c.poll.mu.Unlock()
	return w.limit
}

// AgeIdle has the waits of the connection have begun, and its last byte moved,
// earlier by d, and looks at them as the timer does.
func (sc *SocketConnection) AgeIdle(d time.Duration) {
	w := sc.c.idle.Load()
	sc.c.poll.mu.Lock()
	for i := range w.sides {
		if since := w.sides[i].since.Load(); since != 0 {
			w.sides[i].since.Store(since - int64(d))
		}
	}
	w.moved.Store(w.moved.Load() - int64(d))
	if w.timer != nil {
		w.timer.Stop()
	}
	sc.c.poll.mu.Unlock()
	w.look()
}

// IdleArmed tells whether a timer watches the connection, and ends it.
func (sc *SocketConnection) IdleArmed() bool {
	w := sc.c.idle.Load()
	sc.c.poll.mu.Lock()
	defer sc.c.poll.mu.Unlock()
	return w != nil && w.timer != nil && w.timer.Stop()
}
