package cluster

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func TestRoomsAreTokensOfSubjects(t *testing.T) {
	seen := make(map[string]string)
	for name, want := range map[string]string{
		"lobby": "p.room.lobby", "Lobby": "p.room.lobby", "a-b_c": "p.room.a-b_c", "zürich": "p.room.z=C3=BCrich", "зал": "p.room.=D0=B7=D0=B0=D0=BB",
		"not.a*name>": "p.room.not=2Ea=2Aname=3E", // the hub has no such room; even so
	} {
		got := subjects("p").room(name)
		require.Equal(t, want, got)
		if key, err := hub.Key(name); err == nil {
			require.True(t, seen[got] == "" || seen[got] == key)
			seen[got] = key
		}
	}
	longest := subjects(strings.Repeat("x", maxSubject)).room(strings.Repeat("𝔘", 20))
	require.Less(t, len(longest), 1024)
}

func TestPasswordsAreNotShown(t *testing.T) {
	require.Equal(t, "nats://a:1,tls://b,?", shown("nats://me:secret@a:1,tls://token@b,::secret"))
}

func TestAMessageIsReadAsItWasWritten(t *testing.T) {
	for _, m := range []message{
		{From: "abcdefghijklmno1", Type: alive, Seq: 5, Beat: 2000},
		{From: "abcdefghijklmno1", Type: entries, Entries: []entry{{Seq: 1, Kind: hub.Said, Person: 3, Name: "Zoë", Room: "lobby", Text: "<&> \t\"\ufffd", Time: 12}}},
		{From: "abcdefghijklmno1", Type: people, Seq: 1, Part: 1, Parts: 2, People: []entry{{Kind: hub.Joined, Person: 1, Name: "x", Since: 1 << 60, Room: "y"}}},
	} {
		got, err := decode(m.encode())
		require.NoError(t, err)
		require.Equal(t, m, *got)
	}
}

func TestTheLongestMessageFitsIntoNATS(t *testing.T) {
	m := message{From: "abcdefghijklmno1", Type: entries}
	for range maxBatch {
		m.Entries = append(m.Entries, entry{
			Seq: maxNumber, Kind: hub.Said, Person: maxNumber, Name: strings.Repeat("𝔘", 20), Since: 1 << 62, Room: strings.Repeat("𝔘", 20),
			Text: strings.Repeat(`"`, hub.MaxLine), Time: 1 << 50,
		})
	}
	data := m.encode()
	require.Less(t, len(data), maxMessage)
	_, err := decode(data)
	require.NoError(t, err)
}

func TestAJournalForgetsEntriesAndNotPeople(t *testing.T) {
	j := newJournal()
	j.add(entry{Kind: hub.Joined, Person: 1, Name: "ann", Room: "lobby"})
	j.add(entry{Kind: hub.Joined, Person: 2, Name: "bob", Room: "lobby"})
	for range 3 * journalLength {
		j.add(entry{Kind: hub.Said, Person: 1, Text: "x"})
	}
	j.add(entry{Kind: hub.Left, Person: 2})
	last := uint64(3*journalLength + 3)
	require.Equal(t, last, j.lastSeq())
	require.Len(t, j.at(last).people, 1)
	require.Len(t, j.at(last-1).people, 2)
	list, complete := j.between(last-2, maxNumber)
	require.True(t, complete)
	require.Len(t, list, 2)
	require.Equal(t, last-1, list[0].Seq)
	list, complete = j.between(1, last)
	require.False(t, complete)
	require.Len(t, list, journalLength)
	state, as := j.oldest()
	require.Equal(t, list[0].Seq-1, as)
	require.Len(t, state.people, 2)
	list, complete = j.between(last, maxNumber)
	require.True(t, complete)
	require.Empty(t, list)
	list, _ = j.between(last+5, maxNumber)
	require.Empty(t, list)
}

