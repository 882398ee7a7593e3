package peer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// places is how many authentications may be in progress.
	places = 4

	// tick is how often somebody looks at them while others wait, and patience how many
	// ticks each has then. A tick that comes late counts as one: the machine is busy.
	tick     = 100 * time.Millisecond
	patience = 6
)

var errTooSlow = errors.New("others wait, and the authentication takes too long")

// turns bounds the authentications in progress. Who came last has its turn first: those
// who have waited long stall, or have mostly gone. While others wait, who takes too long
// loses the turn. The zero value is ready for use.
type turns struct {
	mu      sync.Mutex // protects what follows and the turns; nothing is locked under it
	held    []*turn
	waiting []*turn // by number
	ticking bool
}

// turn is the place of an authentication, or its wait for one.
type turn struct {
	all    *turns
	number uint64                  // in the order of arrival
	wake   func()                  // it has its place
	giveUp context.CancelCauseFunc // it has to give it up
	ticks  int                     // that it has had the place while others waited
}

// enter takes a place, or waits for one. Both end with leave.
func (ts *turns) enter(number uint64, wake func(), giveUp context.CancelCauseFunc) *turn {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := &turn{all: ts, number: number, wake: wake, giveUp: giveUp}
	if len(ts.held) < places {
		ts.held = append(ts.held, t)
		return t
	}
	at, _ := slices.BinarySearchFunc(ts.waiting, t, func(a, b *turn) int { return cmp.Compare(a.number, b.number) })
	ts.waiting = slices.Insert(ts.waiting, at, t)
	if !ts.ticking {
		ts.ticking = true
		time.AfterFunc(tick, ts.look)
	}
	return t
}

// has tells whether it has its place.
func (t *turn) has() bool {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	return slices.Contains(t.all.held, t)
}

// leave ends it, in whichever state.
func (t *turn) leave() {
	ts := t.all
	ts.mu.Lock()
	drop := func(o *turn) bool { return o == t }
	ts.held, ts.waiting = slices.DeleteFunc(ts.held, drop), slices.DeleteFunc(ts.waiting, drop)
	var next *turn
	if n := len(ts.waiting); n > 0 && len(ts.held) < places {
		next = ts.waiting[n-1]
		ts.waiting = slices.Delete(ts.waiting, n-1, n)
		ts.held = append(ts.held, next)
	}
	ts.mu.Unlock()
	if next != nil {
		next.wake()
	}
}

// look ends those that take too long.
func (ts *turns) look() {
	ts.mu.Lock()
	var slow []*turn
	for _, t := range ts.held {
		if t.ticks++; t.ticks == patience && len(slow) < len(ts.waiting) {
			slow = append(slow, t)
		} else if t.ticks == patience {
			t.ticks-- // the next time
		}
	}
	if ts.ticking = len(ts.waiting) > 0; ts.ticking {
		time.AfterFunc(tick, ts.look)
	}
	ts.mu.Unlock()
	for _, t := range slow {
		t.giveUp(errTooSlow)
	}
}
