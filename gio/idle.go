package gio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrIdleTimeout is found by errors.Is in the error of an operation that
// ServiceConfig.IdleTimeout or SetIdleTimeout has ended. Such an error is an
// os.ErrDeadlineExceeded as well.
var ErrIdleTimeout = errors.New("gio: idle timeout")

// idleError is what the *net.OpError of such an operation wraps.
type idleError struct{ limit time.Duration }

func (e *idleError) Error() string        { return fmt.Sprintf("i/o timeout: idle for %v", e.limit) }
func (e *idleError) Timeout() bool        { return true }
func (e *idleError) Temporary() bool      { return true }
func (e *idleError) Is(target error) bool { return target == ErrIdleTimeout }
func (e *idleError) Unwrap() error        { return os.ErrDeadlineExceeded }

// The directions of a connection.
const (
	reading = iota
	writing
)

// idleWatch limits how long a connection's operations wait while no byte moves.
// Its one timer runs on while bytes move and looks only when it fires, so that
// an operation costs no timer, and one that does not wait not even a clock. A
// nil one has no limit.
type idleWatch struct {
	c     *conn
	moved atomic.Int64 // when a byte last moved while the other direction waited

	sides [2]struct {
		since   atomic.Int64 // when its operation began to wait, or 0; written under poll.mu
		expired bool         // under poll.mu: it has been woken, or will not wait
	}

	// Under the connection's poll.mu.
	limit time.Duration
	timer *time.Timer // made by the first wait
	armed bool
}

var idleEpoch = time.Now()

// idleClock is monotonic and never 0.
func idleClock() int64 { return int64(time.Since(idleEpoch)) + 1 }

// waits is called whenever an operation would have to wait; moved tells that it
// moved bytes since the last time. The answer true is that it has to give up.
func (w *idleWatch) waits(dir int, moved bool) bool {
	if w == nil {
		return false
	}
	w.c.poll.mu.Lock()
	defer w.c.poll.mu.Unlock()
	s := &w.sides[dir]
	if s.expired {
		return true
	}
	if moved || s.since.Load() == 0 {
		s.since.Store(idleClock())
	}
	if !w.armed && w.limit > 0 {
		w.arm(w.limit)
	}
	return false
}

// moves is called when bytes have moved: the other direction is not idle then.
// Its own direction notes when it waits again.
func (w *idleWatch) moves(dir int) {
	if w != nil && w.sides[1-dir].since.Load() != 0 {
		w.moved.Store(idleClock())
	}
}

// ended is called at the end of an operation, whose last try had errno, and
// returns the error if it was the limit that ended it.
func (w *idleWatch) ended(dir int, errno syscall.Errno) error {
	if w == nil || w.sides[dir].since.Load() == 0 {
		return nil // it did not wait
	}
	w.c.poll.mu.Lock()
	defer w.c.poll.mu.Unlock()
	s := &w.sides[dir]
	s.since.Store(0)
	if !s.expired {
		return nil
	}
	s.expired = false
	if w.c.closed.Load() {
		if errno == syscall.EAGAIN {
			return net.ErrClosed
		}
		return nil
	}
	if p := w.c.poll.file.Load(); p != nil {
		_ = p.apply(dir) // in place of the one that woke the operation
	}
	if errno != syscall.EAGAIN {
		return nil // it had what it waited for in the same moment
	}
	return &idleError{w.limit}
}

// holds tells that the poller's deadline is not the user's for the moment. The
// caller holds poll.mu.
func (w *idleWatch) holds(dir int) bool { return w != nil && w.sides[dir].expired }

func (w *idleWatch) arm(d time.Duration) {
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.look)
		return
	}
	w.timer.Reset(d)
}

// look is the timer's function.
func (w *idleWatch) look() {
	s := &w.c.poll
	s.mu.Lock()
	defer s.mu.Unlock()
	w.armed = false
	if s.done || w.limit <= 0 {
		return
	}
	next := time.Duration(0)
	for dir := range w.sides {
		side := &w.sides[dir]
		since := side.since.Load()
		if since == 0 || side.expired {
			continue
		}
		if left := w.limit - time.Duration(idleClock()-max(since, w.moved.Load())); left > 0 {
			if next == 0 || left < next {
				next = left
			}
			continue
		}
		side.expired = true
		if dir == reading && s.parked != nil {
			wake(s.parked)
		}
		if p := s.file.Load(); p != nil {
			_ = p.setDeadline(dir, time.Unix(1, 0))
		}
	}
	if next > 0 {
		w.arm(next)
	}
}

// stop is for a connection that is closed: its timer would keep it in memory.
func (w *idleWatch) stop() {
	if w == nil {
		return
	}
	w.c.poll.mu.Lock()
	defer w.c.poll.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
	}
}

// SetIdleTimeout replaces ServiceConfig.IdleTimeout for this connection: from
// now on, a Read or Write that waits for longer than d while no byte moves in
// either direction fails with ErrIdleTimeout. 0 or less means no limit. It is for
// any goroutine; an operation that waits already may keep to what held before.
func (sc *SocketConnection) SetIdleTimeout(d time.Duration) {
	c := sc.c
	w := c.idle.Load()
	if w == nil {
		if d <= 0 {
			return
		}
		w = &idleWatch{c: c}
		if !c.idle.CompareAndSwap(nil, w) {
			w = c.idle.Load()
		}
	}
	c.poll.mu.Lock()
	defer c.poll.mu.Unlock()
	w.limit = max(d, 0)
	if w.armed && w.limit > 0 {
		w.timer.Reset(0) // it may be due earlier
	}
}
