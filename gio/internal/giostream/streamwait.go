package giostream

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/glibloop"
)

var errOnLoop = errors.New("on the loop's own thread it would wait for itself: call it on another goroutine")

// half is one direction of a stream.
type half struct {
	mu       sync.Mutex // one operation at a time, whole; protects rest, blocked and cut
	out      bool
	poll     bool // never blocks in C
	deadline deadline

	id    uint64 // in native.Streams
	ready readiness

	rest    []byte // what TLS has taken and not yet sent
	blocked bool   // the last transfer would have blocked
	cut     bool   // Close came in the middle of a Write

	cancelled atomic.Bool // a blocking call was cancelled

	cancelMu sync.Mutex         // protects cancel
	cancel   native.Cancellable // of the blocking call in progress
}

func (h *half) init() {
	h.deadline.expire = h.interrupt
	if h.poll {
		h.ready = make(readiness, 1)
		h.id = native.Streams.Add(h.ready)
	}
}

// readiness is of capacity 1 and holds a token when a stream may be ready.
type readiness chan struct{}

// StreamReady is called on the loop's thread.
func (r readiness) StreamReady() {
	select {
	case r <- struct{}{}:
	default:
	}
}

// interrupt ends a blocking call.
func (h *half) interrupt() {
	h.cancelMu.Lock()
	defer h.cancelMu.Unlock()
	if h.cancel.Valid() {
		h.cancel.Cancel()
	}
}

// ready waits for the handshake, if there is one, and refuses when the stream
// is closed or the deadline has passed.
func (s *Stream) ready(h *half) error {
	if s.closed.Load() {
		return net.ErrClosed
	}
	if h.deadline.passed() {
		return os.ErrDeadlineExceeded
	}
	if s.tls == nil {
		return nil
	}
	return s.tls.wait(context.Background(), s.startHandshake, h.deadline.done(), s.closing)
}

// startHandshake has the handshake hold calls until it is over.
func (s *Stream) startHandshake() (handshaking, error) {
	s.calls.RLock()
	if s.closed.Load() {
		s.calls.RUnlock()
		return handshaking{}, net.ErrClosed
	}
	stream := func() (native.Stream, error) { return s.native, nil }
	with := handshaking{stream: stream, after: s.calls.RUnlock, of: clientHandshakes}
	if s.native.IsTLSServer() {
		with.server, with.of = true, streamHandshakes
	}
	if fd := s.native.FD(); fd >= 0 {
		with.socket = streamSocket(fd)
	}
	return with, nil
}

// streamSocket is the socket at the bottom of a stream, as long as somebody holds its
// calls.
type streamSocket int

func (fd streamSocket) Control(f func(fd int)) error {
	f(int(fd))
	return nil
}

func (fd streamSocket) Watch() (*netfd.Watch, error) { return netfd.NewWatch(int(fd)) }

// transfer reads into b or writes some of it. The caller holds h.mu.
func (s *Stream) transfer(h *half, b []byte) (n int, err error) {
	op := s.native.Read
	if h.out {
		op = s.native.Write
	}
	h.blocked = false
	if !h.poll {
		err = s.blocking(h, func(c native.Cancellable) error {
			n, err = op(b, c)
			return err
		})
		return n, err
	}
	for {
		before := s.claims.now()
		var watch native.Watch
		over, claimed := (<-chan struct{})(nil), false
		err := s.use(func() (err error) {
			n, err = op(b, native.Cancellable{})
			if err == native.ErrRefused {
				err = native.ErrWouldBlock
			}
			if h.blocked = err == native.ErrWouldBlock; !h.blocked {
				return err
			}
			if over, claimed = s.claims.since(before); claimed {
				h.blocked = false // nothing was taken
				return err
			}
			if s.loop.OnLoop() { // the watch would be dispatched by its own waiter
				return errOnLoop
			}
			watch = s.native.Watch(h.out, s.loop, h.id)
			return err
		})
		switch {
		case err != native.ErrWouldBlock:
			return n, err
		case claimed:
			err = s.await(h, over)
		default:
			err = s.await(h, h.ready)
			watch.End()
		}
		if err != nil {
			return 0, err
		}
	}
}

