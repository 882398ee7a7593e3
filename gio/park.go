package gio

import (
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// maxParks is how often a connection waits in its listener's parking lot before
// it takes a place of its own with Go's poller.
const maxParks = 4

// parkingLot waits for connections that have seldom waited: short ones, and
// those that are idle. A place with Go's poller costs a second descriptor, five
// system calls and 700 bytes; here it is one call and no descriptor: an epoll
// instance of the listener's, which itself has a place with Go's poller.
// Waiting here is slower, by the turn of one more goroutine, so a connection
// that waits often moves on.
type parkingLot struct {
	file   *os.File // the epoll instance
	raw    syscall.RawConn
	fd     int
	events [64]unix.EpollEvent

	mu     sync.Mutex // protects what follows; taken after a pollState's
	slots  []chan struct{}
	free   []int32
	closed bool
}

// spots are the channels that parked goroutines wait on, of capacity 1.
var spots = sync.Pool{New: func() any { return make(chan struct{}, 1) }}

// newParkingLot starts a goroutine, which ends with close.
func newParkingLot() (*parkingLot, error) {
	fd, err := syscall.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	// NewFile polls only what is non-blocking.
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	f := os.NewFile(uintptr(fd), "epoll")
	// NewFile swallows the poller's refusal: nobody would ever be woken.
	if err := f.SetDeadline(time.Time{}); err != nil {
		_ = f.Close()
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	p := &parkingLot{file: f, raw: raw, fd: fd}
	go p.watch()
	return p, nil
}

func (p *parkingLot) watch() {
	n := 0
	look := func(uintptr) bool {
		n = sys.EpollReady(p.fd, p.events[:])
		return n > 0
	}
	for p.raw.Read(look) == nil {
		p.mu.Lock()
		for _, ev := range p.events[:n] {
			// The slot may have changed hands: its owner looks, and parks again.
			if ch := p.slots[ev.Fd]; ch != nil {
				wake(ch)
			}
		}
		p.mu.Unlock()
	}
}

func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// close wakes everybody and lets nobody in any more.
func (p *parkingLot) close() {
	p.mu.Lock()
	p.closed = true
	for _, ch := range p.slots {
		if ch != nil {
			wake(ch)
		}
	}
	p.mu.Unlock()
	_ = p.file.Close()
}

// enter finds a slot for ch, and says whether it did.
func (p *parkingLot) enter(ch chan struct{}, fd int, again bool) (slot int32, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, false
	}
	if n := len(p.free); n > 0 {
		slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		slot = int32(len(p.slots))
		p.slots = append(p.slots, nil)
	}
	p.slots[slot] = ch
	op := unix.EPOLL_CTL_ADD
	if again {
		op = unix.EPOLL_CTL_MOD
	}
	// Level-triggered, once: what has come meanwhile is reported as well.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLONESHOT, Fd: slot}
	if err := unix.EpollCtl(p.fd, op, fd, &ev); err != nil {
		p.slots[slot] = nil
		p.free = append(p.free, slot)
		return 0, false
	}
	return slot, true
}

func (p *parkingLot) leave(slot int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[slot] = nil
	p.free = append(p.free, slot)
}

// park waits until c may be readable, was closed, or has got a place with Go's
// poller. It returns false, at once, when c has to wait there.
func (c *conn) park() bool {
	if c.owner == nil {
		return false
	}
	lot := c.owner.parking()
	if lot == nil {
		return false
	}
	s := &c.poll
	s.mu.Lock()
	if s.done || s.file.Load() != nil || s.parks == maxParks {
		s.mu.Unlock()
		return false
	}
	ch := spots.Get().(chan struct{})
	slot, ok := lot.enter(ch, int(c.fd), s.parks > 0)
	if !ok {
		s.mu.Unlock()
		spots.Put(ch)
		return false
	}
	s.parks++
	s.parked = ch
	s.mu.Unlock()

	<-ch

	s.mu.Lock()
	s.parked = nil
	s.mu.Unlock()
	lot.leave(slot)
	select {
	case <-ch: // woken twice
	default:
	}
	spots.Put(ch)
	return true
}

// parking returns the listener's parking lot, made when first needed, or nil.
func (l *listener) parking() *parkingLot {
	if p := l.lot.Load(); p != nil {
		return p
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.lot.Load(); p != nil || l.lotGone {
		return p
	}
	p, err := newParkingLot()
	if err != nil {
		return nil // no descriptor: the poller's own complaint follows
	}
	l.lot.Store(p)
	return p
}

// closeParking is part of Close; connections that live on move to the poller.
func (l *listener) closeParking() {
	l.mu.Lock()
	l.lotGone = true
	p := l.lot.Swap(nil)
	l.mu.Unlock()
	if p != nil {
		p.close()
	}
}