// FuzzReceive sends a server anything, in the name of a server that it knows:
// nothing may come of it that a terminal must not be shown, and the server
// must go on.
func FuzzReceive(f *testing.F) {
	for _, m := range []message{
		{Type: alive, Seq: 3, Beat: 1}, {Type: bye}, {Type: ask, Seq: 1, Met: true}, {Type: ask},
		{Type: entries, Entries: []entry{
			{Seq: 1, Kind: hub.Joined, Person: 1, Name: "ann", Room: "lobby"}, {Seq: 2, Kind: hub.Said, Person: 1, Text: "hello"},
			{Seq: 3, Kind: hub.Renamed, Person: 1, Name: "probe"}, {Seq: 4, Kind: hub.TopicSet, Person: 1, Text: "soup"},
			{Seq: 5, Kind: hub.Left, Person: 1, Text: "bye"},
		}},
		{Type: people, Part: 1, Parts: 1, People: []entry{{Kind: hub.Joined, Person: 1, Name: "bob", Room: "lobby"}}},
		{Type: topics, Topics: []entry{{Kind: hub.TopicSet, Room: "lobby", Text: "x", Since: 9, Server: stranger}}},
		{Type: private, Seq: 1, Person: 1, To: 1, Text: "psst"},
	} {
		m.From = stranger
		f.Add(m.encode(), uint8(0))
		f.Add(m.encode(), uint8(3))
	}
	f.Add([]byte(`{"v":1,"from":"`+stranger+`","type":"entries","entries":[{"seq":1,"kind":"said","person":1,"text":"\u001b[2J"}]}`), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, met uint8) {
		s := newSim(t, 2, 1)
		s.linkAll()
		node := s.servers[0].node
		probe := s.servers[0].probe
		if met > 0 { // the stranger is known, and somebody is there
			receive(node, &message{Type: alive, Seq: uint64(met)}, s.now)
			receive(node, &message{Type: people, Part: 1, Parts: 1, People: []entry{{Kind: hub.Joined, Person: 1, Name: "ann", Room: "lobby"}}}, s.now)
		}
		for range 3 {
			node.receive(data, s.now)
			node.work(s.now)
			s.now = s.now.Add(time.Second)
			node.tick(s.now, false)
		}
		for _, e := range probe.see() {
			for _, text := range append([]string{e.From, e.To, e.Text, e.Room}, e.Names...) {
				require.True(t, utf8.ValidString(text))
				require.LessOrEqual(t, len(text), hub.MaxLine+100)
				require.False(t, strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }), "%q", text)
			}
		}
		s.servers[1].probe.Input("still here")
		s.pass(10 * time.Second)
		require.Contains(t, strings.Join(probe.texts(hub.Said), "\n"), "still here")
	})
}

const stranger = "strangerstranger"

func receive(n *node, m *message, now time.Time) {
	m.From = stranger
	n.receive(m.encode(), now)
	n.work(now)
}

func TestStrangersCannotMakeAServerRememberWithoutEnd(t *testing.T) {
	s := newSim(t, 1, 1)
	s.linkAll()
	node := s.servers[0].node
	for i := range 3 * maxServers {
		m := message{From: fmt.Sprintf("s%015d", i), Type: alive, Seq: 5}
		node.receive(m.encode(), s.now)
	}
	require.Len(t, node.peers, maxServers)
	s.pass(2 * forget)
	require.Empty(t, node.peers)

	receive(node, &message{Type: alive, Seq: 1}, s.now)
	var list []entry
	for i := range uint64(2 * maxPeople) {
		list = append(list, entry{Kind: hub.Joined, Person: i, Name: fmt.Sprintf("n%d", i), Room: fmt.Sprintf("r%d", i)})
	}
	parts := (len(list)-1)/maxBatch + 1
	for i := range parts {
		receive(node, &message{Type: people, Part: i + 1, Parts: parts, People: list[i*maxBatch : min(len(list), (i+1)*maxBatch)]}, s.now)
	}
	require.Empty(t, node.peers[stranger].state.people, "so many parts are too many")
}

func TestWhoSpokeInAServersNameIsFoundOut(t *testing.T) {
	s := newSim(t, 2, 1)
	s.linkAll()
	first, second := s.servers[0], s.servers[1]
	forged := message{From: second.node.id, Type: entries, Entries: []entry{{
		Seq: second.node.sent + 1, Kind: hub.Left, Person: second.probe.ID(),
	}}}
	data := forged.encode()
	first.node.receive(data, s.now)
	require.Len(t, first.probe.who("lobby"), 1)
	s.pass(10 * time.Second)
	require.Len(t, first.probe.who("lobby"), 2)
	second.probe.Input("it is me")
	s.pass(10 * time.Second)
	require.Contains(t, strings.Join(first.probe.texts(hub.Said), "\n"), "it is me")
}

func TestAPrivateMessageThatComesTwiceIsShownOnce(t *testing.T) {
	s := newSim(t, 2, 1)
	s.linkAll()
	s.loss = 50 // half are lost, half come twice: what comes at all comes twice
	for i := range 50 {
		s.servers[1].probe.Input(fmt.Sprintf("/msg %s %d", s.servers[0].probe.Nick(), i))
		s.servers[1].deliver(0)
	}
	s.pass(time.Second)
	got := s.servers[0].probe.texts(hub.Private)
	require.NotEmpty(t, got)
	require.Len(t, slices.Compact(slices.Clone(got)), len(got))
}

func TestTheLogIsNotFlooded(t *testing.T) {
	var log strings.Builder
	s := newSim(t, 1, 1)
	node := s.servers[0].node
	node.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 1000 {
		node.receive([]byte("rubbish"), s.now)
	}
	require.Equal(t, 1, strings.Count(log.String(), "\n"), log.String())
}