// awaitRoom waits until a few bytes go out at once. The caller holds wr.mu.
func (s *Stream) awaitRoom() error {
	for s.wr.poll {
		var watch native.Watch
		room := false
		err := s.use(func() error {
			if room = s.native.Writable(); room {
				return nil
			}
			if s.loop.OnLoop() {
				return errOnLoop
			}
			watch = s.native.Watch(true, s.loop, s.wr.id)
			return nil
		})
		if room || err != nil {
			return err
		}
		err = s.await(&s.wr, s.wr.ready)
		watch.End()
		if err != nil {
			return err
		}
	}
	return nil
}

// await waits for what is to happen, or returns why nobody waits for it any more.
// nil has happened already.
func (s *Stream) await(h *half, what <-chan struct{}) error {
	if what != nil {
		select {
		case <-what:
		case <-h.deadline.done():
			return os.ErrDeadlineExceeded
		case <-s.closing:
			return net.ErrClosed
		case <-s.loop.Done():
			return glibloop.ErrStopped
		}
	}
	// A deadline in the past fails even when there is data.
	if h.deadline.passed() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// use runs f, which does not wait, while the stream is alive.
func (s *Stream) use(f func() error) error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if s.closed.Load() {
		return net.ErrClosed
	}
	return f()
}

// blocking runs f until the deadline or Close cancels it.
func (s *Stream) blocking(h *half, f func(native.Cancellable) error) error {
	for {
		c := native.NewCancellable()
		h.cancelMu.Lock()
		h.cancel = c
		h.cancelMu.Unlock()
		var err error
		switch {
		case s.closed.Load():
			err = net.ErrClosed
		case h.deadline.passed():
			err = os.ErrDeadlineExceeded
		default:
			err = s.use(func() error { return f(c) })
			h.cancelled.Store(isCancelled(err))
		}
		h.cancelMu.Lock()
		h.cancel = native.Cancellable{}
		h.cancelMu.Unlock()
		c.Unref()
		if !isCancelled(err) {
			return err
		}
		switch {
		case s.closed.Load():
			return net.ErrClosed
		case h.deadline.passed():
			return os.ErrDeadlineExceeded
		}
		// A deadline that has been replaced since.
	}
}

func isCancelled(err error) bool {
	e, ok := err.(*native.Error)
	return ok && e.Domain == native.IODomain && e.Code == native.CodeCancelled
}

// interrupt makes the stream unusable and wakes everybody; false when that was
// done before.
func (s *Stream) interrupt() bool {
	if !s.closed.CompareAndSwap(false, true) {
		return false
	}
	close(s.closing)
	s.rd.interrupt()
	s.wr.interrupt()
	if s.tls != nil {
		s.tls.interrupt(func() {})
	}
	return true
}

// finish closes the stream once nobody is inside C.
func (s *Stream) finish() {
	s.wr.mu.Lock() // who writes has been woken
	defer s.wr.mu.Unlock()
	s.calls.Lock()
	defer s.calls.Unlock()
	for _, h := range []*half{&s.rd, &s.wr} {
		h.deadline.set(zeroTime)
		if h.id != 0 {
			native.Streams.Remove(h.id)
		}
	}
	cancelled := s.wr.cancelled.Load()
	switch {
	case !s.isTLS: // a peer that takes nothing hears nothing of the end
		cancelled = cancelled || !s.native.Writable()
	case s.wr.cut:
		cancelled = true
	case !cancelled && s.rd.poll && (s.tls == nil || s.tls.finished() && s.tls.err == nil):
		// In two steps, for what the peer has sent and nobody reads: see discard.
		_ = withTimeout(s.native.CloseWrite)
		_, _ = s.native.Read(make([]byte, 1), native.Cancellable{})
	}
	closeStream(s.native, cancelled)
	s.native.Free()
}
