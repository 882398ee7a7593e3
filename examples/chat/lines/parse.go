package lines

import (
	"strconv"
	"strings"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// Parse reads back a line that Append wrote, without its end, for a program
// that joins a server in the place of a person. What Append wrote for the
// client itself gets self for a SenderID. The time of day is taken to be of
// the day of now. It returns nil for what is no event by itself: the greeting's
// second line, a line of a list, a goodbye, and whatever another kind of server
// says; such lines are for the person to read.
//
// The history of a room comes as the events that were kept, before Entered.
// Of a crowd, Entered has People alone; /who has the names.
func Parse(line string, now time.Time, self uint64) *hub.Event {
	if nick, ok := between(line, "Welcome! You are ", ". What you type is said to everybody in the room;"); ok && isWord(nick) {
		return &hub.Event{Kind: hub.Welcome, Time: now, To: nick}
	}
	if text, ok := strings.CutPrefix(line, "! "); ok {
		return &hub.Event{Kind: hub.Problem, Time: now, Text: text}
	}
	var e *hub.Event
	if answer, ok := strings.CutPrefix(line, "* "); ok {
		if e = parseAnswer(answer, self); e != nil {
			e.Time = now
		}
		return e
	}
	if at, talk, ok := strings.Cut(line, "] "); ok && strings.HasPrefix(at, "[") {
		when, ok := parseClock(at[1:], now)
		if e = parseTalk(talk, self); ok && e != nil {
			e.Time = when
			return e
		}
	}
	return nil
}

// parseTalk reads what follows the time of day. A name has no space and no
// punctuation in it, which is what tells the forms from each other.
func parseTalk(s string, self uint64) *hub.Event {
	mark, rest, _ := strings.Cut(s, " ")
	nick, what, _ := strings.Cut(rest, " ")
	switch mark {
	case "->":
		if what == "joined" && isWord(nick) {
			return &hub.Event{Kind: hub.Joined, From: nick}
		}
		return nil
	case "<-":
		if why, ok := strings.CutPrefix(what, "left"); ok && isWord(nick) {
			return &hub.Event{Kind: hub.Left, From: nick, Text: strings.TrimPrefix(why, ": ")}
		}
		return nil
	case "--":
		return parseChange(nick, what)
	case "*":
		if isWord(nick) && what != "" {
			return &hub.Event{Kind: hub.Acted, From: nick, Text: what}
		}
		return nil
	case "to":
		const private = "(private): "
		if strings.HasPrefix(what, private) && isWord(nick) {
			return &hub.Event{Kind: hub.Private, SenderID: self, To: nick, Text: what[len(private):]}
		}
	}
	if text, ok := strings.CutPrefix(rest, "(private): "); ok && isWord(mark) {
		return &hub.Event{Kind: hub.Private, From: mark, Text: text}
	}
	if nick, ok := strings.CutSuffix(mark, ":"); ok && isWord(nick) && rest != "" {
		return &hub.Event{Kind: hub.Said, From: nick, Text: rest}
	}
	return nil
}

func parseChange(nick, what string) *hub.Event {
	if !isWord(nick) {
		return nil
	}
	if what == "took the topic away" {
		return &hub.Event{Kind: hub.TopicSet, From: nick}
	}
	if topic, ok := strings.CutPrefix(what, "set the topic: "); ok {
		return &hub.Event{Kind: hub.TopicSet, From: nick, Text: topic}
	}
	if to, ok := between(what, "is ", " now"); ok && isWord(to) {
		return &hub.Event{Kind: hub.Renamed, From: nick, To: to}
	}
	return nil
}

// parseAnswer reads what follows "* ".
func parseAnswer(s string, self uint64) *hub.Event {
	if rest, ok := strings.CutPrefix(s, "You are in "); ok {
		// Somebody may be called "in", but no room "now.".
		if e := parseEntered(rest); e != nil {
			return e
		}
	}
	if nick, ok := between(s, "You are ", " now."); ok && isWord(nick) {
		return &hub.Event{Kind: hub.Renamed, SenderID: self, To: nick}
	}
	if rest, ok := strings.CutPrefix(s, "In "); ok {
		return parseWho(rest)
	}
	if room, ok := between(s, "Nobody is in ", "."); ok && isWord(room) {
		return &hub.Event{Kind: hub.Who, Room: room}
	}
	if rest, ok := strings.CutPrefix(s, "The topic of "); ok {
		if room, topic, ok := strings.Cut(rest, ": "); ok && isWord(room) {
			return &hub.Event{Kind: hub.Topic, Room: room, Text: topic}
		}
	}
	if room, ok := between(s, "", " has no topic; /topic TEXT sets one."); ok && isWord(room) {
		return &hub.Event{Kind: hub.Topic, Room: room}
	}
	return nil
}

// parseEntered reads the line about the room after "You are in ".
func parseEntered(s string) *hub.Event {
	s, topic, _ := strings.Cut(s, " Topic: ")
	e := &hub.Event{Kind: hub.Entered, Text: topic}
	if room, ok := between(s, "", "; nobody else is here."); ok && isWord(room) {
		e.Room, e.People = room, 1
		return e
	}
	room, rest, _ := strings.Cut(s, " ")
	if !isWord(room) {
		return nil
	}
	e.Room = room
	if list, ok := between(rest, "(", ")."); ok {
		e.Names = strings.Split(list, ", ")
		e.People = len(e.Names)
		return e
	}
	if number, ok := between(rest, "with ", " others; /who lists them."); ok {
		if others, err := strconv.Atoi(number); err == nil && others > 0 {
			e.People = others + 1
			return e
		}
	}
	return nil
}

// parseWho reads "lobby (2): alice, bob and 3 more".
func parseWho(s string) *hub.Event {
	head, list, _ := strings.Cut(s, "): ")
	room, number, _ := strings.Cut(head, " (")
	people, err := strconv.Atoi(number)
	if err != nil || people < 1 || !isWord(room) || list == "" {
		return nil
	}
	list, _, _ = strings.Cut(list, " and ")
	return &hub.Event{Kind: hub.Who, Room: room, People: people, Names: strings.Split(list, ", ")}
}

// parseClock is the inverse of clock, as far as its text goes.
func parseClock(s string, now time.Time) (time.Time, bool) {
	if t, err := time.ParseInLocation("15:04", s, now.Location()); err == nil {
		year, month, day := now.Date()
		return time.Date(year, month, day, t.Hour(), t.Minute(), 0, 0, now.Location()), true
	}
	// With the year in front, because without one 29 Feb would be no date.
	for _, year := range []int{now.Year(), now.Year() - 1} {
		t, err := time.ParseInLocation("2006 2 Jan 15:04", strconv.Itoa(year)+" "+s, now.Location())
		if err == nil && !t.After(now) {
			return t, true
		}
	}
	return time.Time{}, false
}

func between(s, before, behind string) (string, bool) {
	s, ok := strings.CutPrefix(s, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, behind)
}

// isWord tells whether s can be a name.
func isWord(s string) bool { return hub.CheckName(s) == nil }
