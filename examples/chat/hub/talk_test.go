package hub_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func TestEverybodyStartsAsAGuestInTheLobby(t *testing.T) {
	h := hub.New(hub.Config{})
	p := arrive(t, h, hub.Origin{})
	require.Equal(t, "guest1", p.expect(hub.Welcome).To)
	e := p.expect(hub.Entered)
	require.Equal(t, "lobby", e.Room)
	require.Equal(t, []string{"guest1"}, e.Names)
	require.Equal(t, 1, e.People)
	require.Empty(t, e.History)

	second := enter(t, h)
	require.Equal(t, "guest2", second.Nick())
	require.Equal(t, "guest2", p.expect(hub.Joined).From)
	require.Equal(t, 2, h.Len())
}

func TestAGuestNameThatSomebodyTookIsSkipped(t *testing.T) {
	h := hub.New(hub.Config{})
	p := enter(t, h)
	p.Input("/nick Guest2")
	require.Equal(t, "guest3", enter(t, h).Nick())
}

func TestWhatIsSaidReachesTheRoomAndNoOther(t *testing.T) {
	h := hub.New(hub.Config{})
	alice := named(t, h, "alice")
	bob := named(t, h, "bob")
	carol := named(t, h, "carol")
	carol.Input("/join attic")
	carol.expect(hub.Entered)

	bob.expect(hub.Joined) // carol as guest
	bob.expect(hub.Renamed)
	require.Equal(t, "carol", bob.expect(hub.Left).From)

	alice.Input("hello  \t")
	said := bob.expect(hub.Said)
	require.Equal(t, "alice", said.From)
	require.Equal(t, "hello", said.Text)
	require.Equal(t, "lobby", said.Room)
	require.Equal(t, alice.ID(), said.SenderID)
	require.False(t, said.Time.IsZero())
	carol.quiet()

	bob.Input("/me  waves")
	bob.expect(hub.Acted)
	bob.Input("//etc is a folder")
	require.Equal(t, "/etc is a folder", bob.expect(hub.Said).Text)
	bob.Input("   ")
	bob.Input("")
	bob.quiet()
}

func TestATerminalIsNotShownWhatItsUserTyped(t *testing.T) {
	h := hub.New(hub.Config{})
	p := arrive(t, h, hub.Origin{LocalEcho: true})
	p.expect(hub.Welcome)
	p.expect(hub.Entered)
	p.Input("hello")
	p.quiet()
	p.Input("/me waves") // that looks different from what was typed
	p.expect(hub.Acted)
	p.Input("/join attic")
	p.Input("/leave")
	p.expect(hub.Entered)
	require.Len(t, p.expect(hub.Entered).History, 2)
}

func TestHistoryIsTheLastLinesOfTheRoom(t *testing.T) {
	h := hub.New(hub.Config{})
	alice := named(t, h, "alice")
	for i := range 60 {
		alice.Input(fmt.Sprintf("line %d", i))
	}
	alice.Input("/me waves")
	alice.Input("/topic soup")
	alice.Input("/join dev") // coming and going is not kept
	alice.Input("/leave")

	p := arrive(t, h, hub.Origin{})
	p.expect(hub.Welcome)
	history := p.expect(hub.Entered).History
	require.Len(t, history, 50)
	for i, e := range history[:48] {
		require.Equal(t, fmt.Sprintf("line %d", i+12), e.Text)
		require.Equal(t, "alice", e.From)
	}
	require.Equal(t, hub.Acted, history[48].Kind)
	require.Equal(t, hub.TopicSet, history[49].Kind)
}

func TestPrivateIsForTwo(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob, eve := named(t, h, "alice"), named(t, h, "bob"), named(t, h, "eve")
	bob.Input("/join attic") // another room is no obstacle
	for range 2 {
		bob.next() // eve came
	}
	bob.expect(hub.Entered)
	alice.Input("/msg BOB  psst")
	require.Equal(t, "psst", bob.expect(hub.Private).Text)
	for e := alice.next(); e.Kind != hub.Private; e = alice.next() {
		require.NotEqual(t, hub.Problem, e.Kind)
	}
	eve.expect(hub.Left)
	eve.quiet()

	p := arrive(t, h, hub.Origin{})
	p.expect(hub.Welcome)
	require.Empty(t, p.expect(hub.Entered).History)

	eve.expect(hub.Joined)
	eve.problem("/msg nobody hello", "Nobody here is called nobody.")
	eve.problem("/msg eve hello", "That is you.")
	eve.problem("/msg alice", "/msg NAME TEXT")
	eve.problem("/msg", "/msg NAME TEXT")
}

