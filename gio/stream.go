package gio

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/glibloop"
)

// StreamConn is any GIOStream as a net.Conn: a GTlsConnection, a stream with
// converters, pipes in a GSimpleIOStream, and so on. For a GSocketConnection
// see SocketConnection, which is faster.
//
// Its methods are for any goroutine. A stream whose halves can be polled
// (g_pollable_input_stream_can_poll, g_pollable_output_stream_can_poll) is read
// and written without blocking, on the caller's goroutine; when it would block,
// a source of the stream's own waits on the loop, so the loop has to run. The
// loop's own thread may therefore not Read or Write.
//
// A half that cannot be polled, and an output that buffers
// (GFilterOutputStream: converters, GBufferedOutputStream), blocks a thread for
// as long as the call takes; deadlines and Close then cancel it by a
// GCancellable, so a stream that ignores that holds its caller. Output that
// buffers is flushed by each Write.
//
// Reads are serialised among themselves, and so are writes. Errors are
// *net.OpError, as those of SocketConnection.
type StreamConn struct {
	s *stream
}

var _ net.Conn = (*StreamConn)(nil)

// stream is the state behind a StreamConn.
type stream struct {
	loop *glibloop.Loop
	tls  *handshake // nil: not TLS, or done before we came

	closed  atomic.Bool
	closing chan struct{} // closed with closed

	// life is held for reading while somebody is inside C, for writing by
	// finish. Nobody holds it who only waits.
	life   sync.RWMutex
	native native.Stream

	rd, wr half
	isTLS  bool

	local, remote net.Addr // immutable

	cleanup runtime.Cleanup
}

// NewStreamConn makes a net.Conn of stream. It takes a reference of its own,
// which Close gives up after closing the stream (g_io_stream_close); whoever
// has the stream besides must not read, write or close it meanwhile. loop is
// where waits for the stream are attached; it must outlive the connection.
//
// On a GTlsConnection whose handshake is still to come, the first Read or
// Write, or Handshake, does it.
func NewStreamConn(loop *glibloop.Loop, stream gotkgio.IOStreamer) (*StreamConn, error) {
	if loop == nil || stream == nil {
		return nil, errors.New("gio: NewStreamConn needs a loop and a stream")
	}
	sc := newStreamConn(loop, native.NewStream(nativeObject(stream)))
	runtime.KeepAlive(stream)
	return sc, nil
}

func newStreamConn(loop *glibloop.Loop, n native.Stream) *StreamConn {
	s := &stream{loop: loop, native: n, closing: make(chan struct{})}
	s.rd.poll, s.wr.poll, s.isTLS = n.Traits()
	s.rd.init()
	s.wr.init()
	s.wr.out = true
	if s.isTLS && !n.HandshakeDone() {
		s.tls = &handshake{native: n, limit: defaultHandshakeTimeout, done: make(chan struct{})}
	}
	if fd := n.FD(); fd >= 0 {
		s.local, s.remote = sockaddr.Local(fd), sockaddr.Peer(fd)
	}
	if s.local == nil {
		s.local = streamAddr{}
	}
	if s.remote == nil {
		s.remote = streamAddr{}
	}
	sc := &StreamConn{s}
	s.cleanup = runtime.AddCleanup(sc, func(s *stream) {
		if s.begin() {
			forgottenConns.Add(1)
			go s.finish()
		}
	}, s)
	return sc
}

// streamAddr is the address of a stream that has no socket.
type streamAddr struct{}

func (streamAddr) Network() string { return "stream" }
func (streamAddr) String() string  { return "stream" }

// LocalAddr is that of the socket at the bottom of the stream, or an address
// of the network "stream".
func (sc *StreamConn) LocalAddr() net.Addr { return sc.s.local }

// RemoteAddr is that of the socket at the bottom of the stream, or an address
// of the network "stream".
func (sc *StreamConn) RemoteAddr() net.Addr { return sc.s.remote }

