package giostream

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// TLS is TLS by GIO over a connected descriptor. It reads and writes in place of the
// plain calls and waits as they do: whenever the TLS stream would block, GIO has
// just had EAGAIN from the socket in that direction, so the edge that the poller
// needs comes. The calls never block and run on the caller's thread: GTlsConnection
// allows one read beside one write, which the descriptor's locks ensure.
type TLS struct {
	fd     *netfd.FD
	hs     handshake
	start  StartTLS
	server bool          // the peer speaks first
	stream native.Stream // once hs was begun

	closing    chan struct{} // closed by Interrupt
	rdl, wdl   deadline      // of the wait for the handshake
	readClosed atomic.Bool   // CloseRead

	// One pending operation each way, under the descriptor's locks. The functions
	// are made once.
	rd, wr transfer
	rest   []byte // what TLS has taken and not yet sent; under Writing's lock
}

// StartTLS puts TLS on a connection.
type StartTLS func(native.Connection) (native.Stream, error)

// transfer is what a direction is busy with.
type transfer struct {
	buf  []byte
	err  error // of the last try
	once netfd.Attempt
}

// result is a try's as the descriptor wants it. An error ends the operation like
// anything that moves nothing.
func (tr *transfer) result(n int, err error) (int64, syscall.Errno) {
	if tr.err = err; err == native.ErrWouldBlock {
		return int64(n), syscall.EAGAIN
	}
	return int64(n), 0
}

// NewTLS makes it without doing anything yet: start is called by what comes first,
// Handshake, Read or Write. A handshake may take as long as limit if that is not 0.
// The peer of a server speaks first.
func NewTLS(fd *netfd.FD, limit time.Duration, server bool, start StartTLS) *TLS {
	t := &TLS{fd: fd, start: start, server: server, closing: make(chan struct{})}
	t.hs.limit, t.hs.done = limit, make(chan struct{})
	t.rd.once, t.wr.once = t.tryRead, t.tryWrite
	return t
}

// AdoptTLS is TLS that somebody else has put on the connection: it takes stream over,
// and does the handshake only if that is still to come.
func AdoptTLS(fd *netfd.FD, stream native.Stream) *TLS {
	t := NewTLS(fd, DefaultHandshakeTimeout, false, nil)
	t.stream = stream
	if stream.HandshakeDone() {
		t.hs.skip()
	}
	return t
}

// Stream is the GTlsConnection, for others to have: it is made if there is none,
// without the handshake. The caller holds a reference to the descriptor, as long as
// which the result is good.
func (t *TLS) Stream() (native.Stream, error) {
	t.hs.mu.Lock()
	defer t.hs.mu.Unlock()
	if t.hs.closed {
		return native.Stream{}, net.ErrClosed
	}
	err := t.make()
	return t.stream, err
}

// make puts TLS on the socket, unless that is done. The caller holds the handshake's
// lock.
func (t *TLS) make() error {
	if t.stream.Valid() {
		return nil
	}
	n, err := t.fd.Objects()
	if err != nil {
		return err
	}
	t.stream, err = t.start(n)
	return err
}

// Handshake waits for the handshake, and begins it if nobody has. It goes on when
// ctx, which may be nil, ends first. The caller holds a reference to the descriptor.
func (t *TLS) Handshake(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	return t.ready(ctx, nil)
}

// ready waits for the handshake. The caller holds a reference to the descriptor.
func (t *TLS) ready(ctx context.Context, d *deadline) error {
	if t.hs.finished() { // nearly always
		return t.hs.err
	}
	var expired <-chan struct{}
	if d != nil {
		expired = d.done()
	}
	return t.hs.wait(ctx, t.begin, expired, t.closing)
}

