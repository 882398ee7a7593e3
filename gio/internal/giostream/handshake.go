package giostream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// DefaultHandshakeTimeout keeps a peer that says nothing from holding threads
// for ever: GIO does every handshake on one of a limited number.
const DefaultHandshakeTimeout = 30 * time.Second

// closeTime is what Close gives the last bytes of a stream when it looks as if
// they could go out at once.
const closeTime = time.Second

var zeroTime time.Time

// handshake is that of one TLS stream. It is done on a goroutine of its own,
// with GIO's blocking call, which needs no main loop: who waits for it can
// leave, at a deadline say, and come back.
type handshake struct {
	stream native.Stream // immutable once begun
	limit  time.Duration

	mu     sync.Mutex // protects what follows
	begun  bool
	over   bool
	closed bool
	cancel native.Cancellable // while it runs
	err    error              // before done

	done chan struct{}
}

// starter gives what the handshake is done with.
type starter func() (handshaking, error)

type handshaking struct {
	stream native.Stream
	after  func() // called when it is over

	// listen waits until the peer has said something or wake is called: who is
	// silent costs no thread. Both may be nil.
	listen, wake func()
}

// wait starts the handshake, once, and waits for its end.
func (h *handshake) wait(ctx context.Context, start starter, deadline, closing <-chan struct{}) error {
	select {
	case <-h.done: // nearly always
		return h.err
	default:
	}
	h.begin(start)
	select {
	case <-h.done:
		return h.err
	case <-deadline:
		return os.ErrDeadlineExceeded
	case <-closing:
		return net.ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (h *handshake) begin(start starter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.begun || h.closed {
		return
	}
	h.begun = true
	with, err := start()
	if err != nil {
		h.err, h.over = err, true
		close(h.done)
		return
	}
	h.stream = with.stream
	h.cancel = native.NewCancellable()
	go h.run(with)
}

// skip is for a stream that has had its handshake before anybody uses it here.
func (h *handshake) skip() {
	h.begun, h.over = true, true
	close(h.done)
}

func (h *handshake) run(with handshaking) {
	if h.limit > 0 {
		timer := time.AfterFunc(h.limit, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.cancel.Valid() {
				h.cancel.Cancel()
				if with.wake != nil {
					with.wake()
				}
			}
		})
		defer timer.Stop()
	}
	if with.listen != nil {
		with.listen()
	}
	err := h.stream.Handshake(h.cancel)
	h.mu.Lock()
	switch {
	case err == nil:
	case isCancelled(err) && !h.closed:
		err = fmt.Errorf("TLS handshake: not over after %v: %w", h.limit, os.ErrDeadlineExceeded)
	default:
		err = h.explain(err)
	}
	h.err, h.over = err, true
	h.cancel.Unref()
	h.cancel = native.Cancellable{}
	h.mu.Unlock()
	with.after()
	close(h.done)
}

// explain says what was wrong with a certificate, and that it was the
// handshake that failed.
func (h *handshake) explain(err error) error {
	var e *native.Error
	if errors.As(err, &e) && e.Domain == native.TLSDomain && e.Code == native.CodeTLSBadCertificate {
		if flags := h.stream.CertErrors(); flags != 0 {
			return &CertificateError{Flags: flags, Err: e}
		}
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

// interrupt is for Close: it ends the handshake and lets none begin.
func (h *handshake) interrupt(first func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	first()
	if h.cancel.Valid() {
		h.cancel.Cancel()
	}
}

// finished tells whether it is over; err is final then.
func (h *handshake) finished() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// running tells whether somebody is inside GIO's handshake.
func (h *handshake) running() bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun && !h.over
}

// closeStream closes a stream that nobody uses. Closing sends what says so, TLS's
// close_notify or the end of compressed data: cancelled is for a stream that could
// not send that.
func closeStream(n native.Stream, cancelled bool) {
	if cancelled || !n.Writable() { // a peer that takes nothing hears nothing of it
		c := native.NewCancellable()
		c.Cancel()
		_ = n.Close(c)
		c.Unref()
		return
	}
	_ = withTimeout(n.Close)
}

// withTimeout runs f, which blocks, for closeTime at most.
func withTimeout(f func(native.Cancellable) error) error {
	c := native.NewCancellable()
	defer c.Unref()
	cancelled := make(chan struct{})
	timer := time.AfterFunc(closeTime, func() {
		c.Cancel()
		close(cancelled)
	})
	err := f(c)
	if !timer.Stop() {
		<-cancelled // it uses c
	}
	return err
}
