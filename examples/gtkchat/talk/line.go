package talk

import (
	"strings"
	"time"
	"unicode"
)

// Kind is how a line is to be shown.
type Kind int

const (
	Said    Kind = iota // From said Text
	Acted               // From does Text
	Private             // From said Text to To alone; one of them is this person
	Notice              // something happened in the room: Text says what
	Answer              // what the server says to this person, one line of maybe several
	Problem             // the server refused what this person typed: Text says why
)

// Line is one line of the conversation.
type Line struct {
	Kind Kind
	At   time.Time
	From string
	To   string
	Text string
	Own  bool // From is this person
}

// printable makes text of what came from another program: a window should not
// choke on bytes that are no text, nor show a control character.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, s)
}
