package cluster

import (
	"cmp"
	"maps"
	"slices"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// maxPeople bounds what one server can make the others remember.
const maxPeople = 10_000

// state is the people of one server after a number of entries of its journal.
// It is what comes out when these are applied in order, so whoever knows a
// state and what came later knows all.
type state struct {
	people map[uint64]*entry // by number, each with the kind Joined
}

func newState() *state { return &state{people: make(map[uint64]*entry)} }

func (s *state) clone() *state { return &state{people: maps.Clone(s.people)} }

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
	}
	return true
}

// changes is the state as the hub takes it: who claimed a name first comes
// first.
func (s *state) changes() (people []hub.Change) {
	for _, e := range s.sortedPeople() {
		people = append(people, e.change())
	}
	return people
}

func (s *state) sortedPeople() []*entry {
	return slices.SortedFunc(maps.Values(s.people), func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Since, b.Since), cmp.Compare(a.Person, b.Person))
	})
}
