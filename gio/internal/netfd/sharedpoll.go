package netfd

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// maxSharedWaits is how often a descriptor waits in the shared poller before it takes a
// place of its own with Go's.
const maxSharedWaits = 4

// idleTick is how far apart the shared poller looks for idle limits that have
// passed.
const idleTick = int64(time.Millisecond)

// SharedPoller waits for descriptors that have seldom waited: those of short
// connections, and of idle ones. A place with Go's poller costs a second descriptor,
// five system calls and 700 bytes; here it is one call and no descriptor: an epoll
// instance for many, which itself has a place with Go's poller. Waiting here is
// slower, by the turn of one more goroutine, so a descriptor that waits often moves
// on. The zero value is ready for use.
type SharedPoller struct {
	started atomic.Pointer[sharedEpoll]

	mu     sync.Mutex // held while it starts
	closed bool
}

// sharedEpoll is a SharedPoller that has started.
type sharedEpoll struct {
	file   *os.File // the epoll instance
	raw    syscall.RawConn
	fd     int
	events [64]unix.EpollEvent

	mu      sync.Mutex // protects what follows; locked under FD.mu
	waiters []*waiter
	free    []*waiter
	armed   int64 // when the file's deadline is; 0: none
	closed  bool
}

// waiter is where one Read waits; it goes from one to the next. Its gate is no
// channel, for the reason that type gate gives.
type waiter struct {
	index int32
	until int64 // when an idle limit passes; 0: never. Under sharedEpoll.mu
	inUse bool  // under sharedEpoll.mu
	woken atomic.Bool
	gate  gate
}

// wake ends the wait, of which others may have been told already.
func (w *waiter) wake() {
	if w.woken.CompareAndSwap(false, true) {
		w.gate.open()
	}
}

// start starts it, with a goroutine that ends with Close; not in a bubble of
// testing/synctest, which would wait for that goroutine.
func (p *SharedPoller) start() (*sharedEpoll, error) {
	if e := p.started.Load(); e != nil {
		return e, nil
	}
	return p.startSlow() // apart, for a small frame
}

func (p *SharedPoller) startSlow() (*sharedEpoll, error) {
	if native.InBubble(time.Now()) {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.started.Load(); e != nil || p.closed {
		return e, nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // NewFile polls nothing else
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	e := &sharedEpoll{fd: fd}
	if e.file, e.raw, err = newPolledFile(fd, "epoll"); err != nil {
		return nil, err
	}
	p.started.Store(e)
	go e.watch()
	return e, nil
}

// Start starts it before the first wait: there may be no descriptor then. Without
// it, descriptors wait at Go's poller.
func (p *SharedPoller) Start() { _, _ = p.start() }

// Close wakes everybody, who then wait at Go's poller.
func (p *SharedPoller) Close() {
	p.mu.Lock()
	p.closed = true
	e := p.started.Swap(nil)
	p.mu.Unlock()
	if e == nil {
		return
	}
	e.mu.Lock()
	e.closed = true
	for _, w := range e.waiters {
		if w.inUse {
			w.wake()
		}
	}
	e.mu.Unlock()
	_ = e.file.Close()
}

func (e *sharedEpoll) watch() {
	n := 0
	ready := func(uintptr) bool {
		n = sys.EpollReady(e.fd, e.events[:])
		return n > 0
	}
	for {
		switch e.raw.Read(ready) {
		case nil:
			e.mu.Lock()
			for i := range e.events[:n] {
				// It may have changed hands: its owner looks, and waits again.
				if w := e.waiters[e.events[i].Fd]; w.inUse {
					w.wake()
				}
			}
			e.mu.Unlock()
		case os.ErrDeadlineExceeded:
			e.expire()
		default:
			return
		}
	}
}

// expire wakes those whose idle limit has passed.
func (e *sharedEpoll) expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, next := clock(), int64(0)
	for _, w := range e.waiters {
		switch {
		case !w.inUse || w.until == 0:
		case w.until <= now:
			w.wake()
		case next == 0 || w.until < next:
			next = w.until
		}
	}
	if next == 0 {
		e.armed = 0
		_ = e.file.SetReadDeadline(time.Time{})
		return
	}
	e.arm(max(next, now+idleTick), now)
}

// arm has expire called at that time. The caller holds mu.
func (e *sharedEpoll) arm(at, now int64) {
	e.armed = at
	_ = e.file.SetReadDeadline(time.Now().Add(time.Duration(at - now)))
}

// enter finds a place for a descriptor; nil if it has to wait elsewhere. It has no
// defer: this is as deep as the stack of an idle client gets.
func (e *sharedEpoll) enter(fd int32, again bool, until int64) *waiter {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	w := e.place()
	if !e.watchFor(w, fd, again) {
		e.free = append(e.free, w)
		e.mu.Unlock()
		return nil
	}
	w.inUse, w.until = true, until
	if until != 0 && (e.armed == 0 || until < e.armed) {
		e.arm(until, clock())
	}
	e.mu.Unlock()
	return w
}

// place is a free waiter. The caller holds mu.
func (e *sharedEpoll) place() *waiter {
	if n := len(e.free); n > 0 {
		w := e.free[n-1]
		e.free = e.free[:n-1]
		return w
	}
	w := &waiter{index: int32(len(e.waiters))}
	w.gate.mu.Lock()
	e.waiters = append(e.waiters, w)
	return w
}

func (e *sharedEpoll) watchFor(w *waiter, fd int32, again bool) bool {
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	// Level-triggered, once: what has come meanwhile is reported as well.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: w.index}
	return unix.EpollCtl(e.fd, op, int(fd), &ev) == nil
}

// leave is for who has waited at w, after nobody else has it any more.
func (e *sharedEpoll) leave(w *waiter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.inUse = false
	if w.woken.Swap(false) {
		w.gate.mu.Lock() // free, as nobody waits
	}
	e.free = append(e.free, w)
}

// waitShared waits until the descriptor may be readable, its idle limit may have passed,
// it was closed, or it has got a place with Go's poller. It returns false, at once,
// when it has to wait there.
func (fd *FD) waitShared() bool {
	if fd.shared == nil {
		return false
	}
	e, _ := fd.shared.start()
	if e == nil {
		return false // no descriptor: the poller's own complaint follows
	}
	w := fd.enter(e)
	if w == nil {
		return false
	}
	w.gate.wait()
	fd.mu.Lock()
	fd.waiter = nil
	fd.mu.Unlock()
	e.leave(w)
	return true
}

func (fd *FD) enter(e *sharedEpoll) (w *waiter) {
	fd.mu.Lock()
	if !fd.evicted && !fd.Closed() && !fd.objects.exposed() && fd.poller.Load() == nil && fd.sharedWaits < maxSharedWaits {
		if w = e.enter(fd.sysfd, fd.sharedWaits > 0, fd.idle.at(Reading)); w != nil {
			fd.sharedWaits++
			fd.waiter = w
		}
	}
	fd.mu.Unlock()
	return w
}

// wakeShared has Read look again. The caller holds mu.
func (fd *FD) wakeShared() {
	if fd.waiter != nil {
		fd.waiter.wake()
	}
}
