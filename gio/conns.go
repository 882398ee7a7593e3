package gio

import "sync"

// connTable has the connections of a service, or of a listener, that are open,
// and the handlers in progress.
type connTable struct {
	limit int // ServiceConfig.MaxConns, 0: none; immutable

	mu       sync.Mutex // protects what follows; see listener for the order
	first    *conn
	n        int
	waiting  bool          // somebody is to be told when there is room again
	handling int           // handlers of Serve and "run" in progress
	idle     chan struct{} // non-nil: closed when handling drops to 0
}

// add enters a connection, with a handler in progress if asked. One that is in the
// table stays there.
func (t *connTable) add(c *conn, handling bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handling {
		t.handling++
	}
	if c.inTable || c.closed() { // its handler closed it at once
		return
	}
	c.inTable = true
	c.next = t.first
	if c.next != nil {
		c.next.prev = c
	}
	t.first = c
	t.n++
}

// remove takes a connection out, and tells whether somebody waits for room.
func (t *connTable) remove(c *conn) (waiting bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.inTable {
		c.inTable = false
		if c.prev != nil {
			c.prev.next = c.next
		} else {
			t.first = c.next
		}
		if c.next != nil {
			c.next.prev = c.prev
		}
		c.prev, c.next = nil, nil
		t.n--
	}
	waiting, t.waiting = t.waiting, false
	return waiting
}

// room is how many more may be open, as far as that matters to an accept loop.
// Where it is 0, remove tells when that ends.
func (t *connTable) room() int {
	if t.limit <= 0 {
		return acceptBatch
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n >= t.limit {
		t.waiting = true
		return 0
	}
	return t.limit - t.n
}

func (t *connTable) full() bool { return t.room() == 0 }

// counts are how many are open, and how many handlers are in progress.
func (t *connTable) counts() (open, handling int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n, t.handling
}

// handles is called when a connection already in the table gets a handler, or one
// that never will be gets a thread.
func (t *connTable) handles() {
	t.mu.Lock()
	t.handling++
	t.mu.Unlock()
}

// handled is called when a handler of Serve or "run" has returned.
func (t *connTable) handled() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.handling--
	if t.handling == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// handlersDone returns a channel that is closed when no handler is in progress, or
// nil when none is.
func (t *connTable) handlersDone() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handling == 0 {
		return nil
	}
	if t.idle == nil {
		t.idle = newChan[struct{}](0)
	}
	return t.idle
}

// attached are the connections that were not detached.
func (t *connTable) attached() (all []*conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for c := t.first; c != nil; c = c.next {
		if !c.detached.Load() {
			all = append(all, c)
		}
	}
	return all
}
