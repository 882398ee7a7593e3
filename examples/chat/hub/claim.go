package hub

import (
	"fmt"
	"hash/fnv"
	"slices"
)

// Two people on two servers can take one name before either server has heard
// of the other one. Every hub decides by the same rule which of them keeps it,
// so that all agree without asking: who has had it for longer, by the clock of
// its own server, and between equals the server whose id sorts first.
//
// Only the server of the one who loses renames it. Until the others hear of
// that, they show it under the name that it will most likely get.

// precedes tells whether a's claim to a name goes before b's. h.mu is held.
func (h *Hub) precedes(a, b *Client) bool {
	if a.since != b.since {
		return a.since < b.since
	}
	if sa, sb := h.serverOf(a), h.serverOf(b); sa != sb {
		return sa < sb
	}
	return a.person < b.person
}

func (h *Hub) serverOf(c *Client) string {
	if c.server == nil {
		return h.cfg.Server
	}
	return c.server.id
}

// claim gives c, of another server, the name n or what it is shown as while
// somebody else has that. h.mu is held.
func (h *Hub) claim(c *Client, n name, since int64) {
	if c.claimed.key != n.key {
		h.release(c)
	}
	c.claimed, c.since = n, since
	holder := h.nicks[n.key]
	switch {
	case holder == nil || holder == c:
		h.nicks[n.key], c.nick = c, n
	case h.precedes(c, holder):
		h.nicks[n.key], c.nick = c, n
		h.yield(holder)
	default:
		c.nick = secondName(n, c.server.id)
		if !slices.Contains(h.losers[n.key], c) {
			h.losers[n.key] = append(h.losers[n.key], c)
		}
	}
}

// release gives back the name that c claims. Somebody who was denied it gets
// it. h.mu is held.
func (h *Hub) release(c *Client) {
	key := c.claimed.key
	if h.nicks[key] != c {
		h.unlose(c)
		return
	}
	delete(h.nicks, key)
	if len(h.losers[key]) == 0 || h.closed {
		return
	}
	next := slices.MinFunc(h.losers[key], func(a, b *Client) int {
		if h.precedes(a, b) {
			return -1
		}
		return 1
	})
	h.unlose(next)
	h.nicks[key] = next
	h.show(next, next.claimed)
}

// unlose takes c from those who wait for the name that they claim.
func (h *Hub) unlose(c *Client) {
	key := c.claimed.key
	i := slices.Index(h.losers[key], c)
	if i < 0 {
		return
	}
	h.losers[key] = slices.Delete(h.losers[key], i, i+1)
	if len(h.losers[key]) == 0 {
		delete(h.losers, key)
	}
}

// yield has c, whose name somebody else got, go by another one. h.mu is held.
func (h *Hub) yield(c *Client) {
	second := secondName(c.claimed, h.serverOf(c))
	if c.server != nil {
		h.losers[c.claimed.key] = append(h.losers[c.claimed.key], c)
		h.show(c, second)
		return
	}
	if second.key == "" || h.nicks[second.key] != nil {
		second = h.guest()
	}
	h.nicks[second.key] = c
	h.send(c, &Event{Kind: Notice, Text: fmt.Sprintf(
		"Somebody on another server took the name %s before you did; /nick NAME takes another one.", c.nick.shown)})
	c.claimed, c.since = second, nanoseconds()
	h.show(c, second)
	h.hand(c, Renamed, "")
}

// show has c seen under another name than before. h.mu is held.
func (h *Hub) show(c *Client, n name) {
	if from := c.nick.shown; from != n.shown {
		c.nick = n
		if c.room != nil {
			h.broadcast(c.room, &Event{Kind: Renamed, From: from, SenderID: c.id, To: n.shown})
		}
	}
	c.nick = n
}

// secondName is n with the tag of a server behind it, for one whose first
// name was taken elsewhere.
func secondName(n name, server string) name {
	end := "-" + tag(server)
	runes := []rune(n.shown)
	if len(runes)+len(end) > maxName {
		runes = runes[:maxName-len(end)]
	}
	second, err := parseNick(string(runes) + end)
	if err != nil { // some scripts do not go with these digits
		second, _ = parseNick("guest" + end)
	}
	return second
}

// tag tells the guests of one server from those of others, most of the time:
// the rule above is for the rest. Digits go with the letters of every
// alphabet, where letters might look like a mixture.
func tag(server string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(server))
	return fmt.Sprintf("%04d", sum.Sum32()%10000)
}
