package gio

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// tlsConn is the TLS of a SocketConnection. It reads and writes in place of the
// plain calls and waits, as they do, on Go's poller: whenever the TLS stream
// would block, GIO has just had EAGAIN from the socket in that direction, so
// the edge that the poller needs comes. The calls never block and run on the
// caller's thread: GTlsConnection allows one read beside one write, which the
// connection's rmu and wmu ensure.
type tlsConn struct {
	hs     handshake
	make   func(native.Connection) (native.Stream, error) // puts TLS on the socket
	server bool                                           // the peer speaks first
	native native.Stream                                  // once hs was begun

	closing    chan struct{} // closed by Close
	rdl, wdl   deadline      // of the wait for the handshake
	readClosed atomic.Bool   // CloseRead

	// One pending operation each way, as in polled.
	rd, wr struct {
		idle *idleWatch
		buf  []byte
		n    int
		err  error
		try  func(fd uintptr) bool
	}
	rest []byte // what TLS has taken and not yet sent; under wmu
}

func newTLSConn(limit time.Duration, mk func(native.Connection) (native.Stream, error)) *tlsConn {
	t := &tlsConn{make: mk, closing: make(chan struct{})}
	t.hs.limit, t.hs.done = limit, make(chan struct{})
	t.rd.try, t.wr.try = t.tryRead, t.tryWrite
	return t
}

// ready waits for the handshake. The caller holds c.life.
func (t *tlsConn) ready(c *conn, ctx context.Context, deadline <-chan struct{}) error {
	return t.hs.wait(func() (with handshaking, err error) {
		n, err := c.objects()
		if err != nil {
			return with, err
		}
		t.native, err = t.make(n)
		with.native, with.after = t.native, func() {}
		if p, rerr := c.register(); t.server && rerr == nil {
			with.listen = func() { _ = p.raw.Read(hasArrived) }
			// After its time limit the connection is of no use anyway.
			with.wake = func() { _ = p.file.SetReadDeadline(time.Unix(1, 0)) }
		}
		return with, err
	}, ctx, deadline, t.closing)
}

// hasArrived tells whether there is something to read, or an end.
func hasArrived(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if err != syscall.EINTR {
			return err != syscall.EAGAIN
		}
	}
}

// read is conn.read under its locks.
func (t *tlsConn) read(c *conn, b []byte) (int, error) {
	p, err := c.register()
	if err == nil {
		err = t.ready(c, nil, t.rdl.done())
	}
	if err != nil {
		return 0, c.opError("read", err)
	}
	w := c.idle.Load()
	t.rd.idle, t.rd.buf, t.rd.n, t.rd.err = w, b, 0, nil
	err = p.raw.Read(t.rd.try)
	t.rd.idle, t.rd.buf = nil, nil
	if ierr := w.ended(reading, blockedErrno(t.rd.err)); ierr != nil {
		err = ierr
	}
	if err != nil {
		return 0, c.opError("read", c.pollError(err))
	}
	if t.rd.err != nil {
		if t.readClosed.Load() {
			return 0, io.EOF
		}
		return 0, c.opError("read", t.rd.err)
	}
	if t.rd.n == 0 {
		return 0, io.EOF
	}
	w.moves(reading)
	return t.rd.n, nil
}

// blockedErrno is what an idleWatch wants to know of the last try.
func blockedErrno(err error) syscall.Errno {
	if err == native.ErrWouldBlock {
		return syscall.EAGAIN
	}
	return 0
}

func (t *tlsConn) tryRead(uintptr) bool {
	t.rd.n, t.rd.err = t.native.Read(t.rd.buf, native.Cancellable{})
	return t.rd.err != native.ErrWouldBlock || t.rd.idle.waits(reading, false)
}