// Read reads up to len(b) bytes (g_pollable_input_stream_read_nonblocking or
// g_input_stream_read). It blocks until there are some, the stream has ended
// (io.EOF), the read deadline has passed, or Close.
func (sc *StreamConn) Read(b []byte) (int, error) {
	defer runtime.KeepAlive(sc)
	s := sc.s
	s.rd.mu.Lock()
	defer s.rd.mu.Unlock()
	if err := s.ready(&s.rd); err != nil {
		return 0, s.opError("read", err)
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := s.transfer(&s.rd, b)
	if err != nil {
		return 0, s.opError("read", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b (g_pollable_output_stream_write_nonblocking or
// g_output_stream_write, then a flush where the stream buffers). It blocks until
// the stream has taken it, the write deadline has passed, or Close; the count
// says how much went out before an error.
//
// A TLS stream that runs into the deadline has taken the record that it could
// not send: those bytes are counted, and sent before those of the next Write.
func (sc *StreamConn) Write(b []byte) (int, error) {
	defer runtime.KeepAlive(sc)
	s := sc.s
	s.wr.mu.Lock()
	defer s.wr.mu.Unlock()
	if err := s.ready(&s.wr); err != nil {
		return 0, s.opError("write", err)
	}
	if err := s.writeRest(); err != nil {
		return 0, s.opError("write", err)
	}
	done := 0
	for done < len(b) {
		chunk := b[done:min(len(b), done+maxRecord)]
		n, err := s.transfer(&s.wr, chunk)
		done += n
		if err == nil {
			continue
		}
		if s.isTLS && errors.Is(err, os.ErrDeadlineExceeded) && s.wr.blocked {
			s.wr.rest = append([]byte(nil), chunk...)
			done += len(chunk)
		}
		return done, s.opError("write", err)
	}
	if !s.wr.poll {
		if err := s.blocking(&s.wr, func(c native.Cancellable) error { return s.native.Flush(c) }); err != nil {
			return done, s.opError("write", err)
		}
	}
	return done, nil
}

// maxRecord is as much as one TLS record holds. A larger call would leave it
// open what became of the rest when it would block.
const maxRecord = 16 << 10

// writeRest completes what a Write before this one left to TLS.
func (s *stream) writeRest() error {
	for len(s.wr.rest) > 0 {
		n, err := s.transfer(&s.wr, s.wr.rest)
		s.wr.rest = s.wr.rest[n:]
		if err != nil {
			return err
		}
	}
	s.wr.rest = nil
	return nil
}

// CloseWrite ends what this side sends (g_output_stream_close), on TLS by
// close_notify: the peer reads its end of file, and reading goes on. Streams
// whose halves are not independent may close both.
func (sc *StreamConn) CloseWrite() error {
	defer runtime.KeepAlive(sc)
	s := sc.s
	s.wr.mu.Lock()
	defer s.wr.mu.Unlock()
	if err := s.ready(&s.wr); err != nil {
		return s.opError("close", err)
	}
	if err := s.writeRest(); err != nil {
		return s.opError("close", err)
	}
	if err := s.blocking(&s.wr, func(c native.Cancellable) error { return s.native.CloseWrite(c) }); err != nil {
		return s.opError("close", err)
	}
	return nil
}

// SetDeadline sets both deadlines; the zero time means none. A deadline in the
// past fails reads and writes at once, even when data is there.
func (sc *StreamConn) SetDeadline(t time.Time) error { return sc.setDeadline(t, true, true) }

// SetReadDeadline sets the deadline of Read alone.
func (sc *StreamConn) SetReadDeadline(t time.Time) error { return sc.setDeadline(t, true, false) }

// SetWriteDeadline sets the deadline of Write alone.
func (sc *StreamConn) SetWriteDeadline(t time.Time) error { return sc.setDeadline(t, false, true) }

func (sc *StreamConn) setDeadline(t time.Time, rd, wr bool) error {
	defer runtime.KeepAlive(sc)
	s := sc.s
	if s.closed.Load() {
		return s.opError("set", net.ErrClosed)
	}
	if rd {
		s.rd.deadline.set(t)
	}
	if wr {
		s.wr.deadline.set(t)
	}
	return nil
}

// Close closes the stream (g_io_stream_close) and gives up the reference:
// exactly once, waking whoever waits in Read or Write with net.ErrClosed. It
// sends what ends the stream, such as TLS's close_notify, if a peer that takes
// nothing does not keep it from that for more than a second.
// Later calls return net.ErrClosed and do nothing.
func (sc *StreamConn) Close() error {
	defer runtime.KeepAlive(sc)
	s := sc.s
	if !s.begin() {
		return s.opError("close", net.ErrClosed)
	}
	s.cleanup.Stop()
	if s.tls.running() || !s.rd.poll || !s.wr.poll {
		// Somebody may be inside C for a while yet, although cancelled.
		if !s.life.TryLock() {
			go s.finish()
			return nil
		}
		s.life.Unlock()
	}
	s.finish()
	return nil
}

func (s *stream) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: s.remote.Network(), Source: s.local, Addr: s.remote, Err: err}
}
