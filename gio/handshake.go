package gio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// defaultHandshakeTimeout keeps a peer that says nothing from holding threads
// for ever: GIO does every handshake on one of a limited number.
const defaultHandshakeTimeout = 30 * time.Second

// goodbyeTime is what Close gives the last bytes of a stream when it looks as if
// they could go out at once.
const goodbyeTime = time.Second

var zeroTime time.Time

// handshake is that of one TLS stream. It is done on a goroutine of its own,
// with GIO's blocking call, which needs no main loop: who waits for it can
// leave, at a deadline say, and come back.
type handshake struct {
	native native.Stream // immutable once begun
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
	native native.Stream
	after  func() // called when it is over

	// listen waits until the peer has said something or wake is called: who is
	// silent costs no thread. Both may be nil.
	listen, wake func()
}

// wait starts the handshake, once, and waits for its end.
func (h *handshake) wait(start starter, ctx context.Context, deadline, closing <-chan struct{}) error {
	select {
	case <-h.done: // nearly always
		return h.err
	default:
	}
	h.begin(start)
	var cancelled <-chan struct{}
	if ctx != nil {
		cancelled = ctx.Done()
	}
	select {
	case <-h.done:
		return h.err
	case <-deadline:
		return os.ErrDeadlineExceeded
	case <-closing:
		return net.ErrClosed
	case <-cancelled:
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
	h.native = with.native
	h.cancel = native.NewCancellable()
	go h.run(with)
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
	err := h.native.Handshake(h.cancel)
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
	var e *Error
	if errors.As(err, &e) && e.Domain == native.TLSDomain && e.Code == native.CodeTLSBadCertificate {
		if flags := h.native.CertErrors(); flags != 0 {
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
// close_notify or the end of compressed data: stuck is for a stream that could
// not send that.
func closeStream(n native.Stream, stuck bool) {
	if stuck || !n.Writable() { // a peer that takes nothing hears no goodbye
		c := native.NewCancellable()
		c.Cancel()
		_ = n.Close(c)
		c.Unref()
		return
	}
	_ = briefly(n.Close)
}

// briefly runs f, which blocks, for goodbyeTime at most.
func briefly(f func(native.Cancellable) error) error {
	c := native.NewCancellable()
	defer c.Unref()
	cancelled := make(chan struct{})
	timer := time.AfterFunc(goodbyeTime, func() {
		c.Cancel()
		close(cancelled)
	})
	err := f(c)
	if !timer.Stop() {
		<-cancelled // it uses c
	}
	return err
}

// CertificateError is why a TLS handshake failed: the certificate of the peer,
// and what GIO has against it. It unwraps to the *Error of the domain
// "g-tls-error-quark".
type CertificateError struct {
	Flags gotkgio.TLSCertificateFlags // at least one; not all that could be said
	Err   *Error
}

// Error names the reasons.
func (e *CertificateError) Error() string {
	var why []string
	for _, f := range certificateFaults {
		if e.Flags&f.flag != 0 {
			why = append(why, f.text)
		}
	}
	if len(why) == 0 {
		return "TLS handshake: " + e.Err.Message
	}
	return "TLS handshake: " + e.Err.Message + ": it " + strings.Join(why, ", and ")
}

// Unwrap returns the error as GIO reported it.
func (e *CertificateError) Unwrap() error { return e.Err }

var certificateFaults = []struct {
	flag gotkgio.TLSCertificateFlags
	text string
}{
	{gotkgio.TLSCertificateUnknownCa, "is signed by an unknown authority (CA)"},
	{gotkgio.TLSCertificateBadIdentity, "is for another name than that of the server (bad identity)"},
	{gotkgio.TLSCertificateNotActivated, "is not valid yet"},
	{gotkgio.TLSCertificateExpired, "has expired"},
	{gotkgio.TLSCertificateRevoked, "has been revoked"},
	{gotkgio.TLSCertificateInsecure, "uses an insecure algorithm"},
	{gotkgio.TLSCertificateGenericError, "failed a check"},
}
