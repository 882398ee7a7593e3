package netfd

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// How much is moved at a time through a buffer, and when the kernel moves it
// instead: splice(2) saves two copies and costs more calls. What fits into the
// buffer is better off there: a full one and no wait for more begins a splice,
// and spliceEnd times no more than that, each after a wait, end it.
const (
	copySize  = 64 << 10
	spliceEnd = 16
)

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// Side is where a Copy has failed.
type Side uint8

// The sides.
const (
	Source Side = iota
	Destination
)

// copier copies from one descriptor to another, or to itself. It holds a buffer or
// a pipe only while bytes move. The locks of either side are held for a step, never
// both: two descriptors may be copied to each other.
type copier struct {
	dst, src *FD
	remain   int64 // negative: no limit
	moved    int64

	// The step in progress. The functions are made once.
	buf                         *[copySize]byte
	pipe                        pipe
	n                           int
	waited                      bool  // for something to come
	spliceErr                   error // of the last splice
	full                        bool  // the last buffer was
	side                        Side
	err                         error
	fromSrc, intoPipe, fromPipe Attempt

	restore [2]func(fd int) // the timeouts of src for Reading and dst for Writing, see bound
}

// Copy moves from src to dst until src's end, an error, or remain bytes, if that is
// not negative. side says whose an error is.
func Copy(dst, src *FD, remain int64) (moved int64, side Side, err error) {
	// What a goroutine that waits in receive holds on to is in c: it stays on the stack
	// that it began with, as Read's.
	c := &copier{dst: dst, src: src, remain: remain}
	c.fromSrc, c.intoPipe, c.fromPipe = c.tryBuffer, c.trySpliceIn, c.trySpliceOut
	for c.err == nil && c.remain != 0 {
		if c.err = c.receive(); c.err == nil {
			c.pass()
		}
	}
	if c.err == io.EOF {
		c.err = nil
	}
	return c.moved, c.side, c.err
}

// pass delivers what receive took, and goes on by splice(2) when that is worth it.
func (c *copier) pass() {
	bulk := c.full && !c.waited
	c.full = c.n == copySize
	if c.err = c.deliver(); c.err != nil {
		c.side = Destination
	} else if bulk {
		c.side, c.err = c.splice()
	}
}

// count is for bytes that have arrived.
func (c *copier) count(n int) {
	c.moved += int64(n)
	if c.remain > 0 {
		c.remain -= int64(n)
	}
}

// most is how much of at most size may still be moved.
func (c *copier) most(size int) int {
	if c.remain >= 0 && c.remain < int64(size) {
		return int(c.remain)
	}
	return size
}

// deliver writes what receive took.
func (c *copier) deliver() error {
	n, err := c.dst.Write(c.buf[:c.n])
	c.count(n)
	copyBuffers.Put(c.buf)
	c.buf = nil
	return err
}

// receive is Read into a buffer that is taken once something is there. Its frames
// are small, as those of Read.
func (c *copier) receive() error {
	fd := c.src
	if !fd.fdmu.lock(Reading) {
		return net.ErrClosed
	}
	c.waited = false
	o := &fd.ops[Reading]
	o.once, o.n, o.want, o.errno = c.fromSrc, 0, 1, 0
	err := fd.do(Reading) // as run does, with a frame less
	return c.received(err)
}

// received ends what receive began.
func (c *copier) received(err error) error {
	o := &c.src.ops[Reading]
	n, errno := o.n, o.errno
	o.once = nil
	c.src.fdmu.unlock(Reading)
	switch {
	case err != nil:
		return err
	case errno != 0:
		return ErrnoError("recv", errno)
	case n == 0:
		return io.EOF
	}
	c.n = int(n)
	return nil
}

func (c *copier) tryBuffer(int64) (int64, syscall.Errno) {
	fd := c.src
	var n int
	var errno syscall.Errno
	c.buf = copyBuffers.Get().(*[copySize]byte)
	if fd.hasUnread {
		c.buf[0], n, fd.hasUnread = fd.unread, 1, false
	} else {
		n, errno = fd.recv(c.buf[:c.most(copySize)])
	}
	if n == 0 {
		copyBuffers.Put(c.buf)
		c.buf = nil
	}
	c.waited = c.waited || errno == syscall.EAGAIN
	return int64(n), errno
}

// splice moves by splice(2) for as long as it is worth it. It returns without an
// error when a buffer is better.
func (c *copier) splice() (Side, error) {
	defer c.restoreTimeouts()
	for small := 0; small < spliceEnd && c.remain != 0; {
		if worked, err := c.spliceIn(); !worked || err != nil {
			return Source, err
		}
		out, err := c.spliceOut()
		c.count(out)
		if err != nil {
			c.pipe.close() // there is something in it
			return Destination, err
		}
		pipes.put(c.pipe)
		if c.waited && c.n <= copySize {
			small++
		} else {
			small = 0
		}
	}
	return Source, nil
}

