package gio

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
)

// How much is moved at a time through a buffer, and when the kernel moves it
// instead: splice(2) saves two copies and costs more calls. What fits into the
// buffer is better off there: a full one and no wait for more begins a splice,
// and spliceEnd times no more than that, each after a wait, end it.
const (
	relaySize = 64 << 10
	spliceEnd = 16
)

var relayBuffers = sync.Pool{New: func() any { return new([relaySize]byte) }}

// relaying copies from one connection to another, or to itself. It holds a
// buffer or a pipe only while bytes move. The locks of either side are held for
// a step, never both: two connections may be relayed to each other.
type relaying struct {
	dst    *SocketConnection
	src    *conn
	limit  *io.LimitedReader // or nil
	remain int64             // negative: no limit
	moved  int64

	// The step in progress. The functions are made once.
	buf                *[relaySize]byte
	pipe               pipe
	n                  int
	waited             bool  // for something to come
	errno              error // of splice
	recvErrno          syscall.Errno
	takeBuf, splicedIn func(fd uintptr) bool
}

// relay copies from from, which r reads, until the end, an error, or r's limit.
func (sc *SocketConnection) relay(from *SocketConnection, r io.Reader) (int64, error) {
	c := newRelaying(sc, from.c, r)
	var err error
	for full := false; err == nil && c.remain != 0; {
		if err = c.receive(); err != nil {
			break
		}
		bulk := full && !c.waited
		full = c.n == relaySize
		if err = c.deliver(); err == nil && bulk {
			err = c.throughPipe()
		}
	}
	runtime.KeepAlive(from)
	return c.result(err)
}

func newRelaying(dst *SocketConnection, src *conn, r io.Reader) *relaying {
	c := &relaying{dst: dst, src: src, remain: -1}
	c.takeBuf, c.splicedIn = c.tryBuffer, c.trySplice
	if lr, ok := r.(*io.LimitedReader); ok {
		c.limit, c.remain = lr, max(lr.N, 0) // less than 0 is no more than 0
	}
	return c
}

func (r *relaying) result(err error) (int64, error) {
	if r.limit != nil {
		r.limit.N -= r.moved
	}
	switch {
	case err == io.EOF:
		err = nil
	case err != nil:
		if _, ok := err.(*net.OpError); !ok {
			err = r.src.opError("read", err)
		}
	}
	return r.moved, err
}

// count is for bytes that have arrived.
func (r *relaying) count(n int) {
	r.moved += int64(n)
	if r.remain > 0 {
		r.remain -= int64(n)
	}
}

// most is how much of at most size may still be moved.
func (r *relaying) most(size int) int {
	if r.remain >= 0 && r.remain < int64(size) {
		return int(r.remain)
	}
	return size
}

// deliver writes what receive took.
func (r *relaying) deliver() error {
	n, err := r.dst.Write(r.buf[:r.n])
	r.count(n)
	relayBuffers.Put(r.buf)
	r.buf = nil
	return err
}

// receive is Read into a buffer that is taken once something is there. Its
// frames are small, as those of Read.
func (r *relaying) receive() error {
	c := r.src
	r.waited = false
	c.rmu.Lock()
	c.life.RLock()
	err := r.receiveLocked()
	c.life.RUnlock()
	c.rmu.Unlock()
	return err
}

// receiveLocked is for callers that hold the source's rmu and life.
func (r *relaying) receiveLocked() error {
	c := r.src
	for {
		if c.closed.Load() {
			return net.ErrClosed
		}
		if c.poll.file.Load() != nil {
			return r.receivePolled()
		}
		if r.tryBuffer(0) {
			return r.received()
		}
		if !c.closed.Load() && !c.park() {
			return r.receivePolled()
		}
	}
}

func (r *relaying) receivePolled() error {
	p, err := r.src.register()
	if err != nil {
		return err
	}
	if err := p.raw.Read(r.takeBuf); err != nil {
		return r.src.pollError(err)
	}
	return r.received()
}

