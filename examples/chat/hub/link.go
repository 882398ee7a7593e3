package hub

import "time"

// Link carries what the hub's own clients do to other hubs, and what is said
// to somebody there. What comes from there goes through Hub.Attach.
//
// The hub calls it while it is locked: a method must not block, nor call the
// hub or its clients.
type Link interface {
	// Hand takes over what one of the hub's own clients did, in the order in
	// which it happened.
	Hand(Change)

	// Private takes over what a client says to one person of another server.
	// It reports false when nothing can be sent there now.
	Private(server string, p PrivateText) bool
}

// Change is something that one person did, as hubs tell it to each other. Who
// moves from room to room has Joined the new one; only who is gone has Left.
type Change struct {
	Kind   Kind   // Joined, Left, Renamed, Said, Acted or TopicSet
	Person uint64 // who did it: a number of the person's own server
	Name   string // that it wants to be called, from now on
	Since  int64  // since when, in nanoseconds of Unix time; of a TopicSet, when it was set
	Room   string // that it is in, from now on
	Text   string
	Time   time.Time // when it happened, by the clock of the person's own server
	Server string    // of those in Topics, where it was set
}

// PrivateText is what one person tells another one, on another server.
type PrivateText struct {
	From uint64 // a number of the sender's server
	To   uint64 // a number of the receiver's server
	Text string
}

// hand tells the link what c did. h.mu is held.
func (h *Hub) hand(c *Client, kind Kind, text string) {
	// The end of a hub is not the end of each of its clients: it has a message of its own.
	if h.cfg.Link == nil || c.server != nil || h.closed {
		return
	}
	ch := Change{Kind: kind, Person: c.id, Name: c.nick.shown, Since: c.since, Text: text, Time: time.Now()}
	if c.room != nil {
		ch.Room = c.room.name.shown
	}
	if kind == TopicSet {
		ch.Since = c.room.topicSet.at
	}
	h.cfg.Link.Hand(ch)
}

// Announce tells everybody who is in the hub something.
func (h *Hub) Announce(text string) {
	h.mu.Lock()
	defer h.unlock()
	e := &Event{Kind: Notice, Text: text}
	h.stamp(e)
	for c := range h.clients {
		h.push(c, e)
	}
}

// Greet sets what those are told who enter from now on; "" is nothing.
func (h *Hub) Greet(text string) {
	h.mu.Lock()
	defer h.unlock()
	h.greeting = text
}

// Key is what the name of a room is compared by: the same for all spellings of one
// name.
func Key(s string) (string, error) {
	n, err := parseName(s)
	return n.key, err
}
