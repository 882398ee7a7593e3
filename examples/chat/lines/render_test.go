package lines_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
)

func TestAppend(t *testing.T) {
	const self = 7
	now := time.Date(2026, 3, 5, 14, 3, 0, 0, time.Local)
	yesterday := time.Date(2026, 3, 4, 9, 30, 0, 0, time.Local)
	for _, c := range []struct {
		name  string
		event hub.Event
		want  string
	}{
		{"said", hub.Event{Kind: hub.Said, From: "bob", Text: "hi"}, "[14:03] bob: hi\n"},
		{"said from right to left", hub.Event{Kind: hub.Said, From: "bob", Text: "\u05e9\u05dc\u05d5\u05dd"}, "[14:03] bob: \u05e9\u05dc\u05d5\u05dd\n"},
		{"said with the line turned around", hub.Event{Kind: hub.Said, From: "bob", Text: "hi\u202eoh\u2067"}, "[14:03] bob: hi\ufffdoh\ufffd\n"},
		{"acted", hub.Event{Kind: hub.Acted, From: "bob", Text: "waves"}, "[14:03] * bob waves\n"},
		{"acted oneself", hub.Event{Kind: hub.Acted, From: "me", SenderID: self, Text: "waves"}, "[14:03] * me waves\n"},
		{"topic set", hub.Event{Kind: hub.TopicSet, From: "bob", Text: "soup"}, "[14:03] -- bob set the topic: soup\n"},
		{"topic gone", hub.Event{Kind: hub.TopicSet, From: "bob"}, "[14:03] -- bob took the topic away\n"},
		{"joined", hub.Event{Kind: hub.Joined, From: "bob"}, "[14:03] -> bob joined\n"},
		{"left", hub.Event{Kind: hub.Left, From: "bob"}, "[14:03] <- bob left\n"},
		{"left, with words", hub.Event{Kind: hub.Left, From: "bob", Text: "so long"}, "[14:03] <- bob left: so long\n"},
		{"renamed", hub.Event{Kind: hub.Renamed, From: "bob", To: "rob"}, "[14:03] -- bob is rob now\n"},
		{"renamed oneself", hub.Event{Kind: hub.Renamed, From: "bob", SenderID: self, To: "rob"}, "* You are rob now.\n"},
		{"private", hub.Event{Kind: hub.Private, From: "bob", To: "me", Text: "psst"}, "[14:03] bob (private): psst\n"},
		{"private, sent", hub.Event{Kind: hub.Private, From: "me", SenderID: self, To: "bob", Text: "psst"}, "[14:03] to bob (private): psst\n"},
		{"entered alone", hub.Event{Kind: hub.Entered, Room: "dev", People: 1, Names: []string{"me"}}, "* You are in dev; nobody else is here.\n"},
		{
			"entered", hub.Event{
				Kind: hub.Entered, Room: "dev", Text: "soup", People: 2, Names: []string{"bob", "me"},
				History: []*hub.Event{
					{Kind: hub.Said, Time: yesterday, From: "bob", Text: "good night"},
					{Kind: hub.Acted, Time: now, From: "bob", Text: "is back"},
					{Kind: hub.Said, Time: now, From: "me", SenderID: self, Text: "hi"},
				},
			},
			"* Earlier in dev:\n[4 Mar 09:30] bob: good night\n[14:03] * bob is back\n[14:03] me: hi\n* You are in dev (bob, me). Topic: soup\n",
		},
		{"entered a crowd", hub.Event{Kind: hub.Entered, Room: "dev", People: 300}, "* You are in dev with 299 others; /who lists them.\n"},
		{"who", hub.Event{Kind: hub.Who, Room: "dev", People: 2, Names: []string{"bob", "me"}}, "* In dev (2): bob, me\n"},
		{"who, many", hub.Event{Kind: hub.Who, Room: "dev", People: 9, Names: []string{"bob", "me"}}, "* In dev (9): bob, me and 7 more\n"},
		{"nobody", hub.Event{Kind: hub.Who, Room: "dev"}, "* Nobody is in dev.\n"},
		{
			"rooms", hub.Event{Kind: hub.Rooms, Rooms: []hub.RoomInfo{{Name: "lobby", People: 12}, {Name: "dév", People: 1, Topic: "soup"}}, More: 3},
			"* Rooms:\n*   lobby  12\n*   dév     1  soup\n*   and 3 more\n",
		},
		{"topic", hub.Event{Kind: hub.Topic, Room: "dev", Text: "soup"}, "* The topic of dev: soup\n"},
		{"no topic", hub.Event{Kind: hub.Topic, Room: "dev"}, "* dev has no topic; /topic TEXT sets one.\n"},
		{"problem", hub.Event{Kind: hub.Problem, Text: "That is you."}, "! That is you.\n"},
		{"goodbye", hub.Event{Kind: hub.Goodbye, Text: "Goodbye."}, "* Goodbye.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.event.Time = now
			require.Equal(t, c.want, string(lines.Append(nil, &c.event, self)))
		})
	}
}

func TestHelpListsEveryCommand(t *testing.T) {
	text := string(lines.Append(nil, &hub.Event{Kind: hub.Help}, 1))
	for _, c := range hub.Commands() {
		require.Contains(t, text, c.Usage)
		require.Contains(t, text, c.Does)
	}
}
