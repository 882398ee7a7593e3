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

// DefaultHandshakeTimeout keeps a peer that says nothing from holding a connection
// for ever.
const DefaultHandshakeTimeout = 30 * time.Second

// closeTime is what Close gives the last bytes of a stream when it looks as if
// they could go out at once.
const closeTime = time.Second

var zeroTime time.Time

// handshake is that of one TLS stream. It is done on a goroutine of its own,
// with GIO's blocking call, which needs no main loop: who waits for it can
// leave, at a deadline say, and come back.
//
// It has three parts: a server's waits for the ClientHello (hello.go); it waits for
// its turn (gate.go); and GIO does it, holding a thread. The first and the last have
// limit each.
type handshake struct {
	limit time.Duration
	with  handshaking // immutable once begun
	turn  turn

	// calls is held for reading while others than run use what run has, in calls
	// that return at once, for writing by run before that goes. mu is locked under it.
	calls sync.RWMutex

	mu      sync.Mutex // protects what follows; nothing is locked under it
	begun   bool
	over    bool
	closed  bool
	why     error              // why it is to end before it is over
	waiting waiting            // while run waits, or nil
	cancel  native.Cancellable // while it runs
	stream  native.Stream      // from its last part on
	inGIO   time.Time          // when that began
	err     error              // before done

	done chan struct{}
}

func (h *handshake) init(limit time.Duration) {
	h.limit, h.done = limit, make(chan struct{})
	h.turn.number = arrivals.Add(1)
}

// starter gives what the handshake is done with.
type starter func() (handshaking, error)

type handshaking struct {
	stream func() (native.Stream, error) // called once it is the handshake's turn
	after  func()                        // called when it is over
	socket socket                        // at the bottom, good until after; nil: none that is known
	server bool                          // the peer speaks first
	given  func() bool                   // others may have the stream, and read first; nil: never
	of     *Handshakes
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
	if h.begun || h.closed {
		h.mu.Unlock()
		return
	}
	h.begun = true
	h.mu.Unlock()
	with, err := start()
	if err != nil {
		h.finish(err)
		return
	}
	h.with = with
	h.turn.of, h.turn.holder = with.of, h
	cancel := native.NewCancellable()
	h.mu.Lock()
	h.cancel = cancel
	h.mu.Unlock()
	go h.run()
}

// skip is for a stream that has had its handshake before anybody uses it here.
func (h *handshake) skip() {
	h.begun, h.over = true, true
	close(h.done)
}

func (h *handshake) run() {
	err := h.parts()
	h.turn.leave()
	h.mu.Lock()
	h.over = true
	cancel, waiting, why := h.cancel, h.waiting, h.why
	h.cancel, h.waiting = native.Cancellable{}, nil
	h.mu.Unlock()
	h.calls.Lock()   // whoever had one of them is out of it after this
	h.calls.Unlock() //nolint:staticcheck // nothing is protected: this is the wait
	cancel.Unref()
	if waiting != nil {
		waiting.Close()
	}
	if isCancelled(err) && why != nil {
		err = why
	}
	if err != nil {
		err = h.explain(err)
	}
	h.with.after()
	h.finish(err)
}

// finish says how it ended.
func (h *handshake) finish(err error) {
	h.mu.Lock()
	h.err, h.over = err, true
	h.mu.Unlock()
	close(h.done)
}

// parts does one after the other.
func (h *handshake) parts() error {
	if h.with.server && h.with.socket != nil {
		stop := h.limitTime("the peer has sent no whole ClientHello for %v: %w")
		err := h.awaitHello()
		stop()
		if err != nil {
			return err
		}
	}
	if err := h.awaitTurn(); err != nil {
		return err
	}
	defer h.limitTime("not over after %v: %w")()
	stream, err := h.with.stream()
	if err != nil {
		return err
	}
	h.mu.Lock()
	cancel, why := h.cancel, h.why
	h.stream, h.inGIO = stream, time.Now()
	h.mu.Unlock()
	if why != nil {
		return why
	}
	return stream.Handshake(cancel)
}

// limitTime stops the handshake after its time limit, for that reason, until the
// result is called.
func (h *handshake) limitTime(reason string) (end func()) {
	if h.limit <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(h.limit, func() { h.stop(fmt.Errorf(reason, h.limit, os.ErrDeadlineExceeded)) })
	return func() { timer.Stop() }
}

// stop ends the handshake before it is over, for a reason. The first one counts.
func (h *handshake) stop(why error) {
	h.calls.RLock()
	defer h.calls.RUnlock()
	h.mu.Lock()
	if h.why == nil {
		h.why = why
	}
	cancel, waiting := h.cancel, h.waiting
	h.mu.Unlock()
	if cancel.Valid() {
		cancel.Cancel()
	}
	if waiting != nil {
		waiting.Wake()
	}
}

// explain says what was wrong with a certificate, and that it was the
// handshake that failed.
func (h *handshake) explain(err error) error {
	var e *native.Error
	if errors.As(err, &e) && e.Domain == native.TLSDomain && e.Code == native.CodeTLSBadCertificate {
		if flags, purpose := h.stream.CertErrors(); flags != 0 {
			return &CertificateError{Flags: flags, Err: e, purpose: purpose}
		}
	}
	return fmt.Errorf("TLS handshake: %w", err)
}

// interrupt is for Close: it ends the handshake and lets none begin.
func (h *handshake) interrupt(first func()) {
	h.mu.Lock()
	was := h.closed
	h.closed = true
	h.mu.Unlock()
	if was {
		return
	}
	first()
	h.stop(net.ErrClosed)
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

// running tells whether it is in progress: what it needs must stay.
func (h *handshake) running() bool { return h.hasBegun() && !h.finished() }

// hasBegun is final after interrupt. The handshake may be nil.
func (h *handshake) hasBegun() bool {
	if h == nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.begun
}

// closeStream closes a stream that nobody uses. Closing sends what says so, TLS's
// close_notify or the end of compressed data: cancelled is for a stream that must or
// could not send that.
func closeStream(n native.Stream, cancelled bool) {
	if cancelled {
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
