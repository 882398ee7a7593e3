package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// version is that of the messages. Those of another one are not understood.
const version = 1

const (
	// maxMessage is the longest message that is read, in bytes. What is sent
	// is shorter: maxBatch entries, or one that is longer alone.
	maxMessage = 256 << 10
	maxBatch   = 50

	// maxNumber is the largest number that all JSON decoders take exactly.
	maxNumber = 1 << 53
	maxDigest = maxNumber - 1
)

// The kinds of messages.
const (
	alive   = "alive"   // to all: From is there, its journal has come to Seq, the next such message comes within Beat; Digest of its Topics
	bye     = "bye"     // to all: From ends in good order
	entries = "entries" // what people of From did; to all as it happens, and again to one server that asked
	ask     = "ask"     // to one server: tell me what came after Seq; without Met, who is there
	people  = "people"  // to one server: who was there as of Seq, part Part of Parts
	topics  = "topics"  // to one server: topics that From knows of
	private = "private" // to one server: Person said Text to its person To; Seq counts them
)

// message is what servers tell each other, as JSON.
type message struct {
	Version int    `json:"v"`
	From    string `json:"from"` // id of the server
	Type    string `json:"type"`
	Seq     uint64 `json:"seq,omitempty"`

	Beat   int64  `json:"beat_ms,omitempty"`
	Digest uint64 `json:"topics_digest,omitempty"`
	Met    bool   `json:"met,omitempty"`

	Entries []entry `json:"entries,omitempty"`

	Part   int     `json:"part,omitempty"` // counted from 1
	Parts  int     `json:"parts,omitempty"`
	People []entry `json:"people,omitempty"`
	Topics []entry `json:"topics,omitempty"`

	Person uint64 `json:"person,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Text   string `json:"text,omitempty"`

	to string // id of the server that it is for; "": all
}

// entry is one thing that a person did; see hub.Change.
type entry struct {
	Seq    uint64   `json:"seq,omitempty"`
	Kind   hub.Kind `json:"kind"`
	Person uint64   `json:"person,omitempty"`
	Name   string   `json:"name,omitempty"`
	Since  int64    `json:"since,omitempty"` // ns of Unix time
	Room   string   `json:"room,omitempty"`
	Text   string   `json:"text,omitempty"`
	Time   int64    `json:"time,omitempty"` // ms of Unix time
	Server string   `json:"server,omitempty"`
}

func (e *entry) change() hub.Change {
	return hub.Change{
		Kind: e.Kind, Person: e.Person, Name: e.Name, Since: e.Since, Room: e.Room, Text: e.Text, Time: time.UnixMilli(e.Time), Server: e.Server,
	}
}

func (m *message) encode() []byte {
	m.Version = version
	var data bytes.Buffer
	how := json.NewEncoder(&data)
	how.SetEscapeHTML(false) // six bytes for one
	if err := how.Encode(m); err != nil {
		panic(err) // there is nothing in it that cannot be
	}
	return data.Bytes()
}

// decode reads a message that anybody may have sent. What people see of it is
// checked by the hub, when it is applied.
func decode(data []byte) (*message, error) {
	if len(data) > maxMessage {
		return nil, fmt.Errorf("%d bytes are too many", len(data))
	}
	// The decoder would put U+FFFD for what is not UTF-8.
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	var m message
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("not JSON of a chat server: %w", err)
	}
	switch {
	case m.Version != version:
		return nil, fmt.Errorf("version %d, and not %d", m.Version, version)
	case !validID(m.From):
		return nil, errors.New("no id of a server")
	case m.Seq > maxNumber || m.Person > maxNumber || m.To > maxNumber || m.Digest > maxNumber || m.Beat < 0 || m.Beat > int64(time.Hour/time.Millisecond):
		return nil, errors.New("a number out of bounds")
	case m.Parts < 0 || m.Parts > 2+maxPeople/maxBatch || m.Part < 0 || m.Part > m.Parts:
		return nil, errors.New("parts out of bounds")
	case len(m.People)+len(m.Topics) > maxBatch || len(m.Entries) > maxBatch:
		return nil, errors.New("too many entries")
	}
	switch m.Type {
	case alive, bye, entries, ask, people, topics, private:
	default:
		return nil, errors.New("of no kind that is known")
	}
	for _, list := range [][]entry{m.Entries, m.People, m.Topics} {
		for i := range list {
			if e := &list[i]; e.Seq > maxNumber || e.Person > maxNumber || e.Server != "" && !validID(e.Server) {
				return nil, errors.New("a number out of bounds")
			}
		}
	}
	return &m, nil
}

// idLength is enough that no two servers choose the same.
const idLength = 16

// validID tells whether s can be the id of a server: it becomes part of a
// subject.
func validID(s string) bool {
	if len(s) != idLength {
		return false
	}
	for _, b := range []byte(s) {
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') {
			return false
		}
	}
	return true
}