// spliceIn waits until there is something to read and moves it into a pipe of the
// copier's. The end is io.EOF; worked=false, without an error, means that splicing
// is not possible.
func (c *copier) spliceIn() (worked bool, err error) {
	fd := c.src
	if !fd.fdmu.lock(Reading) {
		return false, net.ErrClosed
	}
	defer fd.fdmu.unlock(Reading)
	if fd.hasUnread {
		return false, nil
	}
	c.waited, c.spliceErr = false, nil
	n, err := fd.runPolled(Reading, 1, c.intoPipe)
	if err != nil {
		return false, err
	}
	switch c.spliceErr {
	case nil:
	case net.ErrClosed:
		return false, net.ErrClosed
	case unix.EINVAL, unix.ENOSYS, unix.EPERM, unix.EMFILE, unix.ENFILE:
		return false, nil
	default:
		return false, os.NewSyscallError("splice", c.spliceErr)
	}
	if n == 0 {
		return false, io.EOF
	}
	c.n = int(n)
	return true, nil
}

// trySpliceIn has a pipe for as long as there is something in it.
func (c *copier) trySpliceIn(int64) (int64, syscall.Errno) {
	o := &c.src.ops[Reading]
	o.moving.Lock()
	defer o.moving.Unlock()
	if !c.bound(c.src, Reading) {
		return 0, unix.EBADF
	}
	if c.pipe, c.spliceErr = pipes.get(); c.spliceErr != nil {
		return 0, 0
	}
	var n int
	if n, c.spliceErr = c.src.splice(c.pipe.w, c.most(pipeSize), Reading); n == 0 {
		pipes.put(c.pipe)
	}
	if c.spliceErr == unix.EAGAIN {
		c.waited = true
		return 0, unix.EAGAIN
	}
	return int64(n), 0
}

// spliceOut moves what is in the pipe, as one write.
func (c *copier) spliceOut() (done int, err error) {
	fd := c.dst
	if !fd.fdmu.lock(Writing) {
		return 0, net.ErrClosed
	}
	defer fd.fdmu.unlock(Writing)
	c.spliceErr = nil
	n, err := fd.runPolled(Writing, int64(c.n), c.fromPipe)
	switch {
	case err != nil || c.spliceErr == nil:
	case c.spliceErr == net.ErrClosed:
		err = net.ErrClosed
	default:
		err = os.NewSyscallError("splice", c.spliceErr)
	}
	return int(n), err
}

func (c *copier) trySpliceOut(done int64) (int64, syscall.Errno) {
	o := &c.dst.ops[Writing]
	o.moving.Lock()
	defer o.moving.Unlock()
	if !c.bound(c.dst, Writing) {
		return 0, unix.EBADF
	}
	var n int
	n, c.spliceErr = c.dst.splice(c.pipe.r, c.n-int(done), Writing)
	if c.spliceErr == unix.EAGAIN {
		return 0, unix.EAGAIN
	}
	return int64(n), 0
}

// bound has splice(2) not wait where others may have made the descriptor a blocking
// one; SPLICE_F_NONBLOCK is about the pipe. It is called before each, inside
// runPolled; false when GIO code has closed the GSocket.
func (c *copier) bound(fd *FD, dir Direction) bool {
	switch {
	case !fd.modeShared.Load():
	case fd.closedByOthers():
		c.spliceErr = net.ErrClosed
		return false
	case c.restore[dir] == nil:
		c.restore[dir] = boundWaits[dir](fd.poller.Load().fd)
	}
	return true
}

var boundWaits = [2]func(fd int) (restore func(fd int)){Reading: sys.BoundReceives, Writing: sys.BoundSends}

func (c *copier) restoreTimeouts() {
	for dir, fd := range [2]*FD{Reading: c.src, Writing: c.dst} {
		if restore := c.restore[dir]; restore != nil {
			_ = fd.Control(restore)
			c.restore[dir] = nil
		}
	}
}

// splice moves at most n bytes between the descriptor and an end of a pipe, inside
// runPolled.
func (fd *FD) splice(end, n int, dir Direction) (int, error) {
	from, to := fd.poller.Load().fd, end
	if dir == Writing {
		from, to = to, from
	}
	for {
		m, err := unix.Splice(from, nil, to, nil, n, unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
		if err != unix.EINTR {
			return int(max(m, 0)), err
		}
	}
}
