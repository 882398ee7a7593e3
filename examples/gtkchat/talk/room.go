package talk

import (
	"fmt"
	"slices"
	"strings"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
)

// State is how a room is at the moment.
type State struct {
	Me     string   // this person's nickname
	Room   string   // its name
	Topic  string   // "": none
	People []string // sorted, with Me
	More   int      // how many are here beside People: of a crowd only some are listed
}

// room follows a room by its events. One goroutine uses it.
type room struct {
	self  uint64 // SenderID of this person's events
	state State
}

// apply takes in an event and returns the lines to show for it.
func (r *room) apply(e *hub.Event) []Line {
	s := &r.state
	switch e.Kind {
	case hub.Said, hub.Acted, hub.TopicSet:
		if e.Kind == hub.TopicSet && (e.Room == "" || e.Room == s.Room) {
			s.Topic = e.Text
		}
		return r.talk(e)
	case hub.Private:
		return []Line{{Kind: Private, At: e.Time, From: e.From, To: e.To, Text: e.Text, Own: e.SenderID == r.self}}
	case hub.Joined:
		r.add(e.From)
		return r.notice(e, "%s joined", e.From)
	case hub.Left:
		r.remove(e.From)
		if e.Text != "" {
			return r.notice(e, "%s left: %s", e.From, e.Text)
		}
		return r.notice(e, "%s left", e.From)
	case hub.Renamed:
		return r.rename(e)
	case hub.Welcome:
		s.Me = e.To
		return nil // Entered follows
	case hub.Entered:
		return r.enter(e)
	case hub.Who:
		if e.Room == s.Room {
			r.list(e.Names, e.People)
		}
	case hub.Problem:
		return []Line{{Kind: Problem, At: e.Time, Text: e.Text}}
	}
	return answers(e, r.self)
}

// talk is what a room keeps.
func (r *room) talk(e *hub.Event) []Line {
	own := e.SenderID == r.self
	switch e.Kind {
	case hub.Said:
		return []Line{{Kind: Said, At: e.Time, From: e.From, Text: e.Text, Own: own}}
	case hub.Acted:
		return []Line{{Kind: Acted, At: e.Time, From: e.From, Text: e.Text, Own: own || e.From == r.state.Me}}
	}
	if e.Text == "" {
		return r.notice(e, "%s took the topic away", e.From)
	}
	return r.notice(e, "%s set the topic: %s", e.From, e.Text)
}

func (r *room) notice(e *hub.Event, format string, args ...any) []Line {
	return []Line{{Kind: Notice, At: e.Time, Text: fmt.Sprintf(format, args...)}}
}

func (r *room) rename(e *hub.Event) []Line {
	// A server tells a client its own new name without the old one.
	own, from := e.SenderID == r.self, e.From
	if own {
		from, r.state.Me = r.state.Me, e.To
	}
	r.remove(from)
	r.add(e.To)
	if own {
		return r.notice(e, "You are %s now", e.To)
	}
	return r.notice(e, "%s is %s now", from, e.To)
}

func (r *room) enter(e *hub.Event) []Line {
	r.state.Room, r.state.Topic = e.Room, e.Text
	names := e.Names
	if len(names) == 0 {
		names = []string{r.state.Me}
	}
	r.list(names, e.People)
	var shown []Line
	for _, old := range e.History {
		shown = append(shown, r.talk(old)...)
	}
	return append(shown, r.notice(e, "You are in %s", e.Room)...)
}

// list sets who is here.
func (r *room) list(names []string, people int) {
	r.state.People = slices.Sorted(slices.Values(names))
	r.state.More = max(people-len(names), 0)
}

func (r *room) add(name string) {
	if i, found := slices.BinarySearch(r.state.People, name); !found {
		r.state.People = slices.Insert(r.state.People, i, name)
	}
}

// remove takes out a name, or, when it was not listed, one of those who are
// not either.
func (r *room) remove(name string) {
	if i, found := slices.BinarySearch(r.state.People, name); found {
		r.state.People = slices.Delete(r.state.People, i, i+1)
	} else if r.state.More > 0 {
		r.state.More--
	}
}

// snapshot is the state, for another goroutine.
func (r *room) snapshot() State {
	s := r.state
	s.People = slices.Clone(s.People)
	return s
}

// answers shows an event in the words that terminals get.
func answers(e *hub.Event, self uint64) []Line {
	text := strings.TrimSuffix(string(lines.Append(nil, e, self)), "\n")
	var shown []Line
	for line := range strings.SplitSeq(text, "\n") {
		shown = append(shown, Line{Kind: Answer, At: e.Time, Text: strings.TrimPrefix(line, "* ")})
	}
	return shown
}
