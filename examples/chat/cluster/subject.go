package cluster

import (
	"errors"
	"fmt"
	"strings"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// DefaultSubject is what the subjects begin with unless something else is asked for.
const DefaultSubject = "glibserve.chat"

// subjects names the subjects under a prefix:
//
//	PREFIX.all           who is there
//	PREFIX.room.ROOM     what happens in a room
//	PREFIX.server.ID     to one server: answers, and private messages
type subjects string

func (p subjects) all() string             { return string(p) + ".all" }
func (p subjects) server(id string) string { return string(p) + ".server." + id }
func (p subjects) anyRoom() string         { return string(p) + ".room.*" }

// room has the name of a room in a form that is one token of a subject:
// "=XX" stands for each byte but letters and digits of ASCII, "-" and "_".
func (p subjects) room(name string) string {
	key, err := hub.Key(name)
	if err != nil {
		key = name // the hub made it; in any case the token is valid
	}
	var s strings.Builder
	s.WriteString(string(p))
	s.WriteString(".room.")
	for _, b := range []byte(key) {
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_':
			s.WriteByte(b)
		default:
			fmt.Fprintf(&s, "=%02X", b)
		}
	}
	return s.String()
}

// maxSubject keeps the longest subject within what NATS takes.
const maxSubject = 200

// CheckSubject tells what is wrong with a prefix of subjects.
func CheckSubject(prefix string) error {
	switch {
	case prefix == "":
		return errors.New("it is empty")
	case len(prefix) > maxSubject:
		return fmt.Errorf("it has more than %d bytes", maxSubject)
	case strings.HasPrefix(prefix, "$") || strings.HasPrefix(prefix, "_INBOX"):
		return errors.New("NATS itself uses subjects that begin so")
	}
	for token := range strings.SplitSeq(prefix, ".") {
		if token == "" {
			return errors.New("it has an empty part: parts are separated by one dot")
		}
	}
	for _, r := range prefix {
		if r <= ' ' || r >= 0x7f || r == '*' || r == '>' {
			return fmt.Errorf("it contains %q: letters, digits and such in ASCII are what it is made of, without wildcards", r)
		}
	}
	return nil
}
