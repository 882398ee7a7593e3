package gio

import (
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// rush is how a service takes many clients in little time for Serve, Conns,
// Accept or NetListener: goroutines accept, in place of GIO, which the library
// pauses meanwhile. The loop's thread would have to be woken for each client, and
// Go's threads from there a second time: a quarter of what a short connection
// costs.
//
// It is the same to everybody but the processor. There is a rush only while
// nobody could see an emission of "incoming": no handler is connected, the class
// handler is not overridden, and nobody has asked for the GObject. What is
// accepted becomes a GSocketConnection when somebody asks for that, see bare.go.
// Whoever is about to change any of that, to stop, to close or to add an address
// ends the rush first, and it ends by itself when clients become few.
type rush struct {
	l     *listener
	sv    *serving // nil: clients go to who asks
	doors []*door
	once  sync.Once
	ended chan struct{}
	stale bool        // about to be left, for want of who asks; under listener.mu
	timer *time.Timer // protected by mu

	mu   sync.Mutex // held while accepting, until the handlers are started
	over bool       // nobody accepts any more
	n    int        // accepted since the last look
}

// door is one listening socket in a rush.
type door struct {
	r       *rush
	file    *os.File // a duplicate of the socket, in Go's poller
	raw     syscall.RawConn
	fd      int           // the file's, while accepting
	lingers bool          // closing a client may take time; under rush.mu
	asked   chan struct{} // holds a token when somebody may have begun to ask
	batch   [rushBatch]incoming

	// What take tells serve.
	failed int  // in a row
	idle   bool // nobody asks
	over   bool
}

const (
	rushBatch = 8 // clients, after which other doors may have a turn

	// rushTime is how often a rush looks whether it still is one: fewer than
	// rushFew clients in that time are GIO's again. C begins one at four times
	// their rate, see gsv_lane_push.
	rushTime = 250 * time.Millisecond
	rushFew  = 64

	// rushDescriptors is how many descriptors it leaves to others, at least.
	rushDescriptors = 32
)

// noRush is GLIBSERVE_DEBUG=norush, for those who want to see GIO do the work.
var noRush = debugFlag("norush")

// rushes is for tests, which have the first client begin a rush, or nobody.
var rushes struct{ always, never atomic.Bool }

// mayRush tells whether there is nothing against one and nobody would notice.
// The caller holds mu.
func (l *listener) mayRush() bool {
	sv := l.pull.serve
	return hasCalls && !noRush && l.kind == kindService && l.pull.wants() && (sv == nil || !sv.leaving) && l.consumers == 0 &&
		!l.foreign.Load() && l.wish.Load() && l.paused.Load() == 0 && !l.socksClosed && !rushes.never.Load()
}

// rushNow begins a rush if there is to be one, on the loop's thread, and tells
// whether there is.
func (l *listener) rushNow() bool {
	asked := l.rushAsked.Swap(false)
	l.mu.Lock()
	r, sv := l.rush, l.pull.serve
	may := l.mayRush()
	l.mu.Unlock()
	if r != nil {
		if may && r.sv == sv {
			return true // or it has just ended, and tells soon
		}
		r.leave()
		return false
	}
	if !may || !asked {
		return false
	}
	r = &rush{l: l, sv: sv, ended: make(chan struct{})}
	r.look()
	for i := range l.native.sockCount() {
		d, err := r.open(i)
		if err != nil {
			r.leave()
			return false
		}
		r.doors = append(r.doors, d)
	}
	if len(r.doors) == 0 {
		r.leave()
		return false
	}
	l.mu.Lock()
	if may = l.mayRush() && l.pull.serve == sv; may {
		l.rush = r
	}
	l.mu.Unlock()
	if !may {
		r.leave()
		return false
	}
	for _, d := range r.doors {
		go d.serve()
	}
	return true
}

func (r *rush) open(i int) (*door, error) {
	d := &door{r: r, asked: make(chan struct{}, 1)}
	from, fd, err := r.l.native.openDoor(i)
	if err != nil {
		return nil, err
	}
	for i := range d.batch {
		d.batch[i] = from
	}
	f := os.NewFile(uintptr(fd), "listening socket")
	// NewFile swallows the poller's refusal: clients would wait for ever.
	err = f.SetDeadline(time.Time{})
	if err == nil {
		d.file, d.fd = f, fd
		d.raw, err = f.SyscallConn()
	}
	if err != nil {
		_ = f.Close()
		from.dropSource()
		return nil, err
	}
	d.lookAtLinger()
	return d, nil
}

// lookAtLinger asks for SO_LINGER, which clients inherit. It is an int and another
// one: the first says whether.
func (d *door) lookAtLinger() {
	on, err := syscall.GetsockoptInt(d.fd, syscall.SOL_SOCKET, syscall.SO_LINGER)
	d.lingers = on != 0 || err != nil
}

// serve accepts until the rush is over.
func (d *door) serve() {
	take := d.take // once: as an argument it would be made for each turn
	for !d.over && d.raw.Read(take) == nil {
		if !d.idle {
			continue
		}
		d.idle = false
		select {
		case <-d.asked:
		case <-d.r.ended:
		}
	}
}

// ask tells the doors that somebody asks.
func (r *rush) ask() {
	for _, d := range r.doors {
		select {
		case d.asked <- struct{}{}:
		default:
		}
	}
}

// wanted is how many clients somebody would take at once.
func (r *rush) wanted() int {
	if r.sv != nil {
		return rushBatch
	}
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	return min(len(r.l.pull.waiters), rushBatch)
}

// give hands an accepted client over.
func (d *door) give(in *incoming) {
	r, l := d.r, d.r.l
	sc := newConn(l, in)
	sc.c.lingers = d.lingers
	if err := sc.c.begin(); err != nil {
		_ = sc.Close()
		return
	}
	if r.sv != nil {
		l.track(sc.c, true)
		r.sv.start(sc)
		return
	}
	if to, ok := l.pullTarget(); ok {
		l.deliver(to, sc)
		return
	}
	// The service is closed, or nobody asks any more since this was accepted,
	// and a handler is being connected.
	_ = sc.Close()
}

// take accepts what waits. It answers false to wait for more clients: the poller
// is edge-triggered, so only once there is none.
func (d *door) take(uintptr) bool {
	for {
		more, over := d.some()
		if d.over = over; over || !more {
			return over || d.idle
		}
	}
}

// some accepts one batch and hands it over. There may be more, or the
// rush is over.
func (d *door) some() (more, over bool) {
	r := d.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false, true
	}
	left := r.l.connsLeft()
	if left <= 0 {
		r.full(pauseMaxConns)
		return false, true
	}
	wanted := r.wanted()
	if wanted == 0 {
		d.idle = true
		return false, false
	}
	n, errno := d.accept(min(left, wanted))
	limit := descriptorLimit()
	for i := range n {
		in := &d.batch[i]
		d.give(in)
		if in.descriptor() > limit {
			errno = syscall.EMFILE // not yet, but soon
		}
	}
	r.n += n
	if n > 0 {
		d.failed = 0
	}
	switch errno {
	case syscall.EAGAIN:
		return false, false
	case 0:
		return true, false
	case syscall.EINTR, syscall.ECONNABORTED:
		if d.failed++; d.failed < rushBatch {
			return true, false
		}
		r.full(0)
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS:
		r.full(pauseDescriptors)
	default:
		r.full(0) // GIO shall see what it is
	}
	return false, true
}

