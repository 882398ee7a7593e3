package hub

import "time"

// Kind says what happened.
type Kind string

const (
	// To a room, and kept in its history.

	Said     Kind = "said"  // From said Text
	Acted    Kind = "acted" // From does Text (/me)
	TopicSet Kind = "topic" // From set the topic to Text; "" took it away

	// To a room, while they happen.

	Joined  Kind = "joined"  // From came to Room
	Left    Kind = "left"    // From left Room, and maybe says why in Text
	Renamed Kind = "renamed" // From is called To from now on

	// To the clients concerned.

	Private Kind = "private" // From told To Text; both get it
	Welcome Kind = "welcome" // the first event of all: you are To
	Entered Kind = "entered" // you are in Room now: Text is its topic, People, Names, History
	Who     Kind = "who"     // the answer to /who: Room, People, Names
	Rooms   Kind = "rooms"   // the answer to /rooms: Rooms, More
	Topic   Kind = "shown"   // the answer to /topic: Text is the topic of Room
	Help    Kind = "help"    // the answer to /help: show Commands
	Problem Kind = "problem" // what you typed was refused: Text says why
	Notice  Kind = "notice"  // something that the server has to say: Text
	Goodbye Kind = "goodbye" // the last event of all: Text says why it ends
)

// Event is one thing that happened, as a door shows it to its client. Which
// fields are set depends on Kind. An Event is never changed once it was
// queued: many clients share it.
type Event struct {
	Kind Kind
	Time time.Time

	Room     string
	From     string
	SenderID uint64 // Client.ID of From, so that a door can tell the client's own
	To       string
	Text     string

	People  int        // how many are in Room
	Names   []string   // at most maxListed of them, sorted
	Rooms   []RoomInfo // at most maxListed, the most crowded first
	More    int        // how many rooms are not in Rooms
	History []*Event   // oldest first
}

// RoomInfo is a line of the answer to /rooms.
type RoomInfo struct {
	Name   string
	People int
	Topic  string
}

// size is about what e holds in memory, for the bound of a queue. Events of a
// room's history count too, although rooms hold them as well: once they fell
// out of the history, the queue is all that holds them.
func (e *Event) size() int {
	const fixed = 256
	n := fixed + len(e.Room) + len(e.From) + len(e.To) + len(e.Text)
	for _, name := range e.Names {
		n += 16 + len(name)
	}
	for _, room := range e.Rooms {
		n += 40 + len(room.Name) + len(room.Topic)
	}
	for _, old := range e.History {
		n += 8 + len(old.Text)
	}
	return n
}
