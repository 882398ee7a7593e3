package gio

import (
	"errors"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// directAccept is how a service takes clients while nobody could see an emission:
// a goroutine for each listening socket accepts, in place of GIO. The loop's
// thread would have to be woken for each client, and Go's threads from there a
// second time.
//
// It begins and ends on the loop's thread. What is accepted becomes a
// GSocketConnection when somebody asks for that.
type directAccept struct {
	l     *listener
	loops atomic.Pointer[[]*acceptLoop] // replaced, never changed, on the loop's thread
	ended chan struct{}                 // closed by stop

	// mu is held from before a client is accepted until it was handed over, so
	// that stop ends between two clients and several sockets share one limit.
	// See listener for the order of locks.
	mu   sync.Mutex
	over bool
}

const acceptBatch = 8 // clients, after which another socket may have its turn

// acceptLoop accepts from one listening socket.
type acceptLoop struct {
	d      *directAccept
	file   *os.File // a duplicate of the socket, in Go's poller
	raw    syscall.RawConn
	fd     int           // the file's, while accepting
	shared bool          // others have the socket, and may set SO_LINGER on it
	awake  chan struct{} // holds a token when there may be something to do again
	batch  [acceptBatch]native.Incoming

	// What take tells run, and what follows from it.
	verdict  acceptVerdict
	failures int           // in a row
	gone     int           // clients that were gone when it was their turn, in a row
	pause    time.Duration // before the next try
}

// acceptVerdict is why an accept loop does not wait for a client.
type acceptVerdict int

const (
	acceptOn      acceptVerdict = iota
	acceptIdle                  // nobody asks, or there is no room for a client
	acceptFailing               // no descriptor, or accept fails: try again later
	acceptOver                  // direct mode has ended
)

// beginDirect has a goroutine accept from each socket that has none yet. On the
// loop's thread; GIO accepts nothing.
func (l *listener) beginDirect() {
	d := l.mode.direct.Load()
	if d == nil {
		d = &directAccept{l: l, ended: newChan[struct{}](0)}
		d.loops.Store(new([]*acceptLoop))
	}
	loops := slices.Clone(*d.loops.Load())
	var err error
	for i := len(loops); i < l.native.SocketCount() && err == nil; i++ {
		var a *acceptLoop
		a, err = d.open(i)
		for tries := 0; errors.Is(err, os.ErrNoDeadline) && tries < 100; tries++ {
			a, err = d.open(i) // others were faster, and made it a blocking one again
		}
		if err == nil {
			loops = append(loops, a)
			go a.run()
		}
	}
	d.loops.Store(&loops)
	l.mode.direct.Store(d)
	d.wake()
	if err != nil {
		l.directRefused(err)
	}
}

// directRefused is for a socket that Go's poller does not get: without a
// descriptor it is tried again later; otherwise GIO accepts.
func (l *listener) directRefused(err error) {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM):
		l.setShort(true)
		l.retryLater()
	default:
		l.log.Warn("gio: Go's poller refuses a listening socket: GIO accepts", "error", err)
		l.mode.refused = true
		_ = l.loop.Post(l.updateNow)
	}
}

func (d *directAccept) open(i int) (*acceptLoop, error) {
	from, fd, err := d.l.native.ListeningDup(i)
	if err != nil {
		return nil, err
	}
	a := &acceptLoop{d: d, fd: fd, shared: d.l.addrs.shared(i), awake: newChan[struct{}](1)}
	for i := range a.batch {
		a.batch[i] = from
	}
	sys.EnsureNonblock(fd) // os.NewFile polls only what is non-blocking
	f := os.NewFile(uintptr(fd), "listening socket")
	// NewFile swallows the poller's refusal: clients would wait for ever.
	err = f.SetDeadline(time.Time{})
	if err == nil {
		a.file = f
		a.raw, err = f.SyscallConn()
	}
	if err != nil {
		_ = f.Close()
		from.DropSource()
		return nil, err
	}
	return a, nil
}

// wake has every loop look again.
func (d *directAccept) wake() {
	for _, a := range *d.loops.Load() {
		select {
		case a.awake <- struct{}{}:
		default:
		}
	}
}

