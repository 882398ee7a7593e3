package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

const (
	// maxPeople and maxTopics bound what one server can make the others
	// remember.
	maxPeople = 10_000
	maxTopics = 500
)

// state is the people of one server, and the topics that they set, after a
// number of entries of its journal. It is what comes out when these are
// applied in order, so whoever knows a state and what came later knows all.
type state struct {
	people map[uint64]*entry // by number, each with the kind Joined
	topics map[string]*entry // by room, each with the kind TopicSet
}

func newState() *state {
	return &state{people: make(map[uint64]*entry), topics: make(map[string]*entry)}
}

func (s *state) clone() *state {
	return &state{people: maps.Clone(s.people), topics: maps.Clone(s.topics)}
}

// apply brings the state forward by one entry. It reports false, and does
// nothing, when the entry cannot follow on the state.
func (s *state) apply(e *entry) bool {
	before := s.people[e.Person]
	if before == nil && (e.Kind != hub.Joined || len(s.people) >= maxPeople) {
		return false
	}
	switch e.Kind {
	case hub.Joined:
		s.people[e.Person] = &entry{Kind: hub.Joined, Person: e.Person, Name: e.Name, Since: e.Since, Room: e.Room}
	case hub.Left:
		delete(s.people, e.Person)
	case hub.Renamed:
		s.people[e.Person] = &entry{Kind: hub.Joined, Person: e.Person, Name: e.Name, Since: e.Since, Room: before.Room}
	case hub.TopicSet:
		s.setTopic(&entry{Kind: hub.TopicSet, Name: before.Name, Since: e.Since, Room: before.Room, Text: e.Text})
	}
	return true
}

// setTopic keeps the newest topics, also that a room has none any more.
func (s *state) setTopic(e *entry) {
	if len(s.topics) >= maxTopics && s.topics[e.Room] == nil {
		oldest := slices.MinFunc(slices.Collect(maps.Values(s.topics)), func(a, b *entry) int { return cmp.Compare(a.Since, b.Since) })
		delete(s.topics, oldest.Room)
	}
	s.topics[e.Room] = e
}

// changes is the state as the hub takes it: who claimed a name first comes
// first.
func (s *state) changes() (people, topics []hub.Change) {
	for _, e := range s.sortedPeople() {
		people = append(people, e.change())
	}
	for _, e := range s.topics {
		topics = append(topics, e.change())
	}
	return people, topics
}

func (s *state) sortedPeople() []*entry {
	return slices.SortedFunc(maps.Values(s.people), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Person, b.Person))
	})
}
