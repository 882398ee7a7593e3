package cluster

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// sim is a number of servers without NATS, time or goroutines: a test says
// what is delivered when, and what is not.
type sim struct {
	t       *testing.T
	now     time.Time
	random  *rand.Rand
	servers []*simServer
	queue   int // how many events may wait for a person
	added   int // servers so far
	loss    int // of 100 messages, so many are lost, and as many come twice
}

// simServer is one of them, and the hub.Link of its hub.
type simServer struct {
	sim     *sim
	node    *node
	hub     *hub.Hub
	linked  bool
	first   bool // was there when all met
	inbox   [][]byte
	counted uint64
	people  []*simPerson
	probe   *simPerson // stays in the lobby from the first to the last moment
}

func (s *simServer) Hand(ch hub.Change) { s.node.journal.add(fromChange(ch)) }

func (s *simServer) Private(server string, p hub.PrivateText) bool {
	s.counted++
	return s.linked && s.node.journal.addPrivate(message{
		Type: private, Seq: s.counted, Person: p.From, To: p.To, Text: p.Text, to: server,
	})
}

func newSim(t *testing.T, servers int, seed uint64) *sim {
	s := &sim{t: t, queue: 1_000_000, now: time.Now(), random: rand.New(rand.NewPCG(seed, 7))}
	for range servers {
		s.add()
	}
	return s
}

// add starts a server that is not linked.
func (s *sim) add() *simServer {
	server := &simServer{sim: s}
	id := fmt.Sprintf("%c%015d", 'a'+s.added%26, s.added)
	s.added++
	server.hub = hub.New(hub.Config{Link: server, Server: id, Queue: s.queue})
	server.node = newNode(id, server.hub, "chat", time.Second, server.route, slog.New(slog.NewTextHandler(io.Discard, nil)))
	s.servers = append(s.servers, server)
	server.probe = server.enter()
	return server
}

// route is the transport: it puts what is published into inboxes.
func (s *simServer) route(subject string, data []byte) {
	if !s.linked {
		return
	}
	for _, other := range s.sim.servers {
		own := other.node.subjects.server(other.node.id)
		if other == s || !other.linked || strings.Contains(subject, ".server.") && subject != own {
			continue
		}
		copies := 1
		switch n := s.sim.random.IntN(100); {
		case n < s.sim.loss:
			copies = 0
		case n < 2*s.sim.loss:
			copies = 2
		}
		for range copies {
			other.inbox = append(other.inbox, data)
		}
	}
}

func (s *simServer) up() {
	s.linked = true
	s.node.up(s.sim.now)
}

// down loses what is on its way, too.
func (s *simServer) down() {
	s.linked = false
	s.inbox = nil
	s.node.down()
}

// deliver handles at most n messages.
func (s *simServer) deliver(n int) {
	s.node.flush()
	for range min(n, len(s.inbox)) {
		data := s.inbox[0]
		s.inbox = s.inbox[1:]
		s.node.receive(data, s.sim.now)
	}
	s.node.work(s.sim.now)
}

// pass lets time go by, with everything that happens in it.
func (s *sim) pass(d time.Duration) {
	for step := d / 10; d > 0; d -= step {
		s.now = s.now.Add(step)
		for _, server := range s.servers {
			server.node.tick(s.now, false)
		}
		for range 3 {
			for _, server := range s.servers {
				server.deliver(len(server.inbox))
			}
		}
	}
}

// end takes a server out in good order.
func (s *sim) end(server *simServer) {
	server.hub.Close("")
	server.node.sayBye()
	s.servers = slices.DeleteFunc(s.servers, func(other *simServer) bool { return other == server })
}

func (s *sim) linkAll() {
	for _, server := range s.servers {
		if !server.linked {
			server.up()
		}
	}
	s.pass(10 * time.Second)
}

// simPerson is a client and all that it was shown.
type simPerson struct {
	*hub.Client
	server *simServer
	room   string
	events []*hub.Event
}

func (s *simServer) enter() *simPerson {
	c, err := s.hub.Enter(context.Background(), hub.Origin{})
	require.NoError(s.sim.t, err)
	s.sim.t.Cleanup(c.Close)
	p := &simPerson{Client: c, server: s}
	s.people = append(s.people, p)
	return p
}

// see takes all that is queued, and returns what was not yet seen before.
func (p *simPerson) see() []*hub.Event {
	p.Input("/help")
	from := len(p.events)
	for {
		events, err := p.Next(nil)
		require.NoError(p.server.sim.t, err)
		p.events = append(p.events, events...)
		if last := events[len(events)-1]; last.Kind == hub.Help {
			p.events = p.events[:len(p.events)-1]
			break
		}
	}
	for _, e := range p.events[from:] {
		if e.Kind == hub.Entered {
			p.room = e.Room
		}
	}
	return p.events[from:]
}

// who is the answer to /who ROOM.
func (p *simPerson) who(room string) []string {
	p.see()
	p.Input("/who " + room)
	for _, e := range p.see() {
		if e.Kind == hub.Who {
			return e.Names
		}
	}
	return nil
}

// texts are what the person was shown of one kind.
func (p *simPerson) texts(kind hub.Kind) (texts []string) {
	p.see()
	for _, e := range p.events {
		if e.Kind == kind {
			texts = append(texts, e.From+": "+e.Text)
		}
	}
	return texts
}

