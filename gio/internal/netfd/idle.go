package netfd

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// ErrIdleTimeout is found by errors.Is in the error of an operation that the idle
// limit has ended. Such an error is an os.ErrDeadlineExceeded as well.
var ErrIdleTimeout = errors.New("gio: idle timeout")

// idleError is such an error.
type idleError struct{ limit time.Duration }

func (e *idleError) Error() string        { return fmt.Sprintf("i/o timeout: idle for %v", e.limit) }
func (e *idleError) Timeout() bool        { return true }
func (e *idleError) Temporary() bool      { return true }
func (e *idleError) Is(target error) bool { return target == ErrIdleTimeout }
func (e *idleError) Unwrap() error        { return os.ErrDeadlineExceeded }

// idleLimit limits how long operations wait while no byte moves in either
// direction. It has no timer. Who waits gives the poller's file the deadline at
// which the limit would pass, once for many waits: when that comes too early it
// looks again and waits on. An operation that does not wait costs not even a clock.
type idleLimit struct {
	limit atomic.Int64    // 0: none
	since [2]atomic.Int64 // when the direction's operation began to wait, or 0
	moved atomic.Int64    // when a byte last moved while the other direction waited
}

// at is when the limit passes for a wait in progress; 0: never.
func (l *idleLimit) at(dir Direction) int64 {
	limit, since := l.limit.Load(), l.since[dir].Load()
	if limit == 0 || since == 0 {
		return 0
	}
	return max(since, l.moved.Load()) + limit
}

// passed tells whether it has.
func (l *idleLimit) passed(dir Direction) bool {
	at := l.at(dir)
	return at != 0 && at <= clock()
}

func (l *idleLimit) error() error { return &idleError{time.Duration(l.limit.Load())} }

// progressed is called when bytes have moved: the other direction is not idle then.
// Its own direction notes when it waits again.
func (l *idleLimit) progressed(dir Direction) {
	if l.since[1-dir].Load() != 0 {
		l.moved.Store(clock())
	}
}

// ended is called before and after an operation. Before it, there may be what a
// SetIdleTimeout left that came too late for the one before.
func (l *idleLimit) ended(dir Direction) {
	if l.since[dir].Load() != 0 {
		l.since[dir].Store(0)
	}
}

// beginWait is called when an operation has to wait; moved tells that it has moved
// bytes since the last time.
func (fd *FD) beginWait(dir Direction, moved bool) {
	limit := fd.idle.limit.Load()
	if limit == 0 {
		return
	}
	now := clock()
	if moved || fd.idle.since[dir].Load() == 0 {
		fd.idle.since[dir].Store(now)
	}
	p := fd.poller.Load()
	if p == nil {
		return // whoever waits without one looks at the limit
	}
	if at := p.idleAt[dir].Load(); at == 0 || at > now+limit {
		fd.mu.Lock()
		defer fd.mu.Unlock()
		if !fd.Closed() {
			_ = fd.apply(p, dir)
		}
	}
}

// SetIdleTimeout limits waits from now on, those in progress included; 0 or less
// is no limit.
func (fd *FD) SetIdleTimeout(d time.Duration) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if fd.Closed() {
		return
	}
	fd.idle.limit.Store(int64(max(d, 0)))
	p := fd.poller.Load()
	for dir := Reading; dir <= Writing; dir++ {
		if d > 0 && fd.fdmu.locked(dir) {
			// It may wait without having noted since when: now is not too late.
			fd.idle.since[dir].CompareAndSwap(0, clock())
		}
		if p != nil {
			_ = fd.apply(p, dir)
		}
	}
	fd.wakeShared()
}

// IdleTimeout is the limit; 0: none.
func (fd *FD) IdleTimeout() time.Duration { return time.Duration(fd.idle.limit.Load()) }

// Age is for tests. It has waits have begun, and the last byte moved, earlier by d.
func (fd *FD) Age(d time.Duration) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	fd.idle.moved.Add(-int64(d))
	p := fd.poller.Load()
	for dir := Reading; dir <= Writing; dir++ {
		if fd.idle.since[dir].Load() != 0 {
			fd.idle.since[dir].Add(-int64(d))
		}
		if p != nil {
			_ = fd.apply(p, dir)
		}
	}
	fd.wakeShared()
}

var clockStart = struct {
	goTime time.Time
	kernel int64
}{time.Now(), monotonic()}

// clock is monotonic, never 0, and real also in a bubble of testing/synctest, where
// package time's stands still while somebody waits for a socket.
func clock() int64 {
	now := time.Now()
	if native.InBubble(now) {
		return monotonic() - clockStart.kernel + 1
	}
	return int64(now.Sub(clockStart.goTime)) + 1
}

func monotonic() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
