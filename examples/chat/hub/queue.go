package hub

import (
	"io"
	"sync"
)

// bytesPerEvent bounds a queue's memory together with its length: chat lines
// are at most MaxLine bytes, but the answers to commands are longer.
const bytesPerEvent = 2 << 10

// queue holds what one client has still to be sent. The hub appends and never
// waits; the door of that client takes everything at once.
type queue struct {
	limit int           // events; times bytesPerEvent, bytes
	wake  chan struct{} // holds one token after a change, so that next looks again

	mu     sync.Mutex // leaf lock: taken with Hub.mu held, never the other way round
	events []*Event
	bytes  int
	err    error // non-nil: takes no more; io.EOF lets go out what is queued
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, wake: make(chan struct{}, 1)}
}

// push appends, and reports false when there was no room: the queue is then
// dropped, with what was in it, because its client will not read it.
// A queue that takes no more swallows the event.
func (q *queue) push(e *Event) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return true
	}
	size := e.size()
	// A single event larger than the bound is fine when nothing waits.
	if len(q.events) >= q.limit || len(q.events) > 0 && q.bytes+size > q.limit*bytesPerEvent {
		q.drop()
		return false
	}
	q.events = append(q.events, e)
	q.bytes += size
	q.signal()
	return true
}

// end appends a last event, whatever the bound, and takes no more; what is
// queued still goes out.
func (q *queue) end(last *Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return
	}
	if last != nil {
		q.events = append(q.events, last)
	}
	q.err = io.EOF
	q.signal()
}

// drop forgets what is queued. q.mu is held.
func (q *queue) drop() {
	q.events, q.bytes, q.err = nil, 0, ErrTooSlow
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take returns what is queued, oldest first, and the error once there is
// nothing and there will be nothing. spare is what the caller had from the
// call before, to be used again.
func (q *queue) take(spare []*Event) ([]*Event, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return nil, q.err
	}
	taken := q.events
	clear(spare)
	q.events, q.bytes = spare[:0], 0
	return taken, nil
}