// write is conn.writeLocked.
func (t *tlsConn) write(c *conn, b []byte) (int, error) {
	p, err := c.register()
	if err == nil {
		err = t.ready(c, nil, t.wdl.done())
	}
	if err == nil {
		err = t.writeRest(c, p)
	}
	if err != nil {
		return 0, c.opError("write", err)
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := t.send(c, p, b)
	if err != nil {
		if left := b[n:]; errors.Is(err, os.ErrDeadlineExceeded) && t.wr.err == native.ErrWouldBlock {
			// TLS has made a record of this and will send that, whatever is
			// written next: it counts as written.
			t.rest = append([]byte(nil), left[:min(len(left), maxRecord)]...)
			n += len(t.rest)
		}
		return n, c.opError("write", err)
	}
	return n, nil
}

// writeRest completes what a Write before this one left to TLS.
func (t *tlsConn) writeRest(c *conn, p *polled) error {
	if len(t.rest) == 0 {
		return nil
	}
	n, err := t.send(c, p, t.rest)
	t.rest = t.rest[n:]
	return err
}

func (t *tlsConn) send(c *conn, p *polled, b []byte) (int, error) {
	w := c.idle.Load()
	t.wr.idle, t.wr.buf, t.wr.n, t.wr.err = w, b, 0, nil
	err := p.raw.Write(t.wr.try)
	t.wr.idle, t.wr.buf = nil, nil
	if ierr := w.ended(writing, blockedErrno(t.wr.err)); ierr != nil {
		return t.wr.n, ierr
	}
	if err != nil {
		return t.wr.n, c.pollError(err)
	}
	return t.wr.n, t.wr.err
}

func (t *tlsConn) tryWrite(uintptr) bool {
	before := t.wr.n
	for t.wr.n < len(t.wr.buf) {
		n, err := t.native.Write(t.wr.buf[t.wr.n:min(len(t.wr.buf), t.wr.n+maxRecord)], native.Cancellable{})
		t.wr.n += n
		if n > 0 {
			t.wr.idle.moves(writing)
		}
		if t.wr.err = err; err != nil {
			return err != native.ErrWouldBlock || t.wr.idle.waits(writing, t.wr.n > before)
		}
	}
	return true
}

// shutdownTLS is CloseRead and CloseWrite.
func (sc *SocketConnection) shutdownTLS(t *tlsConn, rd, wr bool) error {
	if rd {
		t.readClosed.Store(true)
	}
	if wr {
		sc.c.wmu.Lock()
		defer sc.c.wmu.Unlock()
	}
	return sc.use("shutdown", func(n native.Connection) error {
		if wr {
			if err := t.closeWrite(sc.c); err != nil {
				return err
			}
		}
		if errno := n.Shutdown(rd, false); errno != 0 {
			return errno
		}
		return nil
	})
}

// closeWrite says goodbye: the peer reads its end of file. The caller holds
// wmu and life.
func (t *tlsConn) closeWrite(c *conn) error {
	p, err := c.register()
	if err == nil {
		err = t.ready(c, nil, t.wdl.done())
	}
	if err == nil {
		err = t.writeRest(c, p)
	}
	if err == nil {
		// GIO's call blocks: not before there is room.
		err = p.raw.Write(func(uintptr) bool { return t.native.Writable() })
	}
	if err != nil {
		return c.pollError(err)
	}
	return briefly(t.native.CloseWrite)
}

// goodbye is closeWrite for a graceful Close: if it takes no waiting.
func (t *tlsConn) goodbye() {
	if t != nil && t.hs.finished() && t.hs.err == nil && t.native.Writable() {
		_ = briefly(t.native.CloseWrite)
	}
}

// setDeadline and the next three are no-ops on a plain connection's nil.
func (t *tlsConn) setDeadline(at time.Time, rd, wr bool) {
	if t == nil {
		return
	}
	if rd {
		t.rdl.set(at)
	}
	if wr {
		t.wdl.set(at)
	}
}

// interrupt is for Close: it wakes who waits for the handshake, and ends that.
func (t *tlsConn) interrupt() {
	if t == nil {
		return
	}
	t.hs.interrupt(func() { close(t.closing) })
}

// begun tells whether TLS was put on the socket.
func (t *tlsConn) begun() bool { return t != nil && t.native.Valid() }

// end closes TLS and then the connection below: when the handshake is over, if
// it is in progress. The caller holds life for writing.
func (t *tlsConn) end(below native.Connection) {
	t.setDeadline(zeroTime, true, true)
	if !t.hs.running() {
		t.endNow(below)
		return
	}
	go func() {
		<-t.hs.done
		t.endNow(below)
	}()
}

func (t *tlsConn) endNow(below native.Connection) {
	if t.native.Valid() {
		closeStream(t.native, false)
		t.native.Free()
	}
	below.Close()
}

// Handshake does the TLS handshake of a connection that speaks TLS by GIO, if it
// was not done yet; Read and Write do it otherwise (g_tls_connection_handshake).
// It blocks until it is over, ctx is done, or Close; the handshake itself goes
// on when ctx ends. An error of the handshake is the same for every later call:
// an *Error of the domain "g-tls-error-quark", a *CertificateError if the peer's
// certificate was the reason. On a connection without TLS it does nothing.
func (sc *SocketConnection) Handshake(ctx context.Context) error {
	defer runtime.KeepAlive(sc)
	return sc.use("handshake", func(native.Connection) error {
		t := sc.c.tls.Load()
		if t == nil {
			return nil
		}
		return t.ready(sc.c, ctx, nil)
	})
}

// TLS tells what the TLS handshake agreed on; false when there was none.
func (sc *SocketConnection) TLS() (TLSState, bool) {
	var state TLSState
	ok := false
	_ = sc.use("status", func(native.Connection) error {
		if t := sc.c.tls.Load(); t != nil && t.hs.finished() && t.hs.err == nil {
			state, ok = tlsState(t.native.TLSFacts()), true
		}
		return nil
	})
	return state, ok
}

// StartTLS turns the connection into one that speaks TLS as a client, by GIO,
// and does the handshake: for protocols that begin without TLS and agree on it.
// From then on Read and Write are the decrypted bytes. It must not run beside
// Read or Write, and everything that the server said in the clear must have
// been read. When it fails, the connection is of no further use.
func (sc *SocketConnection) StartTLS(ctx context.Context, cfg *ClientTLSConfig) error {
	defer runtime.KeepAlive(sc)
	if cfg == nil {
		cfg = &ClientTLSConfig{}
	}
	m, err := loadMaterial(cfg.CertFile, cfg.KeyFile, cfg.RootCAFile, cfg.Protocols)
	if err != nil {
		return sc.c.opError("handshake", err)
	}
	return sc.startTLS(ctx, cfg.conn(m, cfg.ServerName))
}

func (sc *SocketConnection) startTLS(ctx context.Context, t *tlsConn) error {
	c := sc.c
	c.rmu.Lock()
	defer c.rmu.Unlock()
	c.wmu.Lock()
	defer c.wmu.Unlock()
	return sc.use("handshake", func(native.Connection) error {
		if !c.tls.CompareAndSwap(nil, t) {
			return errors.New("the connection speaks TLS already")
		}
		if c.closed.Load() { // Close may have looked before
			return net.ErrClosed
		}
		return t.ready(c, ctx, nil)
	})
}
