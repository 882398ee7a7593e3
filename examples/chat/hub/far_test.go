package hub_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// link is a hub.Link that keeps everything.
type link struct {
	changes  []hub.Change
	privates []hub.PrivateText
	down     bool
}

func (l *link) Hand(ch hub.Change) { l.changes = append(l.changes, ch) }

func (l *link) Private(_ string, p hub.PrivateText) bool {
	l.privates = append(l.privates, p)
	return !l.down
}

// linked is a hub called m, between the servers a and z.
func linked(cfg hub.Config) (*hub.Hub, *link) {
	l := &link{}
	cfg.Link, cfg.Server = l, "m"
	return hub.New(cfg), l
}

func joined(person uint64, name string, since int64, room string) hub.Change {
	return hub.Change{Kind: hub.Joined, Person: person, Name: name, Since: since, Room: room}
}

func TestALinkIsHandedWhatClientsOfTheHubDoAndNothingElse(t *testing.T) {
	h, l := linked(hub.Config{})
	p := named(t, h, "alice")
	p.Input("hello")
	p.Input("/me waves")
	p.Input("/topic soup")
	p.Input("/join attic")
	p.Input("/quit so long")
	far := h.Attach("a")
	require.NoError(t, far.Apply(joined(1, "bob", 1, "lobby")))
	require.NoError(t, far.Apply(hub.Change{Kind: hub.Said, Person: 1, Text: "hi"}))

	var got []string
	for _, ch := range l.changes {
		require.Equal(t, p.ID(), ch.Person)
		require.NotZero(t, ch.Since)
		require.WithinDuration(t, time.Now(), ch.Time, time.Minute)
		name, _, _ := strings.Cut(ch.Name, "-")
		got = append(got, fmt.Sprintf("%s %s %s %s", ch.Kind, name, ch.Room, ch.Text))
	}
	require.Equal(t, []string{
		"joined guest1 lobby ", "renamed alice lobby ", "said alice lobby hello", "acted alice lobby waves",
		"topic alice lobby soup", "joined alice attic ", "left alice attic so long",
	}, got)
}

func TestTheEndOfTheHubIsNoEndOfItsClientsForTheLink(t *testing.T) {
	h, l := linked(hub.Config{})
	enter(t, h)
	before := len(l.changes)
	h.Close("")
	require.Len(t, l.changes, before)
}

func TestPeopleOfOtherServersAreThereAsOthersAre(t *testing.T) {
	h, l := linked(hub.Config{})
	p := named(t, h, "alice")
	far := h.Attach("a")
	require.NoError(t, far.Apply(joined(7, "bob", 1, "lobby")))
	bob := p.expect(hub.Joined)
	require.Equal(t, "bob", bob.From)
	require.NotEqual(t, p.ID(), bob.SenderID)
	at := time.Now().Add(-time.Minute).Round(0)
	require.NoError(t, far.Apply(hub.Change{Kind: hub.Said, Person: 7, Text: "hi", Time: at}))
	said := p.expect(hub.Said)
	require.True(t, at.Equal(said.Time))
	require.Equal(t, bob.SenderID, said.SenderID)
	require.NoError(t, far.Apply(hub.Change{Kind: hub.Renamed, Person: 7, Name: "rob", Since: 2}))
	require.Equal(t, "rob", p.expect(hub.Renamed).To)
	p.Input("/who")
	require.Equal(t, []string{"alice", "rob"}, p.expect(hub.Who).Names)
	p.problem("/nick ROB", "The nickname rob is taken by somebody on another server.")
	p.Input("/msg rob psst")
	p.expect(hub.Private)
	require.Equal(t, []hub.PrivateText{{From: p.ID(), To: 7, Text: "psst"}}, l.privates)
	l.down = true
	p.problem("/msg rob psst", "rob is on another server, and the link to it is down")
	require.NoError(t, far.Private(hub.PrivateText{From: 7, To: p.ID(), Text: "ho"}))
	require.Equal(t, "rob", p.expect(hub.Private).From)
	require.NoError(t, far.Apply(joined(7, "rob", 2, "attic")))
	p.expect(hub.Left)
	require.NoError(t, far.Apply(hub.Change{Kind: hub.Said, Person: 7, Text: "elsewhere"}))
	require.NoError(t, far.Apply(joined(7, "rob", 2, "lobby")))
	p.expect(hub.Joined)
	require.NoError(t, far.Apply(hub.Change{Kind: hub.Left, Person: 7, Text: "bye"}))
	require.Equal(t, "bye", p.expect(hub.Left).Text)
	p.quiet()
	require.Equal(t, 1, h.Len(), "clients of this hub")
}

