package lines_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
)

const self = 7

// Later today than the events, so that their clocks show no date.
var evening = time.Date(2026, 11, 22, 21, 0, 0, 0, time.Local)

func TestParseReadsWhatAppendWrote(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 12, 0, 0, time.Local)
	for _, e := range []hub.Event{
		{Kind: hub.Said, From: "alice", Text: "hello"},
		{Kind: hub.Said, From: "zoë", Text: "  indented: (private): ] x"},
		{Kind: hub.Said, From: "to", Text: "bob (private): psst"},
		{Kind: hub.Said, From: "alice", Text: "* bob waves"},
		{Kind: hub.Acted, From: "alice", Text: "waves: and  waves"},
		{Kind: hub.TopicSet, From: "alice", Text: "soup at noon"},
		{Kind: hub.TopicSet, From: "alice"},
		{Kind: hub.Joined, From: "bob"},
		{Kind: hub.Left, From: "bob"},
		{Kind: hub.Left, From: "bob", Text: "so long: and thanks"},
		{Kind: hub.Renamed, From: "guest1", To: "bob"},
		{Kind: hub.Renamed, SenderID: self, To: "bob"},
		{Kind: hub.Renamed, SenderID: self, To: "in"},
		{Kind: hub.Private, From: "alice", Text: "psst"},
		{Kind: hub.Private, From: "to", Text: "psst"},
		{Kind: hub.Private, SenderID: self, To: "alice", Text: "psst"},
		{Kind: hub.Entered, Room: "lobby", People: 1},
		{Kind: hub.Entered, Room: "lobby", People: 2, Names: []string{"alice", "bob"}, Text: "soup (hot)."},
		{Kind: hub.Entered, Room: "lobby", People: 40},
		{Kind: hub.Who, Room: "lobby", People: 2, Names: []string{"alice", "bob"}},
		{Kind: hub.Who, Room: "lobby"},
		{Kind: hub.Topic, Room: "lobby", Text: "soup: hot"},
		{Kind: hub.Topic, Room: "lobby"},
		{Kind: hub.Problem, Text: "The nickname alice is taken by somebody who is here."},
	} {
		e.Time = at
		line, ok := strings.CutSuffix(string(lines.Append(nil, &e, self)), "\n")
		require.True(t, ok)
		require.NotContains(t, line, "\n")
		got := lines.Parse(line, evening, self)
		require.NotNil(t, got, line)
		if !strings.HasPrefix(line, "[") {
			require.Equal(t, evening, got.Time)
		} else {
			require.Equal(t, at, got.Time)
		}
		got.Time = at
		require.Equal(t, e, *got, line)
	}
}

func TestParseReadsACrowdAndADate(t *testing.T) {
	who := lines.Parse("* In lobby (102): alice, bob and 100 more", evening, self)
	require.Equal(t, &hub.Event{Kind: hub.Who, Time: evening, Room: "lobby", People: 102, Names: []string{"alice", "bob"}}, who)

	welcome := string(lines.Append(nil, &hub.Event{Kind: hub.Welcome, To: "guest1"}, self))
	first, second, _ := strings.Cut(strings.TrimSuffix(welcome, "\n"), "\n")
	require.Equal(t, "guest1", lines.Parse(first, evening, self).To)
	require.Nil(t, lines.Parse(second, evening, self))

	require.Equal(t, time.Date(2026, 2, 3, 9, 5, 0, 0, time.Local), lines.Parse("[3 Feb 09:05] a: b", evening, self).Time)
	require.Equal(t, time.Date(2025, 12, 31, 9, 5, 0, 0, time.Local), lines.Parse("[31 Dec 09:05] a: b", evening, self).Time)
}

func TestParseLeavesTheRestToThePerson(t *testing.T) {
	for _, line := range []string{
		"", "hello", "*", "* ", "* Rooms:", "*   lobby   2  soup", "*   /me ACTION      say what you do: /me yawns",
		"* The server is shutting down. Goodbye.", "* Earlier in lobby:", "[", "[14:12]", "[14:12] ", "[14:12] hello",
		"[99:99] a: b", "[14:12] a b: c", "[14:12] -> joined", "[14:12] -> a b joined", "[14:12] -- a is b c now",
		"[14:12] * a", "* In lobby (x): a", "* In lobby (1): ", "* You are in lobby (a", "220 mail.example ESMTP",
	} {
		require.Nil(t, lines.Parse(line, evening, self), line)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[14:12] to alice (private): psst")
	f.Add("* You are in lobby (alice, bob). Topic: soup")
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "\n") {
			return
		}
		e := lines.Parse(line, evening, self)
		if e == nil || e.Kind == hub.Who || e.Kind == hub.Entered || strings.HasPrefix(line, "[") && strings.Contains(line[:min(len(line), 14)], " ") || e.Kind == hub.Welcome {
			return // shown in another order, or with a date
		}
		again := lines.Parse(strings.TrimSuffix(string(lines.Append(nil, e, self)), "\n"), evening, self)
		require.Equal(t, e, again)
	})
}