// begin puts TLS on the socket, for the handshake.
func (t *TLS) begin() (with handshaking, err error) {
	err = t.make()
	with.stream, with.after = t.stream, func() {}
	if t.server {
		if raw, err := t.fd.RawConn(); err == nil {
			with.listen = func() { _ = raw.Read(hasArrived) }
			// After its time limit the connection is of no use anyway.
			with.wake = func() { _ = t.fd.SetDeadline(time.Unix(1, 0), true, false) }
		}
	}
	return with, err
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

// Read reads what was decrypted. The caller holds Reading's lock.
func (t *TLS) Read(b []byte) (int, error) {
	if err := t.ready(context.Background(), &t.rdl); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	t.rd.buf, t.rd.err = b, nil
	n, err := t.fd.Run(netfd.Reading, 1, t.rd.once)
	t.rd.buf = nil
	switch {
	case err != nil:
		return 0, err
	case t.rd.err != nil && t.readClosed.Load():
		return 0, io.EOF
	case t.rd.err != nil:
		return 0, t.rd.err
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

func (t *TLS) tryRead(int64) (int64, syscall.Errno) {
	return t.rd.result(t.stream.Read(t.rd.buf, native.Cancellable{}))
}

// Write encrypts and writes all of b. The caller holds Writing's lock.
func (t *TLS) Write(b []byte) (int, error) {
	if err := t.readyToWrite(); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := t.send(b)
	if errors.Is(err, os.ErrDeadlineExceeded) && t.wr.err == native.ErrWouldBlock {
		// TLS has made a record of this and will send that, whatever is written
		// next: it counts as written.
		left := b[n:]
		t.rest = append([]byte(nil), left[:min(len(left), maxRecord)]...)
		n += len(t.rest)
	}
	return n, err
}

// readyToWrite waits for the handshake and completes what a Write before this one
// left to TLS.
func (t *TLS) readyToWrite() error {
	err := t.ready(context.Background(), &t.wdl)
	if err == nil && len(t.rest) > 0 {
		var n int
		n, err = t.send(t.rest)
		t.rest = t.rest[n:]
	}
	return err
}

func (t *TLS) send(b []byte) (int, error) {
	t.wr.buf, t.wr.err = b, nil
	n, err := t.fd.Run(netfd.Writing, int64(len(b)), t.wr.once)
	t.wr.buf = nil
	if err == nil {
		err = t.wr.err
	}
	return int(n), err
}

func (t *TLS) tryWrite(done int64) (int64, syscall.Errno) {
	b := t.wr.buf[done:]
	return t.wr.result(t.stream.Write(b[:min(len(b), maxRecord)], native.Cancellable{}))
}

// CloseRead has Read return the end of file once the socket is shut down.
func (t *TLS) CloseRead() { t.readClosed.Store(true) }

// CloseWrite sends close_notify: the peer reads its end of file. The caller holds
// Writing's lock.
func (t *TLS) CloseWrite() error {
	err := t.readyToWrite()
	if err == nil {
		// GIO's call blocks: not before there is room.
		_, err = t.fd.Run(netfd.Writing, 1, func(int64) (int64, syscall.Errno) {
			if t.stream.Writable() {
				return 1, 0
			}
			return 0, syscall.EAGAIN
		})
	}
	if err != nil {
		return err
	}
	return withTimeout(t.stream.CloseWrite)
}

// Facts tells what the handshake agreed on; false when it is not over, or has
// failed. The caller holds a reference to the descriptor.
func (t *TLS) Facts() (native.TLSFacts, bool) {
	if t == nil || !t.hs.finished() || t.hs.err != nil {
		return native.TLSFacts{}, false
	}
	return t.stream.TLSFacts(), true
}

// SetDeadline is for waits for the handshake: later ones are the descriptor's. Like
// the next two methods it does nothing to nil, which is no TLS.
func (t *TLS) SetDeadline(at time.Time, rd, wr bool) {
	if t == nil || t.hs.finished() {
		return
	}
	if rd {
		t.rdl.set(at)
	}
	if wr {
		t.wdl.set(at)
	}
}

// Interrupt is for Close: it wakes who waits for the handshake, and ends that.
func (t *TLS) Interrupt() {
	if t != nil {
		t.hs.interrupt(func() { close(t.closing) })
	}
}

// Begun tells whether TLS was put on the socket.
func (t *TLS) Begun() bool { return t != nil && t.stream.Valid() }

// End closes TLS and then the connection below, whose reference it takes over: when
// the handshake is over, if it is in progress. Nobody uses the descriptor any more.
// With closeStream false it gives up the references alone. So it does with outer, the
// connection that others have the plain text from, if there is one.
func (t *TLS) End(below, outer native.Connection, closeStream bool) {
	t.rdl.set(zeroTime)
	t.wdl.set(zeroTime)
	if !t.hs.running() {
		t.endNow(below, outer, closeStream)
		return
	}
	go func() {
		<-t.hs.done
		t.endNow(below, outer, closeStream)
	}()
}

func (t *TLS) endNow(below, outer native.Connection, close bool) {
	if t.stream.Valid() {
		if close {
			closeStream(t.stream, false)
		}
		t.stream.Free()
	}
	for _, n := range []native.Connection{below, outer} {
		switch {
		case !n.Valid():
		case close:
			n.Close()
		default:
			n.Unref()
		}
	}
}
