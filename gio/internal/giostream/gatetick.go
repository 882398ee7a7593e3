package giostream

import (
	"cmp"
	"slices"
	"time"
)

// gateTick is how often somebody looks at those in the gate while others wait.
const gateTick = 50 * time.Millisecond

// trickle is how many times its grace a handshake may wait for its peer in all: one
// that sends a byte now and then goes on, and never arrives.
const trickle = 4

// tick looks at who has a place, as long as somebody waits: since began, and the last
// time at last.
func (g *gate) tick(began, last time.Time) {
	now := time.Now()
	for _, t := range g.look(now, began, last) {
		t.holder.giveUp(t.still)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ticking = len(g.queues) > 0; g.ticking {
		time.AfterFunc(gateTick, func() { g.tick(began, now) })
	}
}

// look tells who has to give a place up.
func (g *gate) look(now, began, last time.Time) (out []*turn) {
	g.mu.Lock()
	holders := make([]*turn, 0, len(g.holders))
	for t := range g.holders {
		if !t.givenUp {
			holders = append(holders, t)
		}
	}
	g.mu.Unlock()
	var stalled []*turn
	for _, t := range holders {
		if t.stalls(now, began, last) {
			stalled = append(stalled, t)
		}
	}
	slices.SortFunc(stalled, func(a, b *turn) int { return cmp.Compare(b.still, a.still) })
	g.mu.Lock()
	defer g.mu.Unlock()
	wanted := g.wanted()
	for _, t := range stalled {
		if who, ok := wanted.by(t); ok && t.held && !t.givenUp {
			wanted[who]--
			t.givenUp = true
			out = append(out, t)
		}
	}
	return out
}

// demand is how many places are wanted: by those who have as many as they may and
// need one of theirs back, and under nil by those who may have any that is shared.
type demand map[*Handshakes]int

// by tells who would have the use of t's place.
func (d demand) by(t *turn) (*Handshakes, bool) {
	if d[t.of] > 0 {
		return t.of, true
	}
	return nil, d[nil] > 0 && (!t.owned || len(t.of.waiting) > 0)
}

// wanted does not count those who are about to come in. The caller holds mu.
func (g *gate) wanted() demand {
	d := demand{}
	for h := range g.queues {
		if h.running < h.limit {
			d[nil] += len(h.waiting)
		} else {
			d[h] += len(h.waiting)
		}
	}
	for t := range g.holders {
		if t.givenUp {
			if who, ok := d.by(t); ok {
				d[who]--
			}
		}
	}
	return d
}

// stalls notes for how long the turn has waited for its peer, and tells whether that
// is too long. A tick that comes late counts as one: then this process has too little
// of the processor, and its peers, on this machine perhaps, may have no more.
func (t *turn) stalls(now, began, last time.Time) bool {
	silence := t.holder.silence()
	if silence == 0 {
		t.still = 0
		return false
	}
	step := min(now.Sub(last), gateTick)
	if silence < now.Sub(last) { // something has come since the last look
		t.still = min(silence, step)
	} else if last.Equal(began) { // as long as nobody else wanted the place counts in full
		t.still = max(silence-now.Sub(began), 0) + step
	} else {
		t.still += step
	}
	t.total += step
	grace := t.holder.grace()
	return t.still >= grace || t.total >= trickle*grace
}