// accept fills the batch, at most that far, and tells why there were no more.
func (d *door) accept(most int) (n int, errno syscall.Errno) {
	if !mayAccept(d.fd) {
		return 0, syscall.EBADF
	}
	for n < most {
		if errno = d.batch[n].accept(d.fd); errno != 0 {
			break
		}
		n++
	}
	return n, errno
}

// full ends the rush with a reason why nobody is to accept for a while. The
// caller holds mu.
func (r *rush) full(pause uint32) {
	r.over = true
	l := r.l
	if pause == pauseMaxConns {
		l.paused.Or(pauseMaxConns) // whoever closes a connection looks again
	}
	go func() {
		r.leave()
		_ = l.loop.Invoke(func() {
			if l.nativeClosed {
				return
			}
			if pause == pauseDescriptors {
				l.native.pause(pauseDescriptors, 0)
			}
			l.syncNow()
		})
	}()
}

// look is called now and then: it ends a rush that is none any more.
func (r *rush) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	few := r.timer != nil && r.n < rushFew && !rushes.always.Load()
	r.n = 0
	for _, d := range r.doors {
		d.lookAtLinger()
	}
	switch {
	case few:
		r.full(0)
	case r.timer == nil:
		r.timer = time.AfterFunc(rushTime, r.look)
	default:
		r.timer.Reset(rushTime)
	}
}

// descriptorLimit is the highest descriptor that leaves some to others; it is
// what the guard in C thinks as well.
func descriptorLimit() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil || lim.Cur > 1<<30 {
		return 1 << 30
	}
	return int(lim.Cur) - int(min(rushDescriptors, lim.Cur/16)) - 1
}

// leave ends the rush: when it returns, nobody accepts, and the duplicates of
// the listening sockets are closed. What was accepted has its handler. It is for
// any goroutine, but not from inside take.
func (r *rush) leave() {
	r.once.Do(func() {
		r.mu.Lock()
		r.over = true
		r.timer.Stop()
		r.mu.Unlock()
		close(r.ended)
		for _, d := range r.doors {
			_ = d.file.Close() // waits until take has returned
			d.batch[0].dropSource()
		}
		r.l.mu.Lock()
		if r.l.rush == r {
			r.l.rush = nil
		}
		r.l.mu.Unlock()
	})
}

// lookForRush counts a client that the loop has given to who asked, and asks for
// a rush when there were many; C does so for Serve's, in native_lane.c.
func (l *listener) lookForRush() {
	if l.given++; l.given < rushFew && !rushes.always.Load() {
		return
	}
	now := time.Now()
	if now.Sub(l.givenSince) < rushTime/4 || rushes.always.Load() {
		l.rushAsked.Store(true)
		_ = l.loop.Post(l.syncNow) // not inside the emission
	}
	l.given, l.givenSince = 0, now
}

// leaveRush ends the rush if there is one, before something happens that it
// must not be in the way of. The caller has seen to it that no other begins, or
// is on the loop's thread. GIO accepts again after the next sync.
func (l *listener) leaveRush() {
	l.mu.Lock()
	r := l.rush
	l.mu.Unlock()
	if r != nil {
		r.leave()
	}
}

// connsLeft is how many connections may still be accepted: what is in a lane is
// open, though not in the books yet.
func (l *listener) connsLeft() int {
	if l.cfg.MaxConns <= 0 {
		return rushBatch
	}
	l.live.Lock()
	defer l.live.Unlock()
	return l.connsLeftLocked()
}

// connsLeftLocked is for services with a limit; the caller holds live.
func (l *listener) connsLeftLocked() int {
	return l.cfg.MaxConns - l.live.n - int(l.native.lanePushed()-l.live.fromLane)
}
