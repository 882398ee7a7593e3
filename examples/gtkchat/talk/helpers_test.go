package talk_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/gtkchat/talk"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

const patience = servertest.Patience

// screen stands for a window: what it was told to show.
type screen struct {
	talk.Conversation
	t       *testing.T
	updates chan talk.Update
	ended   chan error

	lines []string // shown, and not yet expected
	room  talk.State
}

// watch runs a conversation until the end of the test.
func watch(t *testing.T, c talk.Conversation) *screen {
	s := &screen{Conversation: c, t: t, updates: make(chan talk.Update, 10000), ended: make(chan error, 1)}
	go func() { s.ended <- c.Run(func(u talk.Update) { s.updates <- u }) }()
	t.Cleanup(func() {
		c.Close()
		select {
		case <-s.ended:
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	return s
}

// expect waits for a line with that text, written as "KIND FROM>TO: TEXT".
func (s *screen) expect(text string) string {
	s.t.Helper()
	var before []string
	for {
		for len(s.lines) > 0 {
			line := s.lines[0]
			s.lines = s.lines[1:]
			if strings.Contains(line, text) {
				return line
			}
			before = append(before, line)
		}
		s.update(fmt.Sprintf("waiting for %q after %q", text, before))
	}
}

// expectPeople waits until these are here.
func (s *screen) expectPeople(names ...string) {
	s.t.Helper()
	for fmt.Sprint(s.room.People) != fmt.Sprint(names) {
		s.update(fmt.Sprintf("waiting for %q to be here, and not %q", names, s.room.People))
	}
}

func (s *screen) update(what string) {
	s.t.Helper()
	select {
	case u := <-s.updates:
		s.room = u.Room
		for _, line := range u.Lines {
			s.lines = append(s.lines, spell(line))
		}
	case <-time.After(patience):
		require.Fail(s.t, what)
	}
}

// end waits until Run returns.
func (s *screen) end() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		s.ended <- err // for the end of the test
		return err
	case <-time.After(patience):
		require.Fail(s.t, "the conversation does not end")
		return nil
	}
}

func spell(line talk.Line) string {
	who := line.From
	if line.Own {
		who += "(own)"
	}
	if line.To != "" {
		who += ">" + line.To
	}
	kind := map[talk.Kind]string{
		talk.Said: "said", talk.Acted: "acted", talk.Private: "private",
		talk.Notice: "notice", talk.Answer: "answer", talk.Problem: "problem",
	}[line.Kind]
	return kind + " " + who + ": " + line.Text
}

// host is a server on a free port and a Unix socket, with its screen.
func host(t *testing.T, name string) (*screen, []net.Addr) {
	t.Helper()
	h, err := talk.NewHost(talk.HostConfig{
		Addresses: []listen.Address{{Network: "tcp", Address: "127.0.0.1:0"}, {Network: "unix", Address: t.TempDir() + "/s"}},
		Name:      name,
		Logger:    slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return watch(t, h), h.Addrs()
}

func join(t *testing.T, addr net.Addr, name string) *screen {
	t.Helper()
	j, err := talk.Join(t.Context(), listen.Address{Network: addr.Network(), Address: addr.String()}, name)
	require.NoError(t, err)
	return watch(t, j)
}

// enter is a terminal, past the greeting, under a name.
func enter(t *testing.T, addr net.Addr, name string) *servertest.Peer {
	t.Helper()
	p := servertest.Dial(t, addr)
	p.Send("/nick %s\n", name)
	p.Expect("You are " + name + " now.")
	return p
}
