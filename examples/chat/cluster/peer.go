package cluster

import (
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// peer is another server, as far as its messages told of it.
type peer struct {
	node   *node
	id     string
	server *hub.Server // the same people as in state, while shown

	heard time.Time
	beat  time.Duration

	met    bool   // state is known, as of seq
	shown  bool   // its people are in the hub
	seq    uint64 // the last entry that was applied
	target uint64 // the entry that it is known to have come to
	state  *state

	asked    time.Time // by this node, for what is missing
	answered time.Time // when this node answered it

	ahead    int     // how often it said that it has not come as far as it is known to have
	ended    bool    // it said that it ends
	late     []entry // that wait to be applied
	parts    *state  // of a state that is coming
	partsSeq uint64
	part     int    // how many of its parts came
	privates uint64 // the last private message
}

// maxLate bounds late: what does not fit is asked for again.
const maxLate = 3 * journalLength

func newPeer(n *node, id string) *peer {
	return &peer{node: n, id: id, server: n.hub.Attach(id), beat: n.beat, state: newState()}
}

// show brings the people of a server that was gone back.
func (p *peer) show() {
	if p.shown || !p.met {
		return
	}
	p.shown = true
	p.server.Sync(p.state.changes(), "")
}

// hide takes its people out of the hub and keeps them in mind.
func (p *peer) hide(why string) {
	if p.shown {
		p.shown = false
		p.server.Sync(nil, why)
	}
}

// behind tells whether something is missing that is not on its way here.
func (p *peer) behind() bool {
	return (!p.met || p.seq < p.target) && len(p.late) == 0
}

func (p *peer) alive(m *message, now time.Time) {
	if m.Beat > 0 {
		p.beat = min(max(time.Duration(m.Beat)*time.Millisecond, minBeat), maxBeat)
	}
	p.target = m.Seq
	if m.Seq >= p.seq {
		p.ahead = 0
	} else if p.ahead++; p.ahead == 3 {
		// Then somebody else spoke in its name. Once or twice is a message that was late.
		p.met, p.late = false, nil
	}
	// Topics that were set by somebody who has gone with their server are in no journal any more.
	if p.behind() || len(p.late) == 0 && m.Digest != p.node.hub.TopicsDigest()&maxDigest {
		p.ask(now)
	}
}

// ask wants what is missing sent again, but not more often than it can come.
func (p *peer) ask(now time.Time) {
	if now.Sub(p.asked) < p.node.beat {
		return
	}
	p.asked = now
	p.parts = nil
	p.node.send(p.node.subjects.server(p.id), &message{Type: ask, Seq: p.seq, Met: p.met})
}

func (p *peer) entries(m *message, now time.Time) {
	for i := range m.Entries {
		e := &m.Entries[i]
		if len(p.late) == 0 && p.node.pace.AllowN(now, 1) {
			p.apply(e, now)
		} else if len(p.late) < maxLate {
			p.late = append(p.late, *e)
		}
	}
}

// apply does what an entry says, if it is the next one.
func (p *peer) apply(e *entry, now time.Time) {
	p.target = max(p.target, e.Seq)
	switch {
	case e.Seq <= p.seq && p.met:
		return // came twice
	case e.Seq != p.seq+1 || !p.met:
		if p.behind() {
			p.ask(now)
		}
		return
	}
	p.seq = e.Seq
	ch := e.change()
	if err := ch.Check(); err != nil {
		p.node.complain(now, "what a server tells cannot be shown", "server", p.id, "error", err)
		return
	}
	if !p.state.apply(e) {
		p.node.complain(now, "what a server tells does not go with what it told before", "server", p.id, "kind", e.Kind)
		return
	}
	if err := p.server.Apply(ch); err != nil {
		p.node.complain(now, "what a server tells was refused", "server", p.id, "error", err)
	}
}

// people takes one part of a state.
func (p *peer) people(m *message, now time.Time) {
	if m.Part == 1 {
		p.parts, p.partsSeq, p.part = newState(), m.Seq, 0
	}
	if p.asked.IsZero() || p.parts == nil || m.Seq != p.partsSeq || m.Part != p.part+1 {
		return // not asked for, or a part is lost: it will be asked for again
	}
	p.part++
	for i := range m.People {
		e := &m.People[i]
		if ch := e.change(); e.Kind != hub.Joined || ch.Check() != nil || !p.parts.apply(e) {
			p.node.complain(now, "somebody on a server cannot be shown", "server", p.id)
		}
	}
	if p.part < m.Parts {
		return
	}
	state := p.parts
	p.parts = nil
	if p.met && m.Seq <= p.seq {
		return // older than what is known
	}
	if p.met {
		p.node.hub.Announce("Some of what was said on another server is lost: it was too much.")
	}
	p.met, p.seq, p.state, p.late = true, m.Seq, state, nil
	p.target = max(p.target, p.seq)
	p.shown = true
	p.server.Sync(state.changes(), "")
}

func (p *peer) private(m *message, now time.Time) {
	if m.Seq <= p.privates {
		return // came twice
	}
	p.privates = m.Seq
	if err := p.server.Private(hub.PrivateText{From: m.Person, To: m.To, Text: m.Text}); err != nil {
		p.node.complain(now, "a private message was not delivered", "server", p.id, "error", err)
	}
}