// endDirect ends direct mode, if it is that: when it returns, nobody accepts and
// the duplicates of the listening sockets are closed. What was accepted has its
// handler, or waits in the queue. It tells whether it was that. On the loop's
// thread, or without a loop.
func (l *listener) endDirect() bool {
	d := l.mode.direct.Swap(nil)
	if d != nil {
		d.stop()
	}
	return d != nil
}

func (d *directAccept) stop() {
	d.mu.Lock()
	d.over = true
	d.mu.Unlock()
	close(d.ended)
	for _, a := range *d.loops.Load() {
		_ = a.file.Close() // waits until take has returned
		a.batch[0].DropSource()
	}
}

// run accepts until direct mode ends.
func (a *acceptLoop) run() {
	take := a.take // once: as an argument it would be made for each turn
	for a.verdict != acceptOver && a.raw.Read(take) == nil {
		switch a.verdict {
		case acceptIdle:
			select {
			case <-a.awake:
			case <-a.d.ended:
			}
		case acceptFailing:
			t := time.NewTimer(a.pause)
			select {
			case <-t.C:
			case <-a.awake: // a connection was closed
			case <-a.d.ended:
			}
			t.Stop()
		}
	}
}

// take accepts what waits. It answers false to wait for more clients: the poller
// is edge-triggered, so only once there is none.
func (a *acceptLoop) take(uintptr) bool {
	for more := true; more; {
		a.verdict, more = a.some()
	}
	return a.verdict != acceptOn
}

// some accepts one batch and hands it over. With acceptOn, more tells whether
// there may be others.
func (a *acceptLoop) some() (v acceptVerdict, more bool) {
	d, l := a.d, a.d.l
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return acceptOver, false
	}
	most := min(l.conns.room(), l.queue.wants(), acceptBatch)
	if most <= 0 {
		return acceptIdle, false
	}
	if a.failures > 0 && sys.DescriptorsLow(a.fd, 2) {
		return a.fail(), false
	}
	n, errno := a.accept(most)
	if n > 0 {
		a.gone = 0
		l.accepted.direct.Add(uint64(n))
	}
	for i := range n {
		a.deliver(&a.batch[i])
	}
	if n > 0 && a.batch[n-1].FD() > sys.DescriptorLimit() {
		errno = syscall.EMFILE // not yet, but soon
	}
	switch errno {
	case 0, syscall.EAGAIN:
		if a.failures > 0 {
			a.failures, a.pause = 0, 0
			l.setShort(false)
		}
		return acceptOn, errno == 0
	case syscall.EINTR, syscall.ECONNABORTED, syscall.EPROTO:
		if a.gone++; a.gone < acceptBatch {
			return acceptOn, true // that one was gone
		}
	}
	return a.fail(), false
}

// fail is for when accept does not work, usually for want of a descriptor.
func (a *acceptLoop) fail() acceptVerdict {
	a.failures++
	a.pause = min(max(2*a.pause, shortWait), longestWait)
	a.d.l.setShort(true)
	return acceptFailing
}

// accept fills the batch, at most that far, and tells why there were no more.
func (a *acceptLoop) accept(most int) (n int, errno syscall.Errno) {
	// The mode is also that of duplicates, which others may have.
	if !sys.EnsureNonblock(a.fd) {
		return 0, syscall.EBADF
	}
	for n < most {
		if errno = a.batch[n].Accept(a.fd); errno != 0 {
			break
		}
		n++
	}
	return n, errno
}

// deliver hands an accepted client over.
func (a *acceptLoop) deliver(in *native.Incoming) {
	l := a.d.l
	sc, err := newDirectConn(l, in, a.shared && lingers(in.FD()))
	if err != nil {
		l.log.Warn("gio: an accepted client cannot be served", "error", err)
		_ = sc.Close()
		return
	}
	l.hand(pendingClient{sc: sc, source: in.SourcePointer()})
}

// lingers tells whether closing a client may take time: SO_LINGER, an int and
// another one, is inherited from the listening socket.
func lingers(fd int) bool {
	on, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_LINGER)
	return on != 0 || err != nil
}
