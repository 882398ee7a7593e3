package gio

import (
	"errors"
	"io"
	"net"
	"runtime"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
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
// loop's own thread may therefore not wait in Read or Write: there they are an
// error where they would have to.
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
	s       *giostream.Stream
	cleanup runtime.Cleanup
}

var _ net.Conn = (*StreamConn)(nil)

// NewStreamConn makes a net.Conn of stream. It takes a reference of its own,
// which Close gives up after closing the stream (g_io_stream_close); whoever
// has the stream besides must not read, write or close it meanwhile. loop is
// where waits for the stream are attached; it must outlive the connection.
//
// On a GTlsConnection whose handshake is still to come, the first Read or
// Write does it, when its turn has come: see TLSConfig.MaxHandshakes, of whose 6
// places a server's takes one, and ClientTLSConfig.HandshakeTimeout.
func NewStreamConn(loop *glibloop.Loop, stream gotkgio.IOStreamer) (*StreamConn, error) {
	if loop == nil || stream == nil {
		return nil, errors.New("gio: NewStreamConn needs a loop and a stream")
	}
	sc := newStreamConn(loop, native.NewStream(nativeObject(stream)))
	runtime.KeepAlive(stream)
	return sc, nil
}

func newStreamConn(loop *glibloop.Loop, n native.Stream) *StreamConn {
	sc := &StreamConn{s: giostream.NewStream(loop, n)}
	sc.cleanup = runtime.AddCleanup(sc, func(s *giostream.Stream) {
		if s.Abandon() {
			forgottenConns.Add(1)
		}
	}, sc.s)
	return sc
}

// LocalAddr is that of the socket at the bottom of the stream, or an address
// of the network "stream".
func (sc *StreamConn) LocalAddr() net.Addr { return sc.s.LocalAddr() }

// RemoteAddr is that of the socket at the bottom of the stream, or an address
// of the network "stream".
func (sc *StreamConn) RemoteAddr() net.Addr { return sc.s.RemoteAddr() }

// Read reads up to len(b) bytes (g_pollable_input_stream_read_nonblocking or
// g_input_stream_read). It blocks until there are some, the stream has ended
// (io.EOF), the read deadline has passed, or Close.
func (sc *StreamConn) Read(b []byte) (int, error) {
	defer runtime.KeepAlive(sc)
	n, err := sc.s.Read(b)
	if err != io.EOF {
		err = sc.opError("read", err)
	}
	return n, err
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
	n, err := sc.s.Write(b)
	return n, sc.opError("write", err)
}

// CloseWrite ends what this side sends (g_output_stream_close), on TLS by
// close_notify: the peer reads its end of file, and reading goes on. Streams
// whose halves are not independent may close both.
func (sc *StreamConn) CloseWrite() error {
	defer runtime.KeepAlive(sc)
	return sc.opError("close", sc.s.CloseWrite())
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
	return sc.opError("set", sc.s.SetDeadline(t, rd, wr))
}

// Close closes the stream (g_io_stream_close) and gives up the reference:
// exactly once, waking whoever waits in Read or Write with net.ErrClosed. It
// sends what ends the stream. On TLS that is the end of what was written and
// close_notify: where the peer does not take them at once, that goes on for up to
// a second after Close has returned. A Close that interrupts a Write sends none.
// Later calls return net.ErrClosed and do nothing.
func (sc *StreamConn) Close() error {
	defer runtime.KeepAlive(sc)
	if !sc.s.Close() {
		return sc.opError("close", net.ErrClosed)
	}
	sc.cleanup.Stop()
	return nil
}

// opError is the *net.OpError that every method returns, or nil.
func (sc *StreamConn) opError(op string, err error) error {
	if err == nil {
		return nil
	}
	remote := sc.RemoteAddr()
	return &net.OpError{Op: op, Net: remote.Network(), Source: sc.LocalAddr(), Addr: remote, Err: err}
}
