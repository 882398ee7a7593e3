package main

import (
	"sync"
	"time"
)

// quiet finds out that nobody has been here for a while.
type quiet struct {
	over chan struct{} // closed when the time is over

	after time.Duration
	mu    sync.Mutex // guards the rest
	here  int
	timer *time.Timer
	ended bool
}

// newQuiet begins to count; with 0 it never ends.
func newQuiet(after time.Duration) *quiet {
	q := &quiet{over: make(chan struct{}), after: after}
	if after > 0 {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.timer = time.AfterFunc(after, q.expire)
	}
	return q
}

func (q *quiet) enter() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.here++
	if q.timer != nil {
		q.timer.Stop()
	}
}

func (q *quiet) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.here--
	if q.timer != nil && q.here == 0 {
		q.timer.Reset(q.after)
	}
}

// expire may run although somebody has just entered: Stop came too late.
func (q *quiet) expire() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.here == 0 && !q.ended {
		q.ended = true
		close(q.over)
	}
}
