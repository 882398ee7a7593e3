package lines

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// maxWith is how many names somebody who enters a room is shown; /who has
// the others.
const maxWith = 10

// Append writes e as lines of text, for the client whose ID is self.
//
// Who reads them can tell what is what by how a line begins: "[" is what
// happens in the room, with its time; "* " is an answer of the server; "! "
// is something that it refused. Nobody can forge one, because a name has no
// space and no punctuation in it.
func Append(dst []byte, e *hub.Event, self uint64) []byte {
	from := len(dst)
	return isolate(appendEvent(dst, e, self), from)
}

// isolate replaces what turns the direction of a whole line around, which would show
// the end of what somebody says where its sender's name is. A page can keep such
// characters inside of the text that they came with; a terminal can't. What is
// written from right to left, Hebrew or Arabic, needs none of them.
func isolate(b []byte, from int) []byte {
	text := b[from:]
	if !bytes.ContainsFunc(text, turns) {
		return b
	}
	return append(b[:from:from], bytes.Map(func(r rune) rune {
		if turns(r) {
			return utf8.RuneError
		}
		return r
	}, text)...)
}

func turns(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func appendEvent(dst []byte, e *hub.Event, self uint64) []byte {
	own := e.SenderID == self
	switch e.Kind {
	case hub.Said, hub.Acted, hub.TopicSet:
		dst = appendTalk(dst, e, e.Time)
	case hub.Private:
		if own {
			dst = fmt.Appendf(dst, "[%s] to %s (private): %s\n", clock(e.Time, e.Time), e.To, e.Text)
		} else {
			dst = fmt.Appendf(dst, "[%s] %s (private): %s\n", clock(e.Time, e.Time), e.From, e.Text)
		}
	case hub.Joined:
		dst = fmt.Appendf(dst, "[%s] -> %s joined\n", clock(e.Time, e.Time), e.From)
	case hub.Left:
		dst = fmt.Appendf(dst, "[%s] <- %s left%s\n", clock(e.Time, e.Time), e.From, after(": ", e.Text))
	case hub.Renamed:
		if own {
			dst = fmt.Appendf(dst, "* You are %s now.\n", e.To)
		} else {
			dst = fmt.Appendf(dst, "[%s] -- %s is %s now\n", clock(e.Time, e.Time), e.From, e.To)
		}
	case hub.Welcome:
		dst = fmt.Appendf(dst, "Welcome! You are %s. What you type is said to everybody in the room;\n"+
			"/nick NAME gives you a name, /help lists what else there is.\n", e.To)
	case hub.Entered:
		dst = appendEntered(dst, e)
	case hub.Who:
		dst = appendWho(dst, e)
	case hub.Rooms:
		dst = appendRooms(dst, e)
	case hub.Topic:
		if e.Text == "" {
			dst = fmt.Appendf(dst, "* %s has no topic; /topic TEXT sets one.\n", e.Room)
		} else {
			dst = fmt.Appendf(dst, "* The topic of %s: %s\n", e.Room, e.Text)
		}
	case hub.Help:
		dst = append(dst, "* What you type is said to everybody in your room, except:\n"...)
		for _, c := range hub.Commands() {
			dst = fmt.Appendf(dst, "*   %-15s %s\n", c.Usage, c.Does)
		}
	case hub.Problem:
		dst = fmt.Appendf(dst, "! %s\n", e.Text)
	case hub.Notice, hub.Goodbye:
		dst = fmt.Appendf(dst, "* %s\n", e.Text)
	}
	return dst
}

// appendTalk writes what a room keeps in its history.
func appendTalk(dst []byte, e *hub.Event, now time.Time) []byte {
	at := clock(e.Time, now)
	switch {
	case e.Kind == hub.Acted:
		return fmt.Appendf(dst, "[%s] * %s %s\n", at, e.From, e.Text)
	case e.Kind == hub.TopicSet && e.Text == "":
		return fmt.Appendf(dst, "[%s] -- %s took the topic away\n", at, e.From)
	case e.Kind == hub.TopicSet:
		return fmt.Appendf(dst, "[%s] -- %s set the topic: %s\n", at, e.From, e.Text)
	default:
		return fmt.Appendf(dst, "[%s] %s: %s\n", at, e.From, e.Text)
	}
}

// appendEntered shows the history first, so that the line about the room is
// what the eye finds beside the cursor.
func appendEntered(dst []byte, e *hub.Event) []byte {
	if len(e.History) > 0 {
		dst = fmt.Appendf(dst, "* Earlier in %s:\n", e.Room)
		for _, old := range e.History {
			dst = appendTalk(dst, old, e.Time)
		}
	}
	dst = fmt.Appendf(dst, "* You are in %s", e.Room)
	switch {
	case e.People == 1:
		dst = append(dst, "; nobody else is here."...)
	case e.People-1 <= maxWith:
		dst = fmt.Appendf(dst, " (%s).", strings.Join(e.Names, ", "))
	default:
		dst = fmt.Appendf(dst, " with %d others; /who lists them.", e.People-1)
	}
	return fmt.Appendf(dst, "%s\n", after(" Topic: ", e.Text))
}

func appendWho(dst []byte, e *hub.Event) []byte {
	if e.People == 0 {
		return fmt.Appendf(dst, "* Nobody is in %s.\n", e.Room)
	}
	dst = fmt.Appendf(dst, "* In %s (%d): %s", e.Room, e.People, strings.Join(e.Names, ", "))
	if more := e.People - len(e.Names); more > 0 {
		dst = fmt.Appendf(dst, " and %d more", more)
	}
	return append(dst, '\n')
}

func appendRooms(dst []byte, e *hub.Event) []byte {
	width := 0
	for _, room := range e.Rooms {
		width = max(width, len([]rune(room.Name)))
	}
	dst = append(dst, "* Rooms:\n"...)
	for _, room := range e.Rooms {
		dst = fmt.Appendf(dst, "*   %-*s %3d%s\n", width, room.Name, room.People, after("  ", room.Topic))
	}
	if e.More > 0 {
		dst = fmt.Appendf(dst, "*   and %d more\n", e.More)
	}
	return dst
}

// clock is the time of day, with the date when that is not today.
func clock(t, now time.Time) string {
	ty, tm, td := t.Date()
	if ny, nm, nd := now.Date(); ty == ny && tm == nm && td == nd {
		return t.Format("15:04")
	}
	return t.Format("2 Jan 15:04")
}

// after is text behind a separator, or nothing.
func after(separator, text string) string {
	if text == "" {
		return ""
	}
	return separator + text
}
