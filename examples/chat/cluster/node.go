package cluster

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

const (
	// missed is how many times the announced interval may pass in silence
	// before a server is taken for gone.
	missed = 4

	minBeat = 10 * time.Millisecond
	maxBeat = time.Minute

	// forget is how long a server that is gone is remembered: if it comes
	// back within that time, others get what they missed.
	forget = time.Hour

	// maxServers bounds what strangers on the subjects can make us remember.
	maxServers = 100
)

// paceRate and paceBurst are what one server shows of the others, in entries a
// second and at once: less than the queue of a client, as it is without -queue.
const (
	paceRate  = 5000
	paceBurst = 128
)

// What others read when the people of a server leave all at once.
const (
	whyEnded  = "their server has ended"
	whySilent = "their server is out of reach"
)

// node is a server among others, without the transport: what it receives and
// when, it is told; what it sends goes to publish. One goroutine calls it.
//
// Each server numbers what its people do, in a journal. Another one applies
// the entries in the order of their numbers and each only once, so nothing
// that the transport loses, repeats or delivers late can do harm: what comes
// too early is thrown away, and the server is asked to send again what is
// missing.
type node struct {
	id       string
	hub      *hub.Hub
	subjects subjects
	beat     time.Duration
	publish  func(subject string, data []byte)
	log      *slog.Logger

	journal *journal
	sent    uint64 // the journal has been published, or given up to those who ask, up to here
	linked  bool
	beatAt  time.Time // when the next heartbeat is due
	peers   map[string]*peer
	warned  time.Time // when a message was last complained of

	// pace is that of entries, whatever the speed at which they come: a
	// client that is shown a thousand lines at once is taken for one that
	// does not read.
	pace *rate.Limiter
}

func newNode(id string, h *hub.Hub, prefix string, beat time.Duration, publish func(string, []byte), log *slog.Logger) *node {
	return &node{
		id: id, hub: h, subjects: subjects(prefix), beat: beat, publish: publish, log: log,
		journal: newJournal(), peers: make(map[string]*peer), pace: rate.NewLimiter(paceRate, paceBurst),
	}
}

// up is called when the link is there, again or at last.
func (n *node) up(now time.Time) {
	n.linked = true
	// Those who missed something ask for it; then it comes at a pace that
	// their people can read at.
	n.sent = n.journal.lastSeq()
	for _, p := range n.peers {
		if p.shown {
			p.heard = now // the silence was ours
		}
	}
	n.sayAlive(now)
}

func (n *node) down() {
	n.linked = false
	// The senders were shown these as sent; but so is mail that is lost.
	n.journal.takePrivates()
}

// flush publishes what is new in the journal.
func (n *node) flush() {
	if !n.linked {
		return
	}
	list, complete := n.journal.between(n.sent, maxNumber)
	if !complete {
		n.log.Warn("the link to the other servers is too slow; they will ask for what they missed")
	}
	for i := range list {
		e := &list[i]
		n.sent = e.Seq
		n.send(n.subjects.room(e.Room), &message{Type: entries, Entries: list[i : i+1]})
	}
	for _, m := range n.journal.takePrivates() {
		n.send(n.subjects.server(m.to), &m)
	}
}

func (n *node) send(subject string, m *message) {
	m.From = n.id
	n.publish(subject, m.encode())
}

func (n *node) sayAlive(now time.Time) {
	n.beatAt = now.Add(n.beat)
	n.send(n.subjects.all(), &message{Type: alive, Seq: n.sent, Beat: n.beat.Milliseconds(), Digest: n.hub.TopicsDigest() & maxDigest})
}

// sayBye is the last that others hear.
func (n *node) sayBye() {
	n.flush()
	n.send(n.subjects.all(), &message{Type: bye, Seq: n.sent})
}

