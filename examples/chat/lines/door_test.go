package lines_test

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

func TestConversation(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		s := serve(t, on, lines.Config{Hub: hub.New(hub.Config{})})
		alice := s.dial()
		require.Equal(t, "Welcome! You are guest1. What you type is said to everybody in the room;\n", alice.Expect("Welcome"))
		alice.Expect("* You are in lobby; nobody else is here.\n")
		alice.Send("/nick alice\r\n") // telnet
		require.Equal(t, "* You are alice now.\n", alice.Expect("now"))
		alice.Send("anybody?\r\n/topic\r\n")
		alice.Expect("lobby has no topic") // so the line before it has arrived

		bob := s.dial()
		bob.Expect("* Earlier in lobby:\n")
		bob.Expect("] alice: anybody?\n")
		bob.Expect("* You are in lobby (alice, guest2).\n")
		alice.Expect("-> guest2 joined")
		bob.Send("/nick alice\n/nick bob\n/me waves\n/msg alice psst\nhello\n")
		bob.Expect("! The nickname alice is taken")
		bob.Expect("You are bob now")
		bob.Expect("* bob waves")
		bob.Expect("to alice (private): psst")
		alice.Expect("guest2 is bob now")
		alice.Expect("* bob waves")
		alice.Expect("bob (private): psst")
		alice.Expect("bob: hello")
		bob.Send("/quit so long\n")
		require.Equal(t, "* Goodbye, bob.\n", bob.Rest(), "one's own words are not repeated")
		alice.Expect("<- bob left: so long\n")
		alice.Close()
	})
}

func TestHalfCloseStillGetsWhatIsQueued(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{})
		s := serve(t, on, lines.Config{Hub: h})
		alice := s.enter("alice")
		for range 40 {
			alice.Send("%s\n", strings.Repeat("x", 900))
		}
		alice.Send("/me is done\n")
		alice.Expect("is done")

		bob := s.dial()
		bob.Send("/nick bob\nhello\n/who\n/nonsense\nlast words")
		bob.CloseWrite()
		all := bob.Rest()
		require.Contains(t, all, "You are bob now")
		require.Equal(t, 40, strings.Count(all, strings.Repeat("x", 900)))
		require.Contains(t, all, "* In lobby (2): alice, bob\n")
		require.True(t, strings.HasSuffix(all, "! /nonsense is not a command; /help lists them, and a line that should begin with / is written with //.\n"), all)
		alice.Expect("bob: hello")
		alice.Expect("bob: last words")
		alice.Expect("<- bob left\n")
	})
}

func TestALineThatIsRefusedLeavesItsSenderConnected(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		s := serve(t, on, lines.Config{Hub: hub.New(hub.Config{})})
		alice, bob := s.enter("alice"), s.enter("bob")
		for in, reason := range map[string]string{
			strings.Repeat("x", 1001):           "! Not sent: that line has more than 1000 bytes.\n",
			strings.Repeat("x", 1<<20):          "! Not sent: that line has more than 1000 bytes.\n",
			"bell \a":                           "! Not sent: that line contains a control character (U+0007).\n",
			"caf\xe9":                           "! Not sent: that line is not valid UTF-8.\n",
			"/" + strings.Repeat("x", 990):      "is not a command",
			"/nick " + strings.Repeat("x", 990): "more than 20 characters",
		} {
			alice.Send("%s\n", in)
			alice.Expect(reason)
		}
		longest := strings.Repeat("x", 1000)
		alice.Send("%s\r\n", longest)
		line := bob.Expect("alice: ")
		require.True(t, strings.HasSuffix(line, "alice: "+longest+"\n"))
	})
}

func TestNoPlaceIsSaidInALine(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		s := serve(t, on, lines.Config{Hub: hub.New(hub.Config{MaxClients: 1})})
		alice := s.enter("alice")
		for range 20 {
			p := s.dial()
			// Unread input must not turn the refusal into a reset.
			p.Send("%s\n", strings.Repeat("x", 20000))
			require.Equal(t, "! Sorry, you cannot come in now: the server is full: 1 person is already here. Please try again later.\n", p.Rest())
			p.Close()
		}
		alice.Send("/quit\n")
		alice.Rest()
		require.Eventually(t, func() bool {
			p := s.dial()
			defer p.Close()
			line, err := bufio.NewReader(p).ReadString('\n')
			return err == nil && strings.HasPrefix(line, "Welcome!")
		}, patience, time.Millisecond)
	})
}

func TestEverybodyHearsThatTheServerEnds(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{})
		s := serve(t, on, lines.Config{Hub: h})
		var peers []*servertest.Peer
		for range 10 {
			p := s.dial()
			p.Expect("You are in lobby")
			peers = append(peers, p)
		}
		h.Close("The server is shutting down.")
		for _, p := range peers {
			require.True(t, strings.HasSuffix(p.Rest(), "* The server is shutting down.\n"))
			p.Close()
		}
		late := s.dial()
		require.Contains(t, late.Rest(), "the server is shutting down")
	})
}

func TestTheContextEndsServe(t *testing.T) {
	each(t, func(t *testing.T, on where) {
		h := hub.New(hub.Config{})
		s := serve(t, on, lines.Config{Hub: h})
		p := s.dial()
		p.Expect("You are in lobby")
		s.cancel()
		require.Eventually(t, func() bool { return h.Len() == 0 }, patience, time.Millisecond)
		_, err := p.Read(make([]byte, 1))
		require.Error(t, err)
	})
}

func TestAResetIsSurvived(t *testing.T) {
	s := serve(t, where{"gio", "tcp"}, lines.Config{Hub: hub.New(hub.Config{})})
	alice := s.enter("alice")
	for range 20 {
		p := s.dial()
		p.Send("half a li")
		require.NoError(t, p.Conn.(*net.TCPConn).SetLinger(0))
		p.Close()
	}
	for range 20 {
		alice.Expect("joined")
	}
	require.Eventually(t, func() bool {
		alice.Send("/who\n")
		return strings.Contains(alice.Expect("In lobby"), "(1): alice")
	}, patience, time.Millisecond)
}