// FuzzServersAgreeWhateverHappens has people on three servers come, go, talk
// and take names from each other while servers are cut off and messages are
// lost and doubled, and servers end and others start, and compares with what
// must be.
func FuzzServersAgreeWhateverHappens(f *testing.F) {
	for seed := range uint64(40) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		s := newSim(t, 2+int(seed%2), seed)
		s.linkAll()
		for _, server := range s.servers {
			server.first = true
		}
		if seed%3 > 0 {
			s.loss = 5
		}
		said := s.live(300)
		s.loss = 0
		s.linkAll()
		s.check(said)
	})
}

var (
	simNames = []string{"ann", "Ann", "bob", "eve", "зоя", "ann-0001", "שרה", "twenty-characters-xx"}
	simRooms = []string{"lobby", "attic", "Attic", "dev"}
)

// live does things at random and returns what was said in the lobby, by
// server.
func (s *sim) live(steps int) (said []string) {
	for range steps {
		server := s.servers[s.random.IntN(len(s.servers))]
		server.probe.see()
		p := server.people[s.random.IntN(len(server.people))]
		p.see()
		switch n := s.random.IntN(100); {
		case n < 8 && len(server.people) < 5: // more would be counted and not named
			server.enter()
		case n < 12 && p != server.probe:
			p.Close()
			server.people = slices.DeleteFunc(server.people, func(q *simPerson) bool { return q == p })
		case n < 30:
			p.Input("/nick " + simNames[s.random.IntN(len(simNames))])
		case n < 40 && p != server.probe:
			p.Input("/join " + simRooms[s.random.IntN(len(simRooms))])
		case n < 60:
			text := fmt.Sprintf("%s/%d %d", server.node.id, p.ID(), len(said))
			if p.room == "lobby" {
				said = append(said, text)
			}
			p.Input(text)
		case n < 64:
			p.Input(fmt.Sprintf("/topic %d", s.random.IntN(1000)))
		case n < 67 && server.linked:
			server.down()
		case n < 74 && !server.linked:
			server.up()
		case n < 76 && len(s.servers) < 4:
			s.add().up()
		case n < 78 && len(s.servers) > 2:
			s.end(server)
		case n < 90:
			server.deliver(1 + s.random.IntN(20))
		default:
			s.pass(time.Duration(s.random.IntN(3000)) * time.Millisecond)
		}
	}
	return said
}

func (s *sim) check(said []string) {
	t := s.t
	// Everybody is called the same everywhere, is in the same room everywhere, and has a name alone.
	want := make(map[string][]string)
	keys := make(map[string]bool)
	for _, server := range s.servers {
		for _, p := range server.people {
			p.see()
			room := strings.ToLower(p.room)
			want[room] = append(want[room], p.Nick())
			key, err := hub.Key(p.Nick())
			require.NoError(t, err)
			require.False(t, keys[key], "%s is there twice", p.Nick())
			keys[key] = true
		}
	}
	for _, server := range s.servers {
		for _, room := range []string{"lobby", "attic", "dev"} {
			slices.Sort(want[room])
			require.ElementsMatch(t, want[room], server.probe.who(room), "%s on %s", room, server.node.id)
		}
	}
	topics := make(map[string]bool)
	for _, server := range s.servers {
		server.probe.see()
		server.probe.Input("/topic")
		events := server.probe.see()
		topics[events[len(events)-1].Text] = true
	}
	require.Len(t, topics, 1, "of the lobby")

	meant := bySpeaker(said)
	for _, server := range s.servers {
		var texts []string
		for _, e := range server.probe.events {
			if e.Kind == hub.Said {
				texts = append(texts, e.Text)
			}
		}
		heard := bySpeaker(texts)
		for speaker, lines := range heard {
			require.True(t, inOrderOnce(lines, meant[speaker]), "on %s, %s", server.node.id, lines)
		}
		// Whoever was in the lobby all the time heard all of it from others of whom that is true.
		for _, other := range s.servers {
			for speaker := range meant {
				if server.first && other.first && strings.HasPrefix(speaker, other.node.id) {
					require.Equal(t, meant[speaker], heard[speaker], "on %s", server.node.id)
				}
			}
		}

		// Nobody comes twice without going, or goes twice.
		in := make(map[uint64]bool)
		for _, e := range server.probe.events {
			switch e.Kind {
			case hub.Joined:
				require.False(t, in[e.SenderID], "%s joined twice", e.From)
				in[e.SenderID] = true
			case hub.Left:
				require.True(t, in[e.SenderID], "%s left twice", e.From)
				in[e.SenderID] = false
			}
		}
	}
}

// bySpeaker sorts lines by their first word.
func bySpeaker(lines []string) map[string][]string {
	sorted := make(map[string][]string)
	for _, line := range lines {
		speaker, _, _ := strings.Cut(line, " ")
		sorted[speaker] = append(sorted[speaker], line)
	}
	return sorted
}

// inOrderOnce tells whether some are among all, in the same order and none of
// them twice.
func inOrderOnce(some, all []string) bool {
	for _, line := range some {
		i := slices.Index(all, line)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}
