package gio

import (
	"os"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// door is one listening socket in a rush.
type door struct {
	r       *rush
	file    *os.File // a duplicate of the socket, in Go's poller
	raw     syscall.RawConn
	fd      int           // the file's, while accepting
	lingers bool          // closing a client may take time; under rush.mu
	asked   chan struct{} // holds a token when somebody may have begun to ask
	batch   [rushBatch]native.Incoming

	// What take tells serve.
	failed int  // in a row
	idle   bool // nobody asks
	over   bool
}

func (r *rush) open(i int) (*door, error) {
	d := &door{r: r, asked: make(chan struct{}, 1)}
	from, fd, err := r.l.native.Direct(i)
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
		from.DropSource()
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

// give hands an accepted client over.
func (d *door) give(in *native.Incoming) {
	r, l := d.r, d.r.l
	sc, err := newDirectConn(l, in, d.lingers)
	if err != nil {
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
		r.full(native.PauseMaxConns)
		return false, true
	}
	wanted := r.wanted()
	if wanted == 0 {
		d.idle = true
		return false, false
	}
	n, errno := d.accept(min(left, wanted))
	limit := sys.DescriptorLimit()
	for i := range n {
		in := &d.batch[i]
		d.give(in)
		if in.FD() > limit {
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
		r.full(native.PauseDescriptors)
	default:
		r.full(0) // GIO shall see what it is
	}
	return false, true
}

// accept fills the batch, at most that far, and tells why there were no more.
func (d *door) accept(most int) (n int, errno syscall.Errno) {
	if !sys.EnsureNonblock(d.fd) {
		return 0, syscall.EBADF
	}
	for n < most {
		if errno = d.batch[n].Accept(d.fd); errno != 0 {
			break
		}
		n++
	}
	return n, errno
}
