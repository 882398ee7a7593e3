// Package giostream is what GIO puts above a socket, or in its place: TLS over a
// descriptor of package netfd, and any GIOStream. Its errors are bare: net.ErrClosed,
// os.ErrDeadlineExceeded, io.EOF, a *native.Error, a *CertificateError.
package giostream

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/glibloop"
)

// Stream is any GIOStream. Halves that can be polled are read and written without
// blocking, and a source on the loop waits for them; others block a thread, until
// deadlines or Close cancel the call.
type Stream struct {
	loop *glibloop.Loop
	tls  *handshake // nil: not TLS, or done before we came

	closed  atomic.Bool
	closing chan struct{} // closed with closed

	// calls is held for reading while somebody is inside C, for writing by
	// finish. Nobody holds it who only waits.
	calls  sync.RWMutex
	native native.Stream

	rd, wr half
	isTLS  bool
	claims claims // CloseWrite of TLS

	local, remote net.Addr // immutable
}

// NewStream takes n over. loop is where waits for it are attached.
func NewStream(loop *glibloop.Loop, n native.Stream) *Stream {
	s := &Stream{loop: loop, native: n, closing: make(chan struct{})}
	s.rd.poll, s.wr.poll, s.isTLS = n.Traits()
	s.rd.init()
	s.wr.init()
	s.wr.out = true
	if s.isTLS && !n.HandshakeDone() {
		s.tls = &handshake{}
		s.tls.init(DefaultHandshakeTimeout)
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
	return s
}

// streamAddr is the address of a stream that has no socket.
type streamAddr struct{}

func (streamAddr) Network() string { return "stream" }
func (streamAddr) String() string  { return "stream" }

// LocalAddr is that of the socket at the bottom, or an address of the network
// "stream".
func (s *Stream) LocalAddr() net.Addr { return s.local }

// RemoteAddr is that of the peer, or an address of the network "stream".
func (s *Stream) RemoteAddr() net.Addr { return s.remote }

// Read reads up to len(b) bytes and waits until there are some.
func (s *Stream) Read(b []byte) (int, error) {
	s.rd.mu.Lock()
	defer s.rd.mu.Unlock()
	if err := s.ready(&s.rd); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := s.transfer(&s.rd, b)
	if err == nil && n == 0 {
		err = io.EOF
	}
	return n, err
}

// Write writes all of b, or as much as went out before an error.
func (s *Stream) Write(b []byte) (int, error) {
	s.wr.mu.Lock()
	defer s.wr.mu.Unlock()
	if err := s.readyToWrite(); err != nil {
		return 0, err
	}
	done := 0
	for done < len(b) {
		chunk := b[done:min(len(b), done+maxRecord)]
		n, err := s.transfer(&s.wr, chunk)
		done += n
		if err == nil {
			continue
		}
		if s.isTLS && s.wr.blocked {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.wr.rest = append([]byte(nil), chunk...)
				done += len(chunk)
			} else {
				s.wr.cut = true
			}
		}
		return done, err
	}
	if !s.wr.poll {
		return done, s.blocking(&s.wr, func(c native.Cancellable) error { return s.native.Flush(c) })
	}
	return done, nil
}

// maxRecord is as much as one TLS record holds. A larger call would leave it
// open what became of the rest when it would block.
const maxRecord = 16 << 10

// readyToWrite also completes what a Write before this one left to TLS. The caller
// holds wr.mu.
func (s *Stream) readyToWrite() error {
	if err := s.ready(&s.wr); err != nil {
		return err
	}
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

// CloseWrite ends what this side sends.
func (s *Stream) CloseWrite() error {
	s.wr.mu.Lock()
	defer s.wr.mu.Unlock()
	if err := s.readyToWrite(); err != nil {
		return err
	}
	if s.isTLS {
		// While GIO sends close_notify nobody can read: not before there is room.
		if err := s.awaitRoom(); err != nil {
			return err
		}
		defer s.claims.begin()()
	}
	return s.blocking(&s.wr, func(c native.Cancellable) error { return s.native.CloseWrite(c) })
}

// SetDeadline sets the deadline of reads, of writes, or both; the zero time means
// none.
func (s *Stream) SetDeadline(t time.Time, rd, wr bool) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	if rd {
		s.rd.deadline.set(t)
	}
	if wr {
		s.wr.deadline.set(t)
	}
	return nil
}

// Close closes the stream, waking whoever waits; false when somebody else has. It
// does not wait for a thread that is inside a call of GIO's, nor for a peer that
// does not take TLS's end.
func (s *Stream) Close() bool {
	if !s.interrupt() {
		return false
	}
	if s.tls.running() || !s.rd.poll || !s.wr.poll {
		// Somebody may be inside C for a while yet, although cancelled.
		if !s.calls.TryLock() {
			go s.finish()
			return true
		}
		s.calls.Unlock()
	}
	if s.isTLS && !s.native.Writable() {
		go s.finish()
		return true
	}
	s.finish()
	return true
}

// Abandon is Close for whoever must not wait at all.
func (s *Stream) Abandon() bool {
	if !s.interrupt() {
		return false
	}
	go s.finish()
	return true
}
