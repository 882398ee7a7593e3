package hub

import (
	"cmp"
	"slices"
)

const (
	// maxListed bounds the names in one answer: making a list of everybody
	// must not become a way to keep the hub busy.
	maxListed = 100

	// maxRemembered is how many rooms that everybody left are kept, with
	// their history and topic. More are forgotten, the longest empty first,
	// so that inventing rooms costs the server nothing that lasts.
	maxRemembered = 64
)

// room is guarded by Hub.mu.
type room struct {
	name     name
	topic    string
	topicSet topicStamp
	members  map[*Client]struct{}
	history  []*Event // oldest first

	counting bool // so many come or go that they are not told of one by one
}

// remember adds to the history, which keeps at most limit events.
func (r *room) remember(e *Event, limit int) {
	if len(r.history) >= limit {
		r.history = slices.Delete(r.history, 0, len(r.history)-limit+1)
	}
	if limit > 0 {
		r.history = append(r.history, e)
	}
}

// names lists members, sorted; of a crowd, any maxListed of them.
func (r *room) names() []string {
	names := make([]string, 0, min(len(r.members), maxListed))
	for c := range r.members {
		if len(names) == maxListed {
			break
		}
		names = append(names, c.nick.shown)
	}
	slices.Sort(names)
	return names
}

// findRoom returns the room of that name and makes it when there is none.
// h.mu is held.
func (h *Hub) findRoom(n name) *room {
	r := h.rooms[n.key]
	if r == nil {
		r = &room{name: n, members: make(map[*Client]struct{})}
		h.rooms[n.key] = r
	}
	return r
}

// enter takes c out of the room it is in, if any, and into r. h.mu is held.
func (h *Hub) enter(c *Client, r *room) {
	// Before exit, which forgets the longest empty room and must not mean r.
	if i := slices.Index(h.remembered, r); i >= 0 {
		h.remembered = slices.Delete(h.remembered, i, i+1)
	}
	h.exit(c, "")
	h.broadcast(r, &Event{Kind: Joined, From: c.nick.shown, SenderID: c.id})
	r.members[c] = struct{}{}
	c.room = r
	h.recount()
	if c.server != nil {
		return
	}
	h.hand(c, Joined, "")
	h.send(c, &Event{
		Kind: Entered, Room: r.name.shown, Text: r.topic,
		People: len(r.members), Names: r.names(), History: slices.Clone(r.history),
	})
}

// exit takes c out of its room and tells those who stay. h.mu is held.
func (h *Hub) exit(c *Client, why string) {
	r := c.room
	if r == nil {
		return
	}
	delete(r.members, c)
	c.room = nil
	h.recount()
	h.broadcast(r, &Event{Kind: Left, From: c.nick.shown, SenderID: c.id, Text: why})
	h.forgetEmpty(r)
}

// forgetEmpty keeps a room that everybody left for a while, if there is
// anything in it to keep. h.mu is held.
func (h *Hub) forgetEmpty(r *room) {
	if len(r.members) > 0 || r == h.lobby {
		return
	}
	if len(r.history) == 0 && r.topic == "" {
		delete(h.rooms, r.name.key)
		return
	}
	h.remembered = append(h.remembered, r)
	if len(h.remembered) > maxRemembered {
		delete(h.rooms, h.remembered[0].name.key)
		h.remembered = slices.Delete(h.remembered, 0, 1)
	}
}

// broadcast sends e to everybody in r. h.mu is held.
func (h *Hub) broadcast(r *room, e *Event) {
	if r.counting && (e.Kind == Joined || e.Kind == Left) {
		return
	}
	e.Room = r.name.shown
	h.stamp(e)
	for c := range r.members {
		if e.Kind == Said && c.id == e.SenderID && c.origin.LocalEcho {
			continue
		}
		h.push(c, e)
	}
}

// roomInfos lists the rooms, the most crowded first. h.mu is held.
func (h *Hub) roomInfos() []RoomInfo {
	infos := make([]RoomInfo, 0, len(h.rooms))
	for _, r := range h.rooms {
		infos = append(infos, RoomInfo{Name: r.name.shown, People: len(r.members), Topic: r.topic})
	}
	slices.SortFunc(infos, func(a, b RoomInfo) int {
		return cmp.Or(cmp.Compare(b.People, a.People), cmp.Compare(a.Name, b.Name))
	})
	return infos
}
