package hub

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Server is another server, whose people are in the rooms of this hub as its
// own clients are. Any goroutine may call its methods.
type Server struct {
	hub    *Hub
	id     string
	people map[uint64]*Client // guarded by hub.mu; by the numbers of that server
}

// Attach makes a Server with nobody in it. The id is compared with that of
// other servers when two people claim one name, so it must be the same at
// every hub.
func (h *Hub) Attach(id string) *Server {
	return &Server{hub: h, id: id, people: make(map[uint64]*Client)}
}

// crowd is how many may come to or go from one room at once before they are
// counted and no longer named: the queue of a client is not endless.
const crowd = 5

// Check tells whether a change that came from elsewhere can be shown to
// people, as if a client had typed it.
func (ch *Change) Check() error {
	switch ch.Kind {
	case Joined:
		if _, err := parseName(ch.Room); err != nil {
			return fmt.Errorf("bad name of a room: %w", err)
		}
		fallthrough
	case Renamed:
		if _, err := parseNick(ch.Name); err != nil {
			return fmt.Errorf("bad nickname: %w", err)
		}
	case Said, Acted:
		if ch.Text == "" {
			return errors.New("nothing is said")
		}
		return checkText(ch.Text)
	case TopicSet:
		if len(ch.Text) > maxTopic {
			return errors.New("that topic is too long")
		}
		return checkText(ch.Text)
	case Left:
		return checkText(ch.Text)
	default:
		return fmt.Errorf("there is no change of the kind %q", clip(string(ch.Kind)))
	}
	return nil
}

// Apply has a person of the server do something here. The error says what is
// wrong with the change; then nothing happened.
func (s *Server) Apply(ch Change) error {
	if err := ch.Check(); err != nil {
		return err
	}
	h := s.hub
	h.mu.Lock()
	defer h.unlock()
	if h.closed {
		return nil
	}
	c := s.people[ch.Person]
	if c == nil && ch.Kind != Joined {
		return fmt.Errorf("person %d is not here", ch.Person)
	}
	at := shownTime(ch.Time)
	switch ch.Kind {
	case Joined:
		s.join(ch)
	case Left:
		h.removeFar(c, ch.Text)
	case Renamed:
		s.rename(c, ch)
	case Said, Acted:
		h.keepTalk(c.room, &Event{Kind: ch.Kind, Time: at, From: c.nick.shown, SenderID: c.id, Text: ch.Text})
	case TopicSet:
		if stamp := (topicStamp{ch.Since, s.id}); c.room.topicSet.before(stamp) {
			c.room.topic, c.room.topicSet = ch.Text, stamp
			h.keepTalk(c.room, &Event{Kind: TopicSet, Time: at, From: c.nick.shown, SenderID: c.id, Text: ch.Text})
		}
	}
	return nil
}

// Sync makes the people of the server those of the list, each in a change of
// the kind Joined. What was different before, others see happen, with why for
// those who leave. Entries that fail Check are left out.
func (s *Server) Sync(people []Change, why string) {
	h := s.hub
	h.mu.Lock()
	defer h.unlock()
	if h.closed {
		return
	}
	here := make(map[uint64]bool, len(people))
	var changed []Change
	came, went := make(map[string]int), make(map[string]int) // by the key of the room
	for _, ch := range people {
		if ch.Kind != Joined || ch.Check() != nil {
			continue
		}
		here[ch.Person] = true
		r, _ := parseName(ch.Room)
		c := s.people[ch.Person]
		if c == nil || c.room.name.key != r.key {
			came[r.key]++
			if c != nil {
				went[c.room.name.key]++
			}
		}
		changed = append(changed, ch)
	}
	var gone []*Client
	for _, c := range s.people {
		if !here[c.person] {
			gone = append(gone, c)
			went[c.room.name.key]++
		}
	}
	slices.SortFunc(gone, func(a, b *Client) int { return cmp.Compare(a.person, b.person) })

	for key, n := range went {
		if r := h.rooms[key]; n > crowd {
			r.counting = true
			h.broadcast(r, &Event{Kind: Notice, Text: fmt.Sprintf("%d people on another server left%s.", n, colon(why))})
		}
	}
	var counted []*room
	for key, n := range came {
		if n > crowd {
			i := slices.IndexFunc(changed, func(ch Change) bool { k, _ := Key(ch.Room); return k == key })
			r, _ := parseName(changed[i].Room)
			counted = append(counted, h.findRoom(r))
			h.findRoom(r).counting = true
			h.broadcast(h.findRoom(r), &Event{Kind: Notice, Text: fmt.Sprintf("%d people on another server are in this room now; /who lists them.", n)})
		}
	}
	for key := range went {
		counted = append(counted, h.rooms[key])
	}
	for _, c := range gone {
		h.removeFar(c, why)
	}
	for _, ch := range changed {
		c := s.people[ch.Person]
		s.join(ch)
		if c != nil {
			s.rename(c, ch)
		}
	}
	for _, r := range counted {
		r.counting = false
	}
}

// join brings somebody in, or to another room. h.mu is held.
func (s *Server) join(ch Change) {
	h := s.hub
	r, _ := parseName(ch.Room)
	c := s.people[ch.Person]
	if c == nil {
		h.lastID++
		c = &Client{hub: h, id: h.lastID, server: s, person: ch.Person}
		s.people[ch.Person] = c
		n, _ := parseNick(ch.Name)
		h.claim(c, n, ch.Since)
	}
	if c.room == nil || c.room.name.key != r.key {
		h.enter(c, h.findRoom(r))
	}
}

// rename has c claim another name. h.mu is held.
func (s *Server) rename(c *Client, ch Change) {
	n, _ := parseNick(ch.Name)
	if n == c.claimed && ch.Since == c.since {
		return
	}
	from := c.nick
	s.hub.claim(c, n, ch.Since)
	to := c.nick
	c.nick = from
	s.hub.show(c, to)
}

// Private hands what a person of the server said to one of the hub's own
// clients. The error says why it could not be.
func (s *Server) Private(p PrivateText) error {
	if p.Text == "" {
		return errors.New("nothing is said")
	}
	if err := checkText(p.Text); err != nil {
		return err
	}
	h := s.hub
	h.mu.Lock()
	defer h.unlock()
	from := s.people[p.From]
	if from == nil {
		return fmt.Errorf("person %d is not here", p.From)
	}
	for to := range h.clients {
		if to.id == p.To {
			h.send(to, &Event{Kind: Private, From: from.nick.shown, SenderID: from.id, To: to.nick.shown, Text: p.Text})
			return nil
		}
	}
	return fmt.Errorf("client %d has left", p.To)
}

// removeFar takes out somebody of another server. h.mu is held.
func (h *Hub) removeFar(c *Client, why string) {
	delete(c.server.people, c.person)
	h.exit(c, why)
	h.release(c)
}

// oldest is how long ago something can have been said to be shown with the
// time of its own.
const oldest = 24 * time.Hour

// shownTime is t, unless that cannot be: then now. The clocks of servers differ.
func shownTime(t time.Time) time.Time {
	now := time.Now()
	if t.After(now) || t.Before(now.Add(-oldest)) {
		return now
	}
	return t
}

func nanoseconds() int64 { return time.Now().UnixNano() }

func colon(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