func TestWhatATerminalMustNotBeShownIsRefusedFromAfarToo(t *testing.T) {
	h, _ := linked(hub.Config{})
	p := enter(t, h)
	far := h.Attach("a")
	require.NoError(t, far.Apply(joined(1, "bob", 1, "attic")))
	for _, ch := range []hub.Change{
		{}, {Kind: hub.Help}, {Kind: hub.Notice, Text: "trust me"},
		joined(2, "", 1, "lobby"), joined(2, "a b", 1, "lobby"), joined(2, "\x1b[2J", 1, "lobby"), joined(2, "раypal", 1, "lobby"),
		joined(2, "eve", 1, ""), joined(2, "eve", 1, "a b"), joined(2, strings.Repeat("x", 21), 1, "lobby"),
		{Kind: hub.Said, Person: 1}, {Kind: hub.Said, Person: 1, Text: "\x1b[2J"}, {Kind: hub.Said, Person: 1, Text: "\xff"},
		{Kind: hub.Acted, Person: 1, Text: strings.Repeat("x", 1001)}, {Kind: hub.Left, Person: 1, Text: "a\nb"},
		{Kind: hub.TopicSet, Person: 1, Text: strings.Repeat("x", 201)}, {Kind: hub.Renamed, Person: 1, Name: "\u202ebob"},
		{Kind: hub.Said, Person: 99, Text: "from nobody"},
	} {
		require.Error(t, far.Apply(ch), "%+v", ch)
	}
	for _, private := range []hub.PrivateText{
		{From: 1, To: p.ID()}, {From: 1, To: p.ID(), Text: "\x07"}, {From: 9, To: p.ID(), Text: "x"}, {From: 1, To: 999, Text: "x"},
	} {
		require.Error(t, far.Private(private), "%+v", private)
	}
	far.Sync([]hub.Change{joined(3, "\x1b", 1, "lobby"), {Kind: hub.Said, Person: 4}}, "")
	h.TakeTopics([]hub.Change{{Kind: hub.TopicSet, Room: "\x1b", Text: "x", Since: 1}, {Kind: hub.TopicSet, Room: "lobby", Text: "\x1b", Since: 1}})
	require.Equal(t, []string{"lobby"}, p.rooms(), "bob was not on the list")
	p.quiet()
}

func TestOneOfTwoWhoTookANameKeepsIt(t *testing.T) {
	for _, c := range []struct {
		server string
		since  int64
		keeps  bool // the client of this hub
	}{
		{"a", 1, false}, // took it long ago
		{"z", 1, false},
		{"a", 1 << 62, true}, // in the far future
		{"z", 1 << 62, true},
	} {
		h, l := linked(hub.Config{})
		alice, witness := named(t, h, "alice"), enter(t, h)
		alice.expect(hub.Joined)
		far := h.Attach(c.server)
		require.NoError(t, far.Apply(joined(1, "Alice", c.since, "lobby")))
		witness.Input("/msg alice which?")
		if c.keeps {
			second := alice.expect(hub.Joined).From
			require.Regexp(t, `^Alice-\d{4}$`, second)
			require.Equal(t, "which?", alice.expect(hub.Private).Text)
			// Its own server comes to the same.
			require.NoError(t, far.Apply(hub.Change{Kind: hub.Renamed, Person: 1, Name: second, Since: 5}))
			alice.quiet()
			continue
		}
		require.Contains(t, alice.expect(hub.Notice).Text, "took the name alice before you did")
		second := alice.expect(hub.Renamed).To
		require.Regexp(t, `^alice-\d{4}$`, second)
		require.Equal(t, second, alice.Nick())
		require.Equal(t, "Alice", alice.expect(hub.Joined).From)
		require.Equal(t, hub.Renamed, l.changes[len(l.changes)-1].Kind)
		require.Equal(t, second, l.changes[len(l.changes)-1].Name)
		require.Len(t, l.privates, 1)
		alice.quiet()
	}
}

