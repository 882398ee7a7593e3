package netfd

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// poller is a descriptor's place with Go's network poller. It is taken only when
// somebody has to wait or sets a deadline. Its file is a duplicate, for waiting
// only: closing GSocket's own descriptor from Go would pull it from under GIO.
type poller struct {
	fd   int // the file's, good inside its RawConn's functions
	file *os.File
	raw  syscall.RawConn
	step [2]func(uintptr) bool // made once: an operation allocates nothing

	deadline [2]time.Time     // the user's; under FD.mu
	writes   atomic.Bool      // deadline[Writing] is set; written under FD.mu
	idleAt   [2]atomic.Int64  // when the file's deadline ends an idle wait; 0: that is the user's. Written under FD.mu
	set      [2]atomic.Uint32 // how often the file's deadline was set; written under FD.mu
}

// register takes the place, once. The caller holds a reference, or closes.
func (fd *FD) register() (*poller, error) {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if fd.evicted || fd.quiet {
		return nil, net.ErrClosed
	}
	if p := fd.poller.Load(); p != nil {
		return p, nil
	}
	if fd.closedByOthers() {
		return nil, net.ErrClosed
	}
	p, err := fd.newPoller()
	for tries := 0; errors.Is(err, os.ErrNoDeadline) && tries < 100; tries++ {
		p, err = fd.newPoller() // others were faster, and made it a blocking one again
	}
	if err != nil {
		return nil, err
	}
	for dir := range p.step {
		p.step[dir] = func(uintptr) bool { return fd.step(Direction(dir)) }
	}
	fd.poller.Store(p)
	fd.wakeShared() // deadlines are the poller's: wait there
	return p, nil
}

