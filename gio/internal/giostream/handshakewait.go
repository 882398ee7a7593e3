package giostream

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// socket is what a handshake knows of the socket at the bottom.
type socket interface {
	Control(f func(fd int)) error
	Watch() (*netfd.Watch, error)
}

// waiting is where a handshake waits: a *netfd.Watch, or standby. After Wake no Wait
// waits any more.
type waiting interface {
	Wait(f func(fd int) bool) error
	Wake()
	Close()
}

// standby waits for Wake alone. It is no channel: in a bubble of testing/synctest
// nobody outside of that could close one, and the gate is everybody's.
type standby struct {
	mu    sync.RWMutex // locked until Wake
	woken atomic.Bool
}

func newStandby() *standby {
	s := &standby{}
	s.mu.Lock()
	return s
}

func (s *standby) Wait(func(int) bool) error {
	s.mu.RLock()
	s.mu.RUnlock() //nolint:staticcheck // nothing is protected: this is the wait
	return os.ErrDeadlineExceeded
}

func (s *standby) Wake() {
	if s.woken.CompareAndSwap(false, true) {
		s.mu.Unlock()
	}
}

func (s *standby) Close() { s.Wake() }

// place is where to wait from now on, which stop wakes. With no descriptor left it
// sees nothing of the peer.
func (h *handshake) place() (waiting, error) {
	if w := h.waiting; w != nil { // none but this goroutine writes it
		return w, nil
	}
	w := waiting(newStandby())
	if h.with.socket != nil {
		watch, err := h.with.socket.Watch()
		switch {
		case err == nil:
			w = watch
		case errors.Is(err, net.ErrClosed):
			return nil, err
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = w
	return w, h.why // else stop finds it
}

// stopped is why the handshake is to end, or nil.
func (h *handshake) stopped() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.why
}

// awaitHello waits until a whole ClientHello is there. It is an error at once that
// none can come. Where others may read, they may have it already, and even the whole
// handshake: whatever arrives ends the wait then.
func (h *handshake) awaitHello() error {
	whole, err := false, error(nil)
	look := func(fd int) bool {
		if whole = h.with.given != nil && h.with.given(); !whole {
			whole, err = lookForHello(fd)
		}
		return whole || err != nil
	}
	if cerr := h.with.socket.Control(func(fd int) { look(fd) }); cerr != nil {
		return cerr
	}
	if whole || err != nil { // it is nearly always here by now, or nobody is
		return err
	}
	w, werr := h.place()
	if werr != nil {
		return werr
	}
	if _, blind := w.(*standby); blind {
		return nil // GIO waits then, on a thread
	}
	if werr := w.Wait(look); werr != nil {
		return h.because(werr)
	}
	return err
}

// awaitTurn waits until there is a place for the handshake. A peer that goes
// meanwhile needs none.
func (h *handshake) awaitTurn() error {
	if h.turn.enter() {
		return h.stopped()
	}
	w, err := h.place()
	for err == nil && !h.turn.has() {
		if err = w.Wait(netfd.Gone); err == nil {
			return h.hungUp()
		}
		if err == os.ErrDeadlineExceeded {
			if err = h.stopped(); err == nil && !h.turn.has() {
				return net.ErrClosed // nobody else wakes it
			}
		}
	}
	if err != nil {
		return h.because(err)
	}
	if h.with.socket != nil {
		gone := false
		if err := h.with.socket.Control(func(fd int) { gone = netfd.Gone(fd) }); err != nil {
			return err
		}
		if gone {
			return h.hungUp()
		}
	}
	return h.stopped()
}

// because is why the handshake was stopped, or the error with which that came.
func (h *handshake) because(err error) error {
	if why := h.stopped(); why != nil {
		return why
	}
	return err
}

// hungUp says how the peer has gone.
func (h *handshake) hungUp() (err error) {
	_ = h.with.socket.Control(func(fd int) { err = netfd.SocketError(fd) })
	if err == nil {
		err = errHungUp("before its handshake had its turn")
	}
	return err
}

// The methods of a holder of a place.

func (h *handshake) comeIn() {
	h.calls.RLock()
	defer h.calls.RUnlock()
	h.mu.Lock()
	w := h.waiting
	h.mu.Unlock()
	if w != nil { // else it has not begun to wait
		w.Wake()
	}
}

func (h *handshake) silence() time.Duration {
	h.calls.RLock()
	defer h.calls.RUnlock()
	h.mu.Lock()
	stream, since, over := h.stream, h.inGIO, h.over
	h.mu.Unlock()
	if over || since.IsZero() {
		return 0
	}
	if d, ok := stream.HandshakeWaits(); ok {
		return d
	}
	held := time.Since(since)
	if _, quiet, ok := h.roundTrip(); ok {
		return min(quiet, held)
	}
	return held
}

// The least and the most that a handshake may wait for its peer while others wait
// for its place.
const (
	minGrace = 500 * time.Millisecond
	maxGrace = 2 * time.Second
)

func (h *handshake) grace() time.Duration {
	h.calls.RLock()
	defer h.calls.RUnlock()
	grace := maxGrace
	if rtt, _, ok := h.roundTrip(); ok {
		grace = min(max(4*rtt, minGrace), maxGrace)
	}
	return max(grace, time.Duration(leastGrace.Load()))
}

// leastGrace is 0, but in tests.
var leastGrace atomic.Int64

// SetLeastGrace is for tests, which do not want to be in a hurry.
func SetLeastGrace(d time.Duration) { leastGrace.Store(int64(d)) }

// roundTrip is the caller's who holds calls.
func (h *handshake) roundTrip() (rtt, quiet time.Duration, ok bool) {
	if s := h.with.socket; s != nil {
		h.mu.Lock()
		over := h.over
		h.mu.Unlock()
		if !over {
			_ = s.Control(func(fd int) { rtt, quiet, ok = netfd.RoundTrip(fd) })
		}
	}
	return rtt, quiet, ok
}

func (h *handshake) giveUp(silent time.Duration) {
	h.stop(fmt.Errorf("given up, as others wait for their turn and the peer has sent nothing for %v: %w",
		silent.Round(10*time.Millisecond), os.ErrDeadlineExceeded))
}