// tryBuffer answers false to wait.
func (r *relaying) tryBuffer(uintptr) bool {
	c := r.src
	var errno syscall.Errno
	r.buf = relayBuffers.Get().(*[relaySize]byte)
	if c.hasUnread {
		r.buf[0], r.n, c.hasUnread = c.unread, 1, false
	} else {
		r.n, errno = c.recv(r.buf[:r.most(relaySize)])
	}
	r.recvErrno = errno
	if errno != 0 || r.n == 0 {
		relayBuffers.Put(r.buf)
		r.buf = nil
	}
	r.waited = r.waited || errno == syscall.EAGAIN
	return errno != syscall.EAGAIN
}

func (r *relaying) received() (err error) {
	r.n, err = r.src.readResult(nil, r.n, r.recvErrno)
	return err
}

// throughPipe moves by splice(2) for as long as it is worth it. It returns
// without an error when a buffer is better.
func (r *relaying) throughPipe() error {
	for small := 0; small < spliceEnd && r.remain != 0; {
		if worked, err := r.spliceIn(); !worked || err != nil {
			return err
		}
		in := r.n
		out, err := r.dst.c.spliceOut(r.pipe, in)
		r.count(out)
		if err != nil {
			r.pipe.close() // there is something in it
			return err
		}
		pipes.put(r.pipe)
		if r.waited && in <= relaySize {
			small++
		} else {
			small = 0
		}
	}
	return nil
}

// spliceIn waits until there is something to read and moves it into a pipe of
// the caller's. The end is io.EOF; worked=false, without an error, means that
// splicing is not possible.
func (r *relaying) spliceIn() (worked bool, err error) {
	c := r.src
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.life.RLock()
	defer c.life.RUnlock()
	if c.closed.Load() {
		return false, net.ErrClosed
	}
	if c.hasUnread {
		return false, nil
	}
	p, err := c.register()
	if err != nil {
		return false, err
	}
	r.waited = false
	if err := p.raw.Read(r.splicedIn); err != nil {
		return false, c.pollError(err)
	}
	switch r.errno {
	case nil:
	case syscall.EINVAL, syscall.ENOSYS, syscall.EPERM, syscall.EMFILE, syscall.ENFILE:
		return false, nil
	default:
		return false, os.NewSyscallError("splice", r.errno)
	}
	if r.n == 0 {
		return false, io.EOF
	}
	return true, nil
}

// trySplice answers false to wait; it has a pipe for as long as there is
// something in it.
func (r *relaying) trySplice(fd uintptr) bool {
	if r.pipe, r.errno = pipes.get(); r.errno != nil {
		return true
	}
	r.n, r.errno = splice(int(fd), r.pipe.w, r.most(pipeSize))
	if r.n == 0 {
		pipes.put(r.pipe)
	}
	r.waited = r.waited || r.errno == syscall.EAGAIN
	return r.errno != syscall.EAGAIN
}

// spliceOut moves n bytes from the pipe to the connection, as one write.
func (c *conn) spliceOut(p pipe, n int) (done int, err error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.life.RLock()
	defer c.life.RUnlock()
	if c.closed.Load() {
		return 0, c.opError("write", net.ErrClosed)
	}
	polled, err := c.register()
	if err != nil {
		return 0, c.opError("write", err)
	}
	var errno error
	err = polled.raw.Write(func(fd uintptr) bool {
		for done < n {
			var m int
			if m, errno = splice(p.r, int(fd), n-done); errno != nil {
				return errno != syscall.EAGAIN
			}
			done += m
		}
		return true
	})
	switch {
	case err != nil:
		return done, c.opError("write", c.pollError(err))
	case errno != nil:
		return done, c.opError("write", os.NewSyscallError("splice", errno))
	}
	return done, nil
}

func splice(from, to, n int) (int, error) {
	const move, nonblock = 1, 2
	for {
		m, err := syscall.Splice(from, nil, to, nil, n, move|nonblock)
		if err != syscall.EINTR {
			return int(max(m, 0)), err
		}
	}
}
