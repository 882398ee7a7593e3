package hub_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func (p *person) rooms() (names []string) {
	p.t.Helper()
	p.Input("/rooms")
	for _, room := range p.expect(hub.Rooms).Rooms {
		names = append(names, room.Name)
	}
	return names
}

func TestJoinAndLeave(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob := named(t, h, "alice"), named(t, h, "bob")
	bob.Input("/join #Dev")
	e := bob.expect(hub.Entered)
	require.Equal(t, "Dev", e.Room)
	require.Equal(t, []string{"bob"}, e.Names)
	bob.problem("/join dev", "You are in Dev already")
	bob.problem("/join", "/join ROOM")
	bob.problem("/join a/b", "There can be no room a/b: it contains '/'")

	bob.Input("/who")
	require.Equal(t, []string{"bob"}, bob.expect(hub.Who).Names)
	bob.Input("/who lobby")
	require.Equal(t, []string{"alice"}, bob.expect(hub.Who).Names)
	bob.problem("/who nowhere", "There is no room nowhere")
	bob.problem("/who a/b", "There is no room a/b")

	alice.Input("/join dev")
	require.Equal(t, "alice", bob.expect(hub.Joined).From)
	alice.Input("/leave")
	require.Equal(t, "alice", bob.expect(hub.Left).From)
	alice.expect(hub.Joined)
	alice.expect(hub.Renamed)
	alice.expect(hub.Left)
	require.Equal(t, "Dev", alice.expect(hub.Entered).Room)
	require.Equal(t, "lobby", alice.expect(hub.Entered).Room)
	alice.problem("/leave", "You are in lobby")
}

func TestRoomsAreListedByPeople(t *testing.T) {
	h := hub.New(hub.Config{})
	for i := range 3 {
		enter(t, h).Input("/join three")
		if i < 2 {
			enter(t, h).Input("/join two")
		}
	}
	p := enter(t, h)
	p.Input("/rooms")
	e := p.expect(hub.Rooms)
	require.Equal(t, []hub.RoomInfo{{Name: "three", People: 3}, {Name: "two", People: 2}, {Name: "lobby", People: 1}}, e.Rooms)
	require.Zero(t, e.More)
}

func TestALongListIsCut(t *testing.T) {
	h := hub.New(hub.Config{})
	for i := range 110 {
		arrive(t, h, hub.Origin{}).Input(fmt.Sprintf("/join r%d", i))
	}
	p := enter(t, h)
	p.Input("/rooms")
	e := p.expect(hub.Rooms)
	require.Len(t, e.Rooms, 100)
	require.Equal(t, 11, e.More)

	for range 110 {
		arrive(t, h, hub.Origin{})
		p.expect(hub.Joined)
	}
	p.Input("/who")
	e = p.expect(hub.Who)
	require.Len(t, e.Names, 100)
	require.Equal(t, 111, e.People)
}

func TestARoomWithNothingInItIsForgotten(t *testing.T) {
	h := hub.New(hub.Config{})
	p := enter(t, h)
	p.Input("/join dev")
	p.Input("/join ops")
	p.expect(hub.Entered)
	p.expect(hub.Entered)
	require.Equal(t, []string{"ops", "lobby"}, p.rooms())
}

func TestARoomsTalkSurvivesEverybodyLeaving(t *testing.T) {
	h := hub.New(hub.Config{})
	p := enter(t, h)
	for _, line := range []string{"/join dev", "/topic soup", "hello", "/leave", "/join dev"} {
		p.Input(line)
	}
	p.expect(hub.Entered)
	p.expect(hub.TopicSet)
	p.expect(hub.Said)
	p.expect(hub.Entered)
	e := p.expect(hub.Entered)
	require.Equal(t, "soup", e.Text)
	require.Len(t, e.History, 2)
}

func TestOnlySoManyEmptyRoomsAreRemembered(t *testing.T) {
	h := hub.New(hub.Config{Queue: 1000})
	p := enter(t, h)
	p.Input("/join keep")
	p.Input("hello")
	for i := range 100 {
		p.Input(fmt.Sprintf("/join r%d", i))
		p.Input("hello")
		if i == 50 {
			p.Input("/join keep") // was used later than the others
		}
	}
	p.Input("/leave")
	p.Input("/rooms")
	for e := p.next(); ; e = p.next() {
		if e.Kind == hub.Rooms {
			require.Len(t, e.Rooms, 1+64)
			break
		}
	}
	p.Input("/join keep")
	require.Len(t, p.expect(hub.Entered).History, 1)
	p.Input("/join r10")
	require.Empty(t, p.expect(hub.Entered).History, "forgotten")
	p.Input("/join r99")
	require.Len(t, p.expect(hub.Entered).History, 1)
}