func TestTopic(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob := named(t, h, "alice"), named(t, h, "bob")
	bob.Input("/topic")
	require.Empty(t, bob.expect(hub.Topic).Text)
	bob.Input("/topic soup at noon")
	require.Equal(t, "soup at noon", bob.expect(hub.TopicSet).Text)
	bob.Input("/topic")
	require.Equal(t, "soup at noon", bob.expect(hub.Topic).Text)
	bob.problem("/topic soup at noon", "that already")
	bob.problem("/topic "+strings.Repeat("x", 201), "at most 200 bytes; that one has 201")

	p := arrive(t, h, hub.Origin{})
	p.expect(hub.Welcome)
	require.Equal(t, "soup at noon", p.expect(hub.Entered).Text)

	alice.Input("/topic -")
	bob.expect(hub.Joined)
	require.Empty(t, bob.expect(hub.TopicSet).Text)
}

func TestQuitTellsTheOthersAndEndsTheQueue(t *testing.T) {
	h := hub.New(hub.Config{})
	alice, bob := named(t, h, "alice"), named(t, h, "bob")
	bob.Input("/quit so long")
	require.Equal(t, "Goodbye, bob.", bob.expect(hub.Goodbye).Text)
	bob.end(io.EOF)
	bob.Input("too late")
	bob.Leave("again", "again")
	bob.end(io.EOF)
	reason, left := bob.Left()
	require.True(t, left)
	require.Equal(t, "quit", reason, "words are not for the log")

	alice.expect(hub.Joined)
	alice.expect(hub.Renamed)
	e := alice.expect(hub.Left)
	require.Equal(t, "bob", e.From)
	require.Equal(t, "so long", e.Text)
	alice.quiet()
	require.Equal(t, 1, h.Len())
}

func TestCommandsThatAreNone(t *testing.T) {
	p := enter(t, hub.New(hub.Config{}))
	p.problem("/hepl", "/hepl is not a command; /help lists them")
	p.problem("/", "/ is not a command")
	p.problem("/me", "/me yawns")
	p.problem("/"+strings.Repeat("é", 400), strings.Repeat("é", 39)+"... is not")
	p.Input("/HELP")
	p.expect(hub.Help)
	p.Input("/Me\tis here") // a tab is no space: one command, one space
	p.expect(hub.Problem)
}

func TestTextThatCannotBeShownIsRefused(t *testing.T) {
	h := hub.New(hub.Config{})
	p, other := enter(t, h), enter(t, h)
	p.expect(hub.Joined)
	for line, reason := range map[string]string{
		"\xff\xf4\xff\xfd\x06":    "not valid UTF-8", // Ctrl-C in telnet
		"caf\xe9":                 "not valid UTF-8", // Latin-1
		"\xed\xa0\x80":            "not valid UTF-8", // a surrogate
		"a\x1b[2Jb":               "control character (U+001B)",
		"nul \x00":                "control character (U+0000)",
		"del \x7f":                "control character (U+007F)",
		"c1 \u009b2J":             "control character (U+009B)",
		"a\rb":                    "control character (U+000D)",
		"a\nb":                    "control character (U+000A)",
		"line\u2028separator":     "control character (U+2028)",
		strings.Repeat("x", 1001): "more than 1000 bytes",
		"/nick \x1b":              "control character",
		"/me \xff":                "not valid UTF-8",
	} {
		p.problem(line, "Not sent: that line")
		p.problem(line, reason)
	}
	other.quiet()
	for _, line := range []string{
		strings.Repeat("x", 1000), strings.Repeat("é", 500), "if x {\treturn }", "\tindented",
		"שלום, Zürich 👩‍👩‍👧 e\u0301", "\ufffd", "[12:00] root: not me",
	} {
		p.Input(line)
		require.Equal(t, line, other.expect(hub.Said).Text)
	}
}
