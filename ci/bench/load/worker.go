//go:build linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
)

const (
	maxOpening  = 64   // connections that are being opened at a time: below every backlog
	maxFailures = 1000 // then there is no sense in going on

	// drainTime is how long an operation may take to complete after the window.
	// A SYN that was dropped is sent again after 1 s and after 3.
	drainTime = 5 * time.Second
)

// worker drives its share of the connections, from one thread with an epoll
// of its own.
type worker struct {
	win    *window
	target *target
	kind   kind
	epoll  int
	conns  []*conn
	opened int // of conns, how many have been begun
	ready  int // of conns, how many have completed something
	parked int // of conns, how many rest or have been given up

	pace    pace
	began   time.Time
	onReady func() // once, when all connections have completed something

	lat      hist
	ops      float64
	scratch  []byte
	failures map[string]int
	failed   int
}

// conn is one client: a place for a connection, and for the next one when
// that is closed.
type conn struct {
	slot   int
	fd     int // -1: none
	served bool
	parked bool
	began  int64 // of the operation under way, in ns

	waiting bool // for its turn, in the worker's pace

	seq  uint64
	out  []byte // what is sent
	sent int
	got  int

	bytes uint64 // moved by bulk work
}

// kind is a kind of work. Its functions are called on the worker's thread; an
// error ends the connection, counts, and another takes its place.
type kind interface {
	begin(w *worker, c *conn) error                // the connection is open, or nearly
	triggers(c *conn) uint32                       // epoll's events to wait for from then on
	event(w *worker, c *conn, events uint32) error // epoll says something about it
	resume(w *worker, c *conn) error               // its turn has come: begin the next operation
	turn(w *worker, c *conn, phase int32) error    // a phase has begun; draining: complete what is under way, then park
}

func newWorker(win *window, t *target, k kind, conns int) (*worker, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create: %w", err)
	}
	w := &worker{win: win, target: t, kind: k, epoll: epoll, scratch: make([]byte, 64<<10), failures: map[string]int{}}
	for i := range conns {
		w.conns = append(w.conns, &conn{slot: i, fd: -1})
	}
	return w, nil
}

// now is the time since the worker began, in ns.
func (w *worker) now() int64 { return int64(time.Since(w.began)) }

// run works until the window is over and all operations are complete.
func (w *worker) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer w.close()
	w.began = time.Now()
	w.open()

	events := make([]syscall.EpollEvent, 256)
	phase := int32(opening)
	var drained time.Time // until when
	for w.parked < len(w.conns) {
		n, err := syscall.EpollWait(w.epoll, events, w.pace.timeout())
		if err != nil && err != syscall.EINTR {
			w.count(fmt.Errorf("epoll_wait: %w", err))
			w.win.giveUp()
			return
		}
		for _, ev := range events[:max(n, 0)] {
			c := w.conns[ev.Fd]
			if c.fd < 0 || c.parked {
				continue
			}
			if err := w.kind.event(w, c, ev.Events); err != nil {
				w.fail(c, err)
			}
		}
		if w.failed > maxFailures {
			w.win.giveUp()
			return
		}
		if now := w.win.phase.Load(); now != phase {
			phase = now
			w.turn(phase)
			drained = time.Now().Add(drainTime)
		}
		if phase == stopped {
			return
		}
		if phase == warming || phase == measuring {
			w.keepPace()
		}
		if phase == draining && time.Now().After(drained) {
			for range len(w.conns) - w.parked {
				w.count(errors.New("lost: not complete 5 s after the end"))
			}
			return
		}
	}
}

// keepPace begins the operations that are due.
func (w *worker) keepPace() {
	for c := w.pace.next(w.now()); c != nil; c = w.pace.next(w.now()) {
		if c.parked {
			continue
		}
		if err := w.kind.resume(w, c); err != nil {
			w.fail(c, err)
		}
	}
}

// turn tells every connection that a phase has begun.
func (w *worker) turn(phase int32) {
	if phase == warming {
		w.pace.start(w.now())
	}
	for _, c := range w.conns {
		if c.parked || c.waiting && phase < draining {
			continue
		}
		if c.fd < 0 {
			w.park(c)
		} else if err := w.kind.turn(w, c, phase); err != nil {
			w.fail(c, err)
		}
	}
}

func (w *worker) close() {
	for _, c := range w.conns {
		w.hangUp(c)
	}
	_ = syscall.Close(w.epoll)
}

// open begins connections, few at a time.
func (w *worker) open() {
	for w.opened < len(w.conns) && w.opened-w.ready < maxOpening {
		c := w.conns[w.opened]
		w.opened++
		w.connect(c)
	}
}

// connect opens c's next connection.
func (w *worker) connect(c *conn) {
	for {
		err := w.attempt(c)
		if err == nil || !w.failure(c, err) {
			return
		}
	}
}

func (w *worker) attempt(c *conn) error {
	c.began = w.now()
	fd, err := w.target.dial()
	if err != nil {
		return err
	}
	c.fd, c.sent, c.got = fd, 0, 0
	// Written to first and registered second: one event less.
	if err := w.kind.begin(w, c); err != nil {
		return err
	}
	ev := syscall.EpollEvent{Events: w.kind.triggers(c), Fd: int32(c.slot)}
	if err := syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_ADD, c.fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (w *worker) hangUp(c *conn) {
	if c.fd >= 0 {
		_ = syscall.Close(c.fd)
		c.fd = -1
	}
}

// done ends an operation of c, which began at c.began.
func (w *worker) done(c *conn, now int64) {
	if w.win.is(measuring) {
		w.ops++
		w.lat.add(now - c.began)
	}
	w.serve(c)
}

// serve notes that the server has answered c for the first time.
func (w *worker) serve(c *conn) {
	if c.served {
		return
	}
	c.served = true
	w.ready++
	w.win.answered.Add(1)
	if w.ready == len(w.conns) && w.onReady != nil {
		w.onReady()
		return
	}
	w.open()
}

// park takes c out of the work.
func (w *worker) park(c *conn) {
	if !c.parked {
		c.parked = true
		w.parked++
	}
}

// fail counts what went wrong with c and replaces its connection.
func (w *worker) fail(c *conn, err error) {
	if w.failure(c, err) {
		w.connect(c)
	}
}

// failure ends c's connection and tells whether there should be another.
func (w *worker) failure(c *conn, err error) bool {
	w.hangUp(c)
	w.count(err)
	if w.win.phase.Load() >= draining {
		w.park(c)
		return false
	}
	return w.failed <= maxFailures
}

func (w *worker) count(err error) {
	w.failures[err.Error()]++
	w.failed++
}
