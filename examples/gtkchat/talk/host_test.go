package talk_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestTheHostAndATerminalTalk(t *testing.T) {
	h, addrs := host(t, "zoë")
	h.expectPeople("zoë")
	require.Equal(t, []string{"tcp " + addrs[0].String(), "unix " + addrs[1].String()}, h.Places())
	for _, addr := range addrs {
		alice := enter(t, addr, "alice")
		h.expect("notice : guest")
		h.expectPeople("alice", "zoë")
		require.True(t, h.Say("hello\n\nand two\r\nlines"))
		for _, text := range []string{"hello", "and two", "lines"} {
			alice.Expect("] zoë: " + text + "\n")
			require.Equal(t, "said zoë(own): "+text, h.expect("said"))
		}
		alice.Send("thanks\n/me waves\n/msg zoë psst\n/topic soup\n")
		require.Equal(t, "said alice: thanks", h.expect("said"))
		require.Equal(t, "acted alice: waves", h.expect("acted"))
		require.Equal(t, "private alice>zoë: psst", h.expect("private"))
		require.Equal(t, "notice : alice set the topic: soup", h.expect("notice"))
		require.Equal(t, "soup", h.room.Topic)
		h.Say("/topic -")
		h.expect("zoë took the topic away")
		require.Empty(t, h.room.Topic)
		alice.Send("/quit so long\n")
		h.expect("notice : alice left: so long")
		h.expectPeople("zoë")
	}
}

func TestTheHostKnowsHowManyCame(t *testing.T) {
	h, addrs := host(t, "zoë")
	h.expectPeople("zoë")
	alice := enter(t, addrs[0], "alice")
	require.Equal(t, "1 came, 1 connected", h.Status())
	enter(t, addrs[1], "bob")
	require.Equal(t, "2 came, 2 connected", h.Status())
	alice.Send("/quit\n")
	alice.Rest()
	require.Eventually(t, func() bool { return h.Status() == "2 came, 1 connected" }, servertest.Patience, time.Millisecond)
	h.Close()
	require.Equal(t, "2 came, 0 connected, nobody can come in: closed", h.Status())
}

func TestTheHostSeesHowOthersComeIn(t *testing.T) {
	h, addrs := host(t, "")
	h.expect("notice : Others come in with: nc 127.0.0.1 " + strings.TrimPrefix(addrs[0].String(), "127.0.0.1:"))
	h.expect("notice : Others come in with: nc -U " + addrs[1].String())
	h.expectPeople("guest1")
}

func TestTheHostsCommandsAreAnswered(t *testing.T) {
	h, addrs := host(t, "zoë")
	alice := enter(t, addrs[0], "alice")
	h.Say("/nonsense\n/help\n/msg alice psst\n/who\n/nick bob\n//slash")
	require.Contains(t, h.expect("problem"), "/nonsense is not a command")
	h.expect("answer :   /nick NAME      call yourself NAME")
	require.Equal(t, "private zoë(own)>alice: psst", h.expect("private"))
	require.Equal(t, "answer : In lobby (2): alice, zoë", h.expect("In lobby"))
	require.Equal(t, "notice : You are bob now", h.expect("notice"))
	require.Equal(t, "bob", h.room.Me)
	h.expectPeople("alice", "bob")
	require.Equal(t, "said bob(own): /slash", h.expect("said"))
	alice.Expect("zoë (private): psst")
	alice.Expect("zoë is bob now")

	h.Say("/join attic")
	h.expect("notice : You are in attic")
	require.Equal(t, "attic", h.room.Room)
	h.expectPeople("bob")
	alice.Send("still here\n/me waits\n")
	alice.Expect("alice waits")
	h.Say("/leave")
	// The room's history comes first.
	h.expect("said bob(own): /slash")
	require.Equal(t, "said alice: still here", h.expect("said"))
	h.expect("acted alice: waits")
	h.expectPeople("alice", "bob")
}

func TestTheEndOfTheHostIsSaidToAll(t *testing.T) {
	h, addrs := host(t, "zoë")
	for _, how := range []string{"first", "second"} {
		if how == "first" {
			h.Say("/quit")
			require.NoError(t, h.end(), "this person left")
		}
		h.Close()
	}
	require.NoFileExists(t, addrs[1].String())

	h, addrs = host(t, "zoë")
	alice, bob := enter(t, addrs[0], "alice"), enter(t, addrs[1], "bob")
	h.expectPeople("alice", "bob", "zoë")
	h.Close()
	require.NoError(t, h.end())
	for _, p := range []interface{ Rest() string }{alice, bob} {
		require.True(t, strings.HasSuffix(p.Rest(), "* The server is shutting down. Goodbye.\n"))
	}
	require.NoFileExists(t, addrs[1].String())
}

func TestAHostThatNeverRanCanBeClosed(t *testing.T) {
	path := t.TempDir() + "/s"
	h, err := talk.NewHost(talk.HostConfig{Addresses: []listen.Address{{Network: "unix", Address: path}}})
	require.NoError(t, err)
	require.FileExists(t, path)
	h.Close()
	require.NoFileExists(t, path)

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = talk.NewHost(talk.HostConfig{Addresses: []listen.Address{{Network: "unix", Address: path}}})
	require.ErrorContains(t, err, "cannot listen on unix "+path)
}

func TestAWindowThatDoesNotShowHoldsUpNobody(t *testing.T) {
	h, err := talk.NewHost(talk.HostConfig{Addresses: []listen.Address{{Network: "unix", Address: t.TempDir() + "/s"}}})
	require.NoError(t, err)
	stuck, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- h.Run(func(talk.Update) { <-stuck }) }()
	alice, bob := enter(t, h.Addrs()[0], "alice"), enter(t, h.Addrs()[0], "bob")
	for range 30 {
		alice.Send("hello\n")
		bob.Expect("alice: hello")
	}
	close(stuck)
	h.Close()
	require.NoError(t, <-ended)
}

func TestTooMuchTypedIsNotTaken(t *testing.T) {
	h, err := talk.NewHost(talk.HostConfig{Addresses: []listen.Address{{Network: "unix", Address: t.TempDir() + "/s"}}})
	require.NoError(t, err)
	require.False(t, h.Say(strings.Repeat("x\n", 65)))
	require.True(t, h.Say(strings.Repeat("x\n", 60)))
	require.False(t, h.Say("a\nb\nc\nd\ne"), "all of it or nothing")
	require.True(t, h.Say("a\nb\nc\nd"))
	require.False(t, h.Say("x"))
	require.True(t, h.Say(" \n"), "nothing fits always")
	h.Close()
}
