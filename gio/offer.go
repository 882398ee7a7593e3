package gio

import "time"

// How long a pending client waits for a handler that other code has connected to
// the GObject: nobody tells of that, so it is looked for, each time later.
const (
	othersWait        = 20 * time.Millisecond
	longestOthersWait = 500 * time.Millisecond
)

// offerPending has the pending clients offered to handlers that have not seen
// them, by an emission of "incoming" for each. On the loop's thread.
func (l *listener) offerPending() {
	o := offering{generation: l.signals.takers(), others: l.exposed.Load(), runs: l.runs()}
	if !l.queue.unseen(o) {
		l.mode.offerWait = 0
		return
	}
	o.others = o.others && l.native.OthersListen()
	if l.queue.unseen(o) {
		_ = l.loop.Post(l.offerNow) // not inside of another emission
		return
	}
	l.offerLater()
}

func (l *listener) offerLater() {
	m := &l.mode
	if m.looking {
		return
	}
	m.looking = true
	m.offerWait = min(max(2*m.offerWait, othersWait), longestOthersWait)
	l.loop.AfterFunc(m.offerWait, func() {
		m.looking = false
		l.updateNow()
	})
}

func (l *listener) offerNow() {
	if l.life.nativeClosed {
		return
	}
	o := offering{generation: l.signals.takers(), others: l.exposed.Load() && l.native.OthersListen(), runs: l.runs()}
	failed := false
	for _, c := range l.queue.offered(o) {
		if l.life.nativeClosed { // by a handler of the one before
			_ = c.sc.Close()
		} else if !l.offerOne(c) {
			failed = true
			l.put(c)
		}
	}
	if failed {
		l.offerLater()
		return
	}
	l.updateNow()
}

// offerOne emits "incoming" for a connection that is in the table. What nobody
// takes goes to who asks, as any client. It answers false when the connection
// cannot have the GObjects that an emission needs: there may be a descriptor later.
func (l *listener) offerOne(c pendingClient) bool {
	n, err := c.sc.c.forEmission(l.exposed.Load())
	if err != nil {
		return c.sc.c.closed()
	}
	l.finishEmission()
	l.emission = emission{conn: c.sc, of: n.Pointer(), seen: l.signals.takers()}
	l.native.Emit(n, c.source)
	l.finishEmission() // a handler in C may have taken it
	return true
}
