package giostream

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// GIO does a TLS handshake on a thread of GTask's pool, of which there are 10 for the
// process, its resolver and much else of GIO included; the pool grows slowly. Servers'
// handshakes and clients' together leave one to the others.
const (
	serverPlaces = 6
	clientPlaces = 3
)

var (
	serverGate = newGate(serverPlaces)
	clientGate = newGate(clientPlaces)

	clientHandshakes = clientGate.share(0)
	streamHandshakes = serverGate.share(0) // of streams that no service has
)

// Handshakes are those of one service, or of others that share its limit.
type Handshakes struct {
	gate  *gate
	limit int
	own   int // of its places, those that nobody else may have

	// Under gate.mu.
	running int
	owned   int     // of those, the ones in places of its own
	waiting []*turn // by number
}

// NewHandshakes is for a service that may have limit handshakes in progress at a time;
// 0 is a good number. What a larger one has beyond that is this service's alone.
func NewHandshakes(limit int) *Handshakes { return serverGate.share(limit) }

// gate bounds the handshakes in progress. Those that wait come in when there is a
// place, the latest connection first: behind hundreds of peers that never go on, those
// who have come long ago have mostly lost their patience, and who has just come has not.
// One place in four is for the oldest, so that nobody waits for ever.
//
// While others wait, who holds a place and waits for its peer in vain loses it.
type gate struct {
	places int

	mu      sync.Mutex               // protects what follows; nothing is locked under it
	shared  int                      // handshakes in progress in the places of all
	queues  map[*Handshakes]struct{} // in which somebody waits
	holders map[*turn]struct{}
	given   uint64 // places given to who waited
	ticking bool
}

func newGate(places int) *gate {
	return &gate{places: places, queues: map[*Handshakes]struct{}{}, holders: map[*turn]struct{}{}}
}

func (g *gate) share(limit int) *Handshakes {
	if limit <= 0 {
		limit = g.places
	}
	return &Handshakes{gate: g, limit: limit, own: max(limit-g.places, 0)}
}

// arrivals numbers the connections.
var arrivals atomic.Uint64

// turn is the place of a handshake, or its wait for one.
type turn struct {
	of     *Handshakes
	holder holder
	number uint64 // of the connection, in the order of arrival

	// Under gate.mu.
	waits   bool
	held    bool
	owned   bool // in a place of its service's own
	givenUp bool

	// For who looks, which is one goroutine at a time.
	still, total time.Duration
}

// holder is the handshake that has a turn. Its methods are called without a lock, also
// when it is over already.
type holder interface {
	comeIn()                     // the turn has its place; not called when it had one at once
	silence() time.Duration      // for how long it has waited for the peer now; 0: it does not
	grace() time.Duration        // how long it may
	giveUp(silent time.Duration) // the place is needed
}

// enter takes a place, or a place in the queue. Both end with leave.
func (t *turn) enter() (held bool) {
	g := t.of.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.room(t.of) {
		g.give(t)
		return true
	}
	at, _ := slices.BinarySearchFunc(t.of.waiting, t, byNumber)
	t.of.waiting = slices.Insert(t.of.waiting, at, t)
	t.waits = true
	g.queues[t.of] = struct{}{}
	// A timer of a bubble of testing/synctest ends with that.
	if !g.ticking && !native.InBubble(time.Now()) {
		g.ticking = true
		began := time.Now()
		time.AfterFunc(gateTick, func() { g.tick(began, began) })
	}
	return false
}

// has tells whether it has its place.
func (t *turn) has() bool {
	g := t.of.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	return t.held
}

// leave ends it, in whichever state.
func (t *turn) leave() {
	g := t.of.gate
	g.mu.Lock()
	g.remove(t)
	if t.held {
		t.held = false
		delete(g.holders, t)
		t.of.running--
		if t.owned {
			t.of.owned--
		} else {
			g.shared--
		}
	}
	var in []*turn
	for next := g.next(); next != nil; next = g.next() {
		g.remove(next)
		g.give(next)
		g.given++
		in = append(in, next)
	}
	g.mu.Unlock()
	for _, t := range in {
		t.holder.comeIn()
	}
}

// The caller of what follows holds mu.

// room tells whether one more of h may begin.
func (g *gate) room(h *Handshakes) bool {
	return h.running < h.limit && (h.owned < h.own || g.shared < g.places)
}

func (g *gate) give(t *turn) {
	t.held = true
	g.holders[t] = struct{}{}
	t.of.running++
	if t.owned = t.of.owned < t.of.own; t.owned {
		t.of.owned++
	} else {
		g.shared++
	}
}

// remove takes it out of the queue.
func (g *gate) remove(t *turn) {
	if !t.waits {
		return
	}
	t.waits = false
	at, _ := slices.BinarySearchFunc(t.of.waiting, t, byNumber)
	t.of.waiting = slices.Delete(t.of.waiting, at, at+1)
	if len(t.of.waiting) == 0 {
		delete(g.queues, t.of)
	}
}

func byNumber(a, b *turn) int { return cmp.Compare(a.number, b.number) }

// next is who comes in now, or nil.
func (g *gate) next() (best *turn) {
	oldest := g.given%4 == 3
	for h := range g.queues {
		if !g.room(h) {
			continue
		}
		t := h.waiting[len(h.waiting)-1]
		if oldest {
			t = h.waiting[0]
		}
		if best == nil || (t.number < best.number) == oldest {
			best = t
		}
	}
	return best
}
