package gio

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Stats is what a service is doing, see SocketService.Stats. It prints itself as
// one line, and as a group of attributes with log/slog.
type Stats struct {
	// Accepted is how many clients have been accepted since the service was made,
	// by GIO or in its place: also those whom no handler took, whom a handler of other
	// code took, or whose TLS handshake failed.
	Accepted uint64

	// Open is how many connections the library holds for the service: pending ones,
	// and those that Serve, Conns, Accept or a handler in Go has got and not closed,
	// also detached ones. It is what ServiceConfig.MaxConns bounds.
	Open int

	// Handling is how many handlers of Serve and of "run" are in progress.
	Handling int

	// Pending is how many clients were accepted and nobody has asked for yet. Clients
	// that wait in the kernel are not in it.
	Pending int

	// Active is what SocketService.IsActive tells.
	Active bool

	// Paused is why the library accepts nobody now, in words for a person, each reason
	// that holds; empty when it accepts. A reason may come and go in a moment, as with
	// Accept and NetListener between two calls. The wording may change.
	Paused []string
}

// Stats tells what the service is doing. It never waits for the loop, on whichever
// thread it is called, and costs less than a microsecond. While clients come and go
// its numbers are each right, but not of the same instant. After Close, Accepted is
// what it was, and Open counts what is left of detached connections.
func (s *SocketService) Stats() Stats {
	l := s.l
	var st Stats
	st.Pending = l.queue.pendingCount()
	st.Open, st.Handling = l.conns.counts()
	st.Accepted = l.accepted.total(l.native) // last: no less than are open
	st.Active = l.active.Load()
	st.Paused = l.pausedWords()
	return st
}

// String is one line for a log.
func (s Stats) String() string {
	state := "inactive"
	if s.Active {
		state = "active"
	}
	line := fmt.Sprintf("accepted %d, open %d, handling %d, pending %d, %s", s.Accepted, s.Open, s.Handling, s.Pending, state)
	if len(s.Paused) > 0 {
		line += "; paused: " + strings.Join(s.Paused, "; ")
	}
	return line
}

// LogValue is a group of attributes.
func (s Stats) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("accepted", s.Accepted),
		slog.Int("open", s.Open),
		slog.Int("handling", s.Handling),
		slog.Int("pending", s.Pending),
		slog.Bool("active", s.Active),
	}
	if len(s.Paused) > 0 {
		attrs = append(attrs, slog.String("paused", strings.Join(s.Paused, "; ")))
	}
	return slog.GroupValue(attrs...)
}

var (
	_ fmt.Stringer   = Stats{}
	_ slog.LogValuer = Stats{}
)

// pausedWords follows from the same state as wanted, and from what makes the accept
// loops of direct mode wait; for any goroutine.
func (l *listener) pausedWords() (why []string) {
	if l.life.closed.Load() {
		return []string{"closed"}
	}
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	select {
	case <-l.loop.Done():
		say("the loop has ended")
	default:
	}
	if !l.active.Load() {
		if l.started.Load() {
			say("inactive: Stop was called")
		} else {
			say("inactive: Start was not called")
		}
	}
	if l.addrs.first() == nil {
		say("no address")
	}
	consumed, pending := l.queue.state()
	seen := l.observed()
	switch {
	case !consumed && !seen && l.signals.blocked():
		say("nobody takes clients: every handler is blocked, and Serve, Accept or Conns is not running")
	case !consumed && !seen:
		say("nobody takes clients: no handler, and Serve, Accept or Conns is not running")
	case pending && consumed, l.mode.direct.Load() != nil && l.queue.wants() == 0:
		say("nobody asks for the next client: Accept or Conns is not waiting")
	}
	if open, _ := l.conns.counts(); l.conns.limit > 0 && open >= l.conns.limit {
		say("MaxConns: %d of %d are open", open, l.conns.limit)
	}
	if busy := l.workers.busy.Load(); l.workers.limit > 0 && busy >= int64(l.workers.limit) {
		say("every worker of max-threads is busy: %d of %d", busy, l.workers.limit)
	}
	if l.mode.short.Load() {
		say("file descriptors are short, or accept fails")
	}
	return why
}

// acceptCount is how many clients were accepted.
type acceptCount struct {
	direct atomic.Uint64 // by the accept loops

	mu    sync.Mutex // protects what follows; see listener for the order
	ended bool       // the GObject may be gone, and with it
	byGIO uint64     // what it counted
}

func (a *acceptCount) total(n native.Listener) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.ended {
		a.byGIO = n.Emitted()
	}
	return a.direct.Load() + a.byGIO
}

// end is for closing, before n is closed.
func (a *acceptCount) end(n native.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended, a.byGIO = true, n.Emitted()
}