// receive takes a message from the transport, whoever sent it.
func (n *node) receive(data []byte, now time.Time) {
	m, err := decode(data)
	if err != nil {
		n.complain(now, "a message was not understood", "error", err)
		return
	}
	if m.From == n.id {
		return
	}
	p := n.peers[m.From]
	if p == nil {
		if m.Type == bye {
			return
		}
		if len(n.peers) >= maxServers {
			n.complain(now, "too many servers: one is ignored", "server", m.From)
			return
		}
		p = newPeer(n, m.From)
		n.peers[m.From] = p
		n.log.Info("another server", "server", m.From)
		// Or it would hear of this one at the next heartbeat only.
		n.sayAlive(now)
	}
	p.heard = now
	p.show()
	switch m.Type {
	case alive:
		p.alive(m, now)
	case bye:
		p.ended = true // work does the rest
	case entries:
		p.entries(m, now)
	case ask:
		n.answer(p, m, now)
	case people:
		p.people(m, now)
	case topics:
		n.takeTopics(m)
	case private:
		p.private(m, now)
	}
}

// tick does what time brings. It is called at least once in each beat.
// With busy, there are messages waiting to be received.
func (n *node) tick(now time.Time, busy bool) {
	if n.linked && !now.Before(n.beatAt) {
		n.sayAlive(now)
	}
	for id, p := range n.peers {
		silent := now.Sub(p.heard)
		switch {
		case silent > forget:
			p.hide(whySilent)
			delete(n.peers, id)
		case busy: // perhaps a sign of life is among them
		case silent > missed*p.beat && p.shown:
			n.log.Warn("another server is out of reach", "server", id)
			p.hide(whySilent)
		}
	}
}

// work applies some of the entries that came faster than people are to be
// shown them, and reports whether there are more. It is called after each
// message, and again soon as long as there are more.
func (n *node) work(now time.Time) (more bool) {
	for _, p := range n.peers {
		for len(p.late) > 0 && n.pace.AllowN(now, 1) {
			e := p.late[0]
			p.late = p.late[1:]
			p.apply(&e, now)
		}
		switch {
		case len(p.late) > 0:
			more = true
		case p.ended:
			p.hide(whyEnded)
			delete(n.peers, p.id)
			n.log.Info("another server has ended", "server", p.id)
		}
	}
	return more
}

// answer sends a server what it missed.
func (n *node) answer(p *peer, m *message, now time.Time) {
	// It asks once in a beat of its own; others may ask in its name.
	if now.Sub(p.answered) < n.beat/2 {
		return
	}
	p.answered = now
	to := n.subjects.server(p.id)
	if !m.Met || m.Seq > n.sent {
		_, oldest := n.journal.oldest()
		as := max(n.sent, oldest)
		n.sendState(to, n.journal.at(as), as)
		n.sendTopics(to)
		return
	}
	list, complete := n.journal.between(m.Seq, n.sent)
	if !complete {
		state, as := n.journal.oldest()
		n.sendState(to, state, as)
		list, _ = n.journal.between(as, n.sent)
	}
	for len(list) > 0 {
		batch := list[:min(maxBatch, len(list))]
		list = list[len(batch):]
		n.send(to, &message{Type: entries, Entries: batch})
	}
	n.sendTopics(to)
}

// sendTopics sends the topics of all rooms: those who set them, and their
// server, may be gone. Whoever has a newer one keeps it.
func (n *node) sendTopics(to string) {
	for batch := range slices.Chunk(n.hub.Topics(), maxBatch) {
		m := &message{Type: topics}
		for _, ch := range batch {
			e := fromChange(ch)
			e.Time, e.Server = 0, ch.Server
			m.Topics = append(m.Topics, e)
		}
		n.send(to, m)
	}
}

func (n *node) takeTopics(m *message) {
	var list []hub.Change
	for i := range m.Topics {
		list = append(list, m.Topics[i].change())
	}
	n.hub.TakeTopics(list)
}

func (n *node) sendState(to string, s *state, seq uint64) {
	all := s.sortedPeople()
	parts := max(1, (len(all)+maxBatch-1)/maxBatch) // one also of nobody
	for part := range parts {
		m := &message{Type: people, Seq: seq, Part: part + 1, Parts: parts}
		for _, e := range all[part*maxBatch : min(len(all), (part+1)*maxBatch)] {
			m.People = append(m.People, *e)
		}
		n.send(to, m)
	}
}

// complain logs what is wrong with messages, and not each of them.
func (n *node) complain(now time.Time, what string, attrs ...any) {
	level := slog.LevelDebug
	if now.Sub(n.warned) > time.Minute {
		n.warned, level = now, slog.LevelWarn
	}
	n.log.Log(context.Background(), level, what, attrs...)
}
