package web

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// message is a hub.Event as the page gets it, and what the page alone has to
// know. A message on the WebSocket is an array of them; an empty one is a
// heartbeat. In the other direction each message is a line.
type message struct {
	Kind    string         `json:"kind"`
	Time    string         `json:"time,omitempty"`
	Room    string         `json:"room,omitempty"`
	From    string         `json:"from,omitempty"`
	Own     bool           `json:"own,omitempty"` // the client itself is From
	To      string         `json:"to,omitempty"`
	Text    string         `json:"text,omitempty"`
	People  int            `json:"people,omitempty"`
	Names   []string       `json:"names,omitempty"`
	Rooms   []roomMessage  `json:"rooms,omitempty"`
	More    int            `json:"more,omitempty"`
	History []*message     `json:"history,omitempty"`
	Help    []helpMessage  `json:"help,omitempty"`
	Limits  *limitsMessage `json:"limits,omitempty"` // with the Welcome
}

type roomMessage struct {
	Name   string `json:"name"`
	People int    `json:"people"`
	Topic  string `json:"topic,omitempty"`
}

type helpMessage struct {
	Usage string `json:"usage"`
	Does  string `json:"does"`
}

type limitsMessage struct {
	MaxLine   int   `json:"maxLine"`   // bytes
	Heartbeat int64 `json:"heartbeat"` // milliseconds
}

// refused is the Kind of the one message to somebody who cannot come in.
const refused = "refused"

// newMessage is e as the client whose ID is self sees it.
func newMessage(e *hub.Event, self uint64) *message {
	m := &message{
		Kind: string(e.Kind), Time: e.Time.Format(time.RFC3339Nano),
		Room: e.Room, From: e.From, Own: e.SenderID == self, To: e.To, Text: e.Text,
		People: e.People, Names: e.Names, More: e.More,
	}
	for _, room := range e.Rooms {
		m.Rooms = append(m.Rooms, roomMessage(room))
	}
	for _, old := range e.History {
		m.History = append(m.History, newMessage(old, self))
	}
	if e.Kind == hub.Help {
		for _, c := range hub.Commands() {
			m.Help = append(m.Help, helpMessage{Usage: c.Usage, Does: c.Does})
		}
	}
	return m
}

// batch collects messages for one write.
type batch struct {
	json []byte // "" or an array without its end
}

func (b *batch) add(m *message) error {
	encoded, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("cannot encode %s: %w", m.Kind, err)
	}
	separator := byte(',')
	if len(b.json) == 0 {
		separator = '['
	}
	b.json = append(append(b.json, separator), encoded...)
	return nil
}

// take returns the array, or nil when nothing was added. It is valid until
// the next add.
func (b *batch) take() []byte {
	if len(b.json) == 0 {
		return nil
	}
	all := append(b.json, ']')
	b.json = all[:0]
	if cap(all) > maxKept {
		b.json = nil
	}
	return all
}