func TestOfTwoOnOtherServersTheSameOneKeepsTheNameInWhicheverOrderTheyCome(t *testing.T) {
	for _, order := range [][]string{{"a", "z"}, {"z", "a"}} {
		h, l := linked(hub.Config{})
		p := enter(t, h)
		servers := map[string]*hub.Server{"a": h.Attach("a"), "z": h.Attach("z")}
		for i, id := range order {
			require.NoError(t, servers[id].Apply(joined(uint64(i), "bob", 5, "lobby")))
		}
		p.Input("/msg bob hello")
		for e := p.next(); e.Kind != hub.Private; e = p.next() {
			require.NotEqual(t, hub.Problem, e.Kind)
		}
		holder := order[l.privates[0].To]
		require.Equal(t, "a", holder, "as of equals the lower id has it")

		// The other one gets it when it is free.
		servers["a"].Sync(nil, "gone")
		require.Equal(t, "bob", p.expect(hub.Left).From)
		require.Equal(t, "bob", p.expect(hub.Renamed).To)
		p.problem("/nick bob", "taken by somebody on another server")
	}
}

func TestANameThatDigitsDoNotGoWithBecomesAGuest(t *testing.T) {
	h, _ := linked(hub.Config{})
	const name = "علي٣" // has an Arabic digit
	p := named(t, h, name)
	require.NoError(t, h.Attach("a").Apply(joined(1, name, 1, "lobby")))
	p.expect(hub.Notice)
	require.Regexp(t, `^guest\d*-\d{4}$`, p.expect(hub.Renamed).To)
}

func TestSyncTellsWhatIsDifferent(t *testing.T) {
	h, _ := linked(hub.Config{})
	p := enter(t, h)
	far := h.Attach("a")
	topic := hub.Change{Kind: hub.TopicSet, Room: "attic", Text: "dust", Since: 5}
	far.Sync([]hub.Change{joined(1, "ann", 1, "lobby"), joined(2, "bob", 1, "lobby"), joined(3, "eve", 1, "attic")}, "")
	h.TakeTopics([]hub.Change{topic})
	require.Equal(t, "ann", p.expect(hub.Joined).From)
	require.Equal(t, "bob", p.expect(hub.Joined).From)
	far.Sync([]hub.Change{joined(1, "anna", 2, "lobby"), joined(3, "eve", 1, "attic")}, "so it is")
	left := p.expect(hub.Left)
	require.Equal(t, "bob so it is", left.From+" "+left.Text)
	require.Equal(t, "anna", p.expect(hub.Renamed).To)
	p.Input("/join attic")
	require.Equal(t, "dust", p.expect(hub.Entered).Text)
	far.Sync([]hub.Change{joined(3, "eve", 1, "lobby")}, "")
	require.Equal(t, "eve", p.expect(hub.Left).From)
	p.Input("/topic newer")
	p.expect(hub.TopicSet)
	require.Equal(t, "newer", h.Topics()[0].Text)
	digest := h.TopicsDigest()
	h.TakeTopics([]hub.Change{topic})
	require.Equal(t, digest, h.TopicsDigest())
	topic.Since, topic.Text = 1<<62, "newest"
	h.TakeTopics([]hub.Change{topic})
	require.NotEqual(t, digest, h.TopicsDigest())
	require.Equal(t, "The topic was set on another server: newest", p.expect(hub.Notice).Text)
	p.Input("/topic")
	require.Equal(t, "newest", p.expect(hub.Topic).Text)
}

func TestACrowdDoesNotOverrunAQueue(t *testing.T) {
	h, _ := linked(hub.Config{Queue: 10})
	p := enter(t, h)
	far := h.Attach("a")
	var crowd []hub.Change
	for i := range uint64(1000) {
		crowd = append(crowd, joined(i, fmt.Sprintf("n%d", i), 1, "lobby"))
	}
	far.Sync(crowd, "")
	require.Contains(t, p.expect(hub.Notice).Text, "1000 people on another server are in this room now")
	p.Input("/who")
	require.Equal(t, 1001, p.expect(hub.Who).People)
	far.Sync(nil, "why")
	require.Equal(t, "1000 people on another server left: why.", p.expect(hub.Notice).Text)
	require.NoError(t, far.Apply(joined(1, "bob", 1, "lobby")))
	p.expect(hub.Joined)
	p.quiet()
}

func TestGuestsOfTwoServersHaveTwoNames(t *testing.T) {
	first, _ := linked(hub.Config{})
	second := hub.New(hub.Config{Link: &link{}, Server: "other"})
	require.NotEqual(t, enter(t, first).Nick(), enter(t, second).Nick())
}

func TestAnnounceAndGreet(t *testing.T) {
	h := hub.New(hub.Config{})
	p := enter(t, h)
	h.Announce("Hear, hear.")
	require.Equal(t, "Hear, hear.", p.expect(hub.Notice).Text)
	h.Greet("Mind the step.")
	require.Equal(t, "Mind the step.", enter(t, h).expect(hub.Notice).Text)
	h.Greet("")
	enter(t, h).quiet()
}
