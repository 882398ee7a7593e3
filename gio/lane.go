package gio

import (
	"os"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// lane is how connections come from the loop's thread to Serve: C queues them
// and writes to an eventfd when Go waits. A call from C into Go for each would
// make the loop's thread wait for a turn of the scheduler, and the handler's
// goroutine for a second thread.
type lane struct {
	native native.Lane
	event  *os.File
	raw    syscall.RawConn
	batch  [32]native.Incoming
	n      int
}

func newLane() (*lane, error) {
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
	if errno != 0 {
		return nil, os.NewSyscallError("eventfd2", errno)
	}
	f := os.NewFile(fd, "eventfd")
	// NewFile swallows the poller's refusal: clients would wait for ever.
	if err := f.SetDeadline(time.Time{}); err != nil {
		_ = f.Close()
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &lane{native: native.NewLane(int(fd)), event: f, raw: raw}, nil
}

// serve starts the handlers of what comes, until the lane is closed.
func (ln *lane) serve(sv *serving) {
	take := ln.take // once: as an argument it would be made for each turn
	// The event is edge-triggered: its counter need not be read.
	for ln.raw.Read(take) == nil {
		ln.start(sv)
	}
}

func (ln *lane) take(uintptr) bool {
	ln.n = ln.native.Take(ln.batch[:])
	return ln.n > 0
}

func (ln *lane) start(sv *serving) {
	for i := range ln.n {
		sv.start(ln.conn(sv.l, i, true))
	}
	if rushes.always.Load() {
		sv.l.rushAsked.Store(true)
		sv.l.sync()
	}
}

// conn makes the Go side of the i-th connection of the batch.
func (ln *lane) conn(l *listener, i int, handling bool) *SocketConnection {
	in := &ln.batch[i]
	sc := newConn(l, in)
	in.DropSource()
	l.track(sc.c, handling)
	l.live.Lock()
	l.live.fromLane++
	l.live.Unlock()
	return sc
}

// off stops C from using the lane, wakes serve and ends it.
func (ln *lane) off(served <-chan struct{}) {
	ln.native.Off()
	_ = ln.event.Close()
	<-served
}

// rest returns what nobody has taken: it was accepted and must not be lost.
func (ln *lane) rest(l *listener) []*SocketConnection {
	var all []*SocketConnection
	for ln.take(0) {
		for i := range ln.n {
			sc := ln.conn(l, i, false)
			sc.watchForgotten()
			all = append(all, sc)
		}
	}
	return all
}
