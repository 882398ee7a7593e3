package gio

import (
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// pollState is a connection's place with Go's network poller. It is taken only
// when somebody has to wait or sets a deadline.
type pollState struct {
	mu     sync.Mutex    // serialises registering and closing
	done   bool          // under mu: closed, never register again
	parks  uint8         // under mu: how often Read has waited in the parking lot
	parked chan struct{} // under mu: where it waits now, or nil
	file   atomic.Pointer[polled]
}

// polled is a duplicate of the socket's descriptor, for waiting only: closing
// GSocket's own from Go would pull it from under GIO.
type polled struct {
	file *os.File
	raw  syscall.RawConn

	// One pending operation each way: the functions are made once, so that an
	// operation allocates nothing. read is under the connection's rmu, write
	// under its wmu.
	rd, wr struct {
		c     *conn
		idle  *idleWatch
		buf   []byte
		n     int
		errno syscall.Errno
		try   func(fd uintptr) bool
	}

	until [2]time.Time // under poll.mu: the user's deadlines, by direction
}

// register duplicates the descriptor and hands it to the poller, once.
func (c *conn) register() (*polled, error) {
	c.poll.mu.Lock()
	defer c.poll.mu.Unlock()
	if c.poll.done {
		return nil, net.ErrClosed
	}
	if p := c.poll.file.Load(); p != nil {
		return p, nil
	}
	fd, err := sys.Dup(int(c.fd))
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	// GSocket made the descriptor non-blocking: NewFile sees that and polls.
	f := os.NewFile(uintptr(fd), "socket")
	if err := f.SetDeadline(time.Time{}); err != nil {
		// NewFile swallows the poller's refusal; reads would block a thread.
		_ = f.Close()
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	p := &polled{file: f, raw: raw}
	p.rd.try, p.wr.try = p.tryRead, p.tryWrite
	c.poll.file.Store(p)
	if c.poll.parked != nil {
		wake(c.poll.parked) // deadlines are the poller's: wait there
	}
	return p, nil
}

// close wakes the waiters and lets nobody register any more.
func (s *pollState) close() {
	s.mu.Lock()
	s.done = true
	if s.parked != nil {
		wake(s.parked)
	}
	p := s.file.Load()
	s.mu.Unlock()
	if p != nil {
		// Not under mu: it waits for who is inside a RawConn's function, and
		// that may be about to take mu.
		_ = p.file.Close()
	}
}

func (p *polled) read(c *conn, w *idleWatch, b []byte) (int, syscall.Errno, error) {
	// EAGAIN until it is tried, which a deadline in the past prevents: it waited
	// before it came here.
	p.rd.c, p.rd.idle, p.rd.buf, p.rd.n, p.rd.errno = c, w, b, 0, syscall.EAGAIN
	err := p.raw.Read(p.rd.try)
	p.rd.c, p.rd.idle, p.rd.buf = nil, nil, nil
	return p.rd.n, p.rd.errno, err
}

// tryRead answers false to wait: the poller is edge-triggered, so only once
// there is nothing more.
func (p *polled) tryRead(uintptr) bool {
	p.rd.n, p.rd.errno = p.rd.c.recv(p.rd.buf)
	return p.rd.errno != syscall.EAGAIN || p.rd.idle.waits(reading, false)
}

func (p *polled) write(c *conn, w *idleWatch, b []byte) (int, syscall.Errno, error) {
	p.wr.c, p.wr.idle, p.wr.buf, p.wr.n, p.wr.errno = c, w, b, 0, 0
	if len(b) == 0 {
		return 0, 0, nil
	}
	err := p.raw.Write(p.wr.try)
	p.wr.c, p.wr.idle, p.wr.buf = nil, nil, nil
	return p.wr.n, p.wr.errno, err
}

func (p *polled) tryWrite(uintptr) bool {
	before := p.wr.n
	for p.wr.n < len(p.wr.buf) {
		n, errno := p.wr.c.send(p.wr.buf[p.wr.n:])
		p.wr.n += n
		p.wr.errno = errno
		p.wr.idle.moves(writing)
		if errno == syscall.EAGAIN {
			return p.wr.idle.waits(writing, p.wr.n > before)
		}
		if errno != 0 {
			return true
		}
	}
	p.wr.errno = 0
	return true
}

// SetDeadline sets both deadlines; the zero time means none. A deadline in the
// past fails reads and writes at once, even when data is there.
func (sc *SocketConnection) SetDeadline(t time.Time) error { return sc.setDeadline(t, true, true) }

// SetReadDeadline sets the deadline of Read alone.
func (sc *SocketConnection) SetReadDeadline(t time.Time) error { return sc.setDeadline(t, true, false) }

// SetWriteDeadline sets the deadline of Write alone.
func (sc *SocketConnection) SetWriteDeadline(t time.Time) error {
	return sc.setDeadline(t, false, true)
}

func (sc *SocketConnection) setDeadline(t time.Time, rd, wr bool) error {
	defer runtime.KeepAlive(sc)
	c := sc.c
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	p := c.poll.file.Load()
	if p == nil {
		if t.IsZero() {
			return nil // there was none
		}
		var err error
		if p, err = c.register(); err != nil {
			return c.opError("set", err)
		}
	}
	c.tls.Load().setDeadline(t, rd, wr)
	// With closed looked at under the lock, no deadline outlives the one by
	// which a graceful Close wakes the waiters.
	c.poll.mu.Lock()
	defer c.poll.mu.Unlock()
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	w := c.idle.Load()
	for dir, set := range [...]bool{reading: rd, writing: wr} {
		if !set {
			continue
		}
		p.until[dir] = t
		if w.holds(dir) {
			continue // the operation that is being woken applies it
		}
		if err := p.apply(dir); err != nil {
			return c.opError("set", c.pollError(err))
		}
	}
	return nil
}

// apply hands the user's deadline to the poller. The caller holds poll.mu.
func (p *polled) apply(dir int) error { return p.setDeadline(dir, p.until[dir]) }

func (p *polled) setDeadline(dir int, t time.Time) error {
	if dir == reading {
		return p.file.SetReadDeadline(t)
	}
	return p.file.SetWriteDeadline(t)
}

// pollError translates what os.File says: closed is net.ErrClosed here.
func (c *conn) pollError(err error) error {
	if c.closed.Load() {
		return net.ErrClosed
	}
	if pe, ok := err.(*os.PathError); ok {
		return pe.Err
	}
	return err
}

// errnoError names the system call. EBADF with the connection open is GIO's
// refusal: somebody else closed the GSocket.
func (c *conn) errnoError(call string, errno syscall.Errno) error {
	if errno == syscall.EBADF {
		return net.ErrClosed
	}
	return os.NewSyscallError(call, errno)
}

// SyscallConn returns the descriptor for system calls that this package does
// not offer. It is a duplicate: options and data are the socket's, closing is
// not. Read and Write of the result wait as those of the connection do.
func (sc *SocketConnection) SyscallConn() (syscall.RawConn, error) {
	defer runtime.KeepAlive(sc)
	c := sc.c
	if c.closed.Load() {
		return nil, c.opError("raw-control", net.ErrClosed)
	}
	p, err := c.register()
	if err != nil {
		return nil, c.opError("raw-control", err)
	}
	return &rawConn{sc, p.raw}, nil
}

// rawConn keeps the connection from being collected and its errors in order.
type rawConn struct {
	sc  *SocketConnection
	raw syscall.RawConn
}

func (r *rawConn) Control(f func(fd uintptr)) error {
	return r.result("raw-control", r.raw.Control(f))
}

func (r *rawConn) Read(f func(fd uintptr) bool) error {
	return r.result("raw-read", r.raw.Read(f))
}

func (r *rawConn) Write(f func(fd uintptr) bool) error {
	return r.result("raw-write", r.raw.Write(f))
}

func (r *rawConn) result(op string, err error) error {
	if err != nil {
		err = r.sc.c.opError(op, r.sc.c.pollError(err))
	}
	runtime.KeepAlive(r.sc)
	return err
}
