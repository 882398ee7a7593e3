package gio

import (
	"io"
	"os"
	"runtime"
	"syscall"
)

// sendfileMax is as much as one sendfile(2) is asked for: about what the
// kernel's own limit of 2 GB allows, in round numbers.
const sendfileMax = 1 << 30

// ReadFrom sends what r has until its end. A regular file goes by sendfile(2)
// without passing through the program. What comes from another connection of
// this package, or from the same, needs a buffer only while bytes move: none is
// held while it waits. When it comes in bulk it goes by splice(2). Everything
// else, TLS, and connections with an idle timeout, goes through Write. io.Copy
// to a connection calls this.
func (sc *SocketConnection) ReadFrom(r io.Reader) (int64, error) {
	if from := connUnder(r); from != nil && from.c.relayable() && sc.c.relayable() {
		return sc.relay(from, r)
	}
	return sc.readFrom(r)
}

// connUnder is the connection that r reads, perhaps up to a limit, or nil.
func connUnder(r io.Reader) *SocketConnection {
	if lr, ok := r.(*io.LimitedReader); ok {
		r = lr.R
	}
	from, _ := r.(*SocketConnection)
	return from
}

// readFrom is for all but connections.
func (sc *SocketConnection) readFrom(r io.Reader) (int64, error) {
	defer runtime.KeepAlive(sc)
	remain := int64(-1)
	src := r
	lr, limited := r.(*io.LimitedReader)
	if limited {
		src, remain = lr.R, max(lr.N, 0) // less than 0 is no more than 0
	}
	if f, ok := src.(*os.File); ok && sc.c.tls.Load() == nil {
		if fi, err := f.Stat(); err == nil && fi.Mode().IsRegular() {
			n, handled, err := sc.sendFile(f, remain)
			if limited {
				lr.N -= n
			}
			if handled || err != nil {
				return n, err
			}
		}
	}
	// Hides this method, or io.Copy would call it again.
	return io.Copy(struct{ io.Writer }{sc}, r)
}

// relayable tells whether a relay may wait for c: it does not know TLS, nor
// idle timeouts.
func (c *conn) relayable() bool { return c.tls.Load() == nil && c.idle.Load() == nil }

// sendFile answers handled=false, with nothing sent, when the kernel cannot.
func (sc *SocketConnection) sendFile(f *os.File, remain int64) (sent int64, handled bool, err error) {
	if remain == 0 {
		return 0, true, nil
	}
	c := sc.c
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.life.RLock()
	defer c.life.RUnlock()
	p, err := c.register()
	if err != nil {
		return 0, true, c.opError("write", err)
	}
	src, err := f.SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	var errno error
	var last syscall.Errno // of the last try
	w := c.idle.Load()
	// Control, not Read: a regular file is never waited for.
	cerr := src.Control(func(from uintptr) {
		err = p.raw.Write(func(to uintptr) bool {
			before := sent
			last = 0
			for remain != 0 {
				chunk := int64(sendfileMax)
				if remain > 0 {
					chunk = min(chunk, remain)
				}
				n, e := syscall.Sendfile(int(to), int(from), nil, int(chunk))
				if n > 0 {
					w.moves(writing)
					sent += int64(n)
					if remain > 0 {
						remain -= int64(n)
					}
				}
				switch {
				case e == syscall.EINTR:
				case e == syscall.EAGAIN:
					last = syscall.EAGAIN
					return w.waits(writing, sent > before)
				case e != nil:
					errno = e
					return true
				case n == 0:
					return true // the file's end
				}
			}
			return true
		})
	})
	ierr := w.ended(writing, last)
	switch {
	case cerr != nil:
		return sent, false, nil
	case ierr != nil:
		return sent, true, c.opError("write", ierr)
	case err != nil:
		return sent, true, c.opError("write", c.pollError(err))
	case errno != nil:
		if sent == 0 && (errno == syscall.EINVAL || errno == syscall.ENOSYS || errno == syscall.EOPNOTSUPP) {
			return 0, false, nil
		}
		return sent, true, c.opError("write", os.NewSyscallError("sendfile", errno))
	}
	return sent, true, nil
}
