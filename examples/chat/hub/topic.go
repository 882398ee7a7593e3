package hub

import (
	"cmp"
	"fmt"
	"hash/fnv"
)

// topicStamp tells which of two topics is the newer one. The zero value is
// that of a room that never had one.
type topicStamp struct {
	at     int64 // nanoseconds of Unix time
	server string
}

func (a topicStamp) before(b topicStamp) bool {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.server, b.server)) < 0
}

// Topics are the topics of the rooms that somebody is in, each in a change of
// the kind TopicSet, whichever server they were set on.
func (h *Hub) Topics() (topics []Change) {
	h.mu.Lock()
	defer h.unlock()
	for _, r := range h.rooms {
		if set := r.topicSet; set.at != 0 && len(r.members) > 0 {
			topics = append(topics, Change{Kind: TopicSet, Room: r.name.shown, Text: r.topic, Since: set.at, Server: set.server})
		}
	}
	return topics
}

// TopicsDigest is a number that is the same for two hubs with the same Topics.
func (h *Hub) TopicsDigest() (digest uint64) {
	h.mu.Lock()
	defer h.unlock()
	for _, r := range h.rooms {
		if set := r.topicSet; set.at != 0 && len(r.members) > 0 {
			sum := fnv.New64a()
			fmt.Fprintf(sum, "%s %d %s", r.name.key, set.at, set.server)
			digest ^= sum.Sum64()
		}
	}
	return digest
}

// TakeTopics takes over those of another hub's Topics that are newer. Those
// that fail Check are left out.
func (h *Hub) TakeTopics(topics []Change) {
	h.mu.Lock()
	defer h.unlock()
	for _, ch := range topics {
		n, _ := parseName(ch.Room)
		r := h.rooms[n.key]
		stamp := topicStamp{ch.Since, ch.Server}
		if ch.Kind != TopicSet || ch.Check() != nil || r == nil || !r.topicSet.before(stamp) {
			continue
		}
		before := r.topic
		r.topic, r.topicSet = ch.Text, stamp
		h.recount()
		switch r.topic {
		case before:
		case "":
			h.broadcast(r, &Event{Kind: Notice, Text: "The topic was taken away on another server."})
		default:
			h.broadcast(r, &Event{Kind: Notice, Text: fmt.Sprintf("The topic was set on another server: %s", r.topic)})
		}
	}
}