// newPoller is for register.
func (fd *FD) newPoller() (*poller, error) {
	n, err := sys.Dup(int(fd.sysfd))
	// GIO code may have closed it in that moment, and the number be nobody's or another file's.
	if err == unix.EBADF && fd.objects.exposed() {
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if fd.objects.exposed() && (fd.inode == 0 || sys.Inode(n) != fd.inode) {
		_ = syscall.Close(n)
		return nil, net.ErrClosed
	}
	giveBack := func() {}
	if fd.modeShared.Load() {
		// NewFile polls nothing else. It is given back: they may have wanted it.
		giveBack = sys.BorrowNonblock(n)
	}
	p := &poller{fd: n}
	if p.file, p.raw, err = newPolledFile(n, "socket"); err != nil {
		return nil, err
	}
	giveBack()
	return p, nil
}

// newPolledFile makes a file of a descriptor that is non-blocking, and takes that
// over.
func newPolledFile(n int, name string) (*os.File, syscall.RawConn, error) {
	f := os.NewFile(uintptr(n), name)
	// NewFile swallows the poller's refusal: waiting would block a thread.
	err := f.SetDeadline(time.Time{})
	if err == nil {
		var raw syscall.RawConn
		if raw, err = f.SyscallConn(); err == nil {
			return f, raw, nil
		}
	}
	_ = f.Close()
	return nil, nil, err
}

// do tries until the direction's operation is over, and waits in between: in the
// shared poller at first, then with Go's. The caller holds the direction's lock.
func (fd *FD) do(dir Direction) error {
	fd.idle.ended(dir)
	// A deadline counts before trying: with a poller it is for that to say.
	for fd.poller.Load() == nil && !fd.objects.exposed() {
		if fd.step(dir) {
			fd.idle.ended(dir)
			return nil
		}
		if fd.idle.passed(dir) || dir == Writing || !fd.waitShared() || fd.Closed() {
			break
		}
	}
	err := fd.wait(dir)
	fd.idle.ended(dir)
	return err
}

// step tries, as often as that moves bytes. It answers false to wait.
func (fd *FD) step(dir Direction) bool {
	o := &fd.ops[dir]
	moved := false
	for {
		var n int64
		switch {
		case o.once != nil:
			n, o.errno = o.once(o.n)
		case dir == Reading:
			var m int
			m, o.errno = fd.recv(o.buf)
			n = int64(m)
		default:
			var m int
			m, o.errno = fd.send(o.buf[o.n:])
			n = int64(m)
		}
		if n > 0 {
			o.n += n
			moved = true
			fd.idle.progressed(dir)
		}
		switch {
		case o.errno == syscall.EAGAIN:
			fd.beginWait(dir, moved)
			return false
		case o.errno != 0 || n <= 0 || o.n >= o.want:
			return true
		}
	}
}

// wait waits with Go's poller and steps until that is over, or a deadline, the idle
// limit or Close ends it. Without a place there the caller has just made a step.
func (fd *FD) wait(dir Direction) error {
	p := fd.poller.Load()
	if p == nil {
		if fd.idle.passed(dir) {
			return fd.idle.error()
		}
		if fd.Closed() {
			return net.ErrClosed
		}
		var err error
		if p, err = fd.register(); err != nil {
			return err
		}
	}
	for {
		set := p.set[dir].Load()
		err := fd.poll(p, dir)
		if err == nil {
			return nil
		}
		if err = fd.waitError(p, dir, set, err); err != nil {
			return err
		}
	}
}

// poll makes steps until the operation is over, and has the poller wait in between.
func (fd *FD) poll(p *poller, dir Direction) (err error) {
	fd.ops[dir].polling.Store(true)
	if dir == Reading {
		err = p.raw.Read(p.step[Reading])
	} else {
		err = p.raw.Write(p.step[Writing])
	}
	fd.ops[dir].polling.Store(false)
	return err
}

// waitError says why the poller has ended a wait, before which the file's deadline had been set so many
// times; nil is to wait on.
func (fd *FD) waitError(p *poller, dir Direction, set uint32, err error) error {
	fd.mu.Lock()
	defer fd.mu.Unlock()
	if fd.Closed() || fd.lost.Load() {
		return net.ErrClosed
	}
	if err != os.ErrDeadlineExceeded {
		return bareError(err)
	}
	if p.idleAt[dir].Load() == 0 {
		// It may have been the idle limit's that passed, and the user's was set before this was looked at.
		// As package net does, what has passed no longer counts: the new one tells by itself.
		if p.set[dir].Load() != set {
			return nil
		}
		return err
	}
	passed := fd.idle.passed(dir)
	if passed {
		err = fd.idle.error()
		fd.idle.ended(dir)
	}
	// The user's deadline again, or the idle limit's from a later moment on.
	if aerr := fd.apply(p, dir); passed || aerr != nil {
		return err
	}
	return nil
}

// bareError is the reason inside an error of an os.File.
func bareError(err error) error {
	if pe, ok := err.(*os.PathError); ok {
		return pe.Err
	}
	return err
}

// SetDeadline sets the deadline of reads, of writes, or both; the zero time means
// none. One in the past ends them at once, even when data is there.
func (fd *FD) SetDeadline(t time.Time, rd, wr bool) error {
	if !fd.fdmu.incref() {
		return net.ErrClosed
	}
	defer fd.fdmu.decref()
	if fd.closedByOthers() {
		return net.ErrClosed
	}
	p := fd.poller.Load()
	if p == nil {
		if t.IsZero() {
			return nil // there was none
		}
		var err error
		if p, err = fd.register(); err != nil {
			return err
		}
	}
	fd.mu.Lock()
	defer fd.mu.Unlock()
	// Under the lock, so that no deadline outlives the one by which Drain wakes
	// the waiters.
	if fd.Closed() {
		return net.ErrClosed
	}
	for dir, set := range [...]bool{Reading: rd, Writing: wr} {
		if set {
			p.deadline[dir] = t
			if err := fd.apply(p, Direction(dir)); err != nil {
				return fd.waitResult(err)
			}
		}
	}
	p.writes.Store(!p.deadline[Writing].IsZero())
	return nil
}

// writeDeadline tells whether a Write has to ask the poller before it tries.
func (fd *FD) writeDeadline() bool {
	p := fd.poller.Load()
	return p != nil && p.writes.Load()
}

// apply gives the file the user's deadline or, when an operation waits and that is
// earlier, the idle limit's. The caller holds mu.
func (fd *FD) apply(p *poller, dir Direction) error {
	t, idleAt := p.deadline[dir], int64(0)
	if at := fd.idle.at(dir); at != 0 {
		if until := time.Now().Add(time.Duration(at - clock())); t.IsZero() || until.Before(t) {
			t, idleAt = until, at
		}
	}
	return p.setDeadline(dir, t, idleAt)
}

// setDeadline sets the file's deadline. The caller holds FD.mu.
func (p *poller) setDeadline(dir Direction, t time.Time, idleAt int64) error {
	p.idleAt[dir].Store(idleAt)
	p.set[dir].Add(1)
	if dir == Reading {
		return p.file.SetReadDeadline(t)
	}
	return p.file.SetWriteDeadline(t)
}
