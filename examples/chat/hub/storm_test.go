package hub_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// TestStorm has many clients do everything at once; what is wrong with the
// locking shows under -race, or as a test that never ends.
func TestStorm(t *testing.T) {
	h := hub.New(hub.Config{Queue: 20, MaxClients: 40})
	lines := []string{
		"hello", "/nick n%d", "/nick taken", "/join r%d", "/leave", "/who", "/rooms", "/msg n%d hi", "/msg guest%d hi",
		"/me waves", "/topic t%d", "/help", "/nonsense", "\xff", "/quit", "%d",
	}
	var all sync.WaitGroup
	for worker := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range 40 {
				c, err := h.Enter(context.Background(), hub.Origin{Host: fmt.Sprint(worker % 3)})
				if err != nil {
					continue
				}
				var reader sync.WaitGroup
				if worker%4 > 0 { // every fourth never reads
					reader.Add(1)
					go func() {
						defer reader.Done()
						var events []*hub.Event
						for err := error(nil); err == nil; events, err = c.Next(events) {
							for _, e := range events {
								_ = e.Text
							}
						}
					}()
				}
				for range 50 {
					line := lines[random.IntN(len(lines))]
					if strings.Contains(line, "%d") {
						line = fmt.Sprintf(line, random.IntN(8))
					}
					c.Input(line)
					h.Len()
				}
				c.Close()
				reader.Wait()
			}
		}()
	}
	all.Wait()
	require.Zero(t, h.Len())
	p := enter(t, h)
	require.Equal(t, "guest1", p.Nick())
	require.Contains(t, p.rooms(), "lobby")
	h.Close("")
	p.end(io.EOF)
}

// FuzzInput types anything: nothing that a terminal must not be shown may
// come out at somebody else, and the server must still be there.
func FuzzInput(f *testing.F) {
	for _, seed := range []string{
		"hello", "/nick bob", "/nick \u202ebob", "/me \x1b[2J", "/join #x", "/msg guest1 hi", "/topic -", "//", "/", "/quit bye",
		"\xff\xfe", strings.Repeat("x", 1001), "/who lobby", "/rooms x", "/nick ﬁsh", "\u2028",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h := hub.New(hub.Config{})
		witness, p := enter(t, h), enter(t, h)
		p.Input(line)
		for _, c := range []*person{witness, p} {
			c.Input("/help") // so that there is an event, unless the line was /quit
			events, err := c.Next(nil)
			require.NoError(t, err)
			for _, e := range events {
				for _, s := range append([]string{e.Room, e.From, e.To, e.Text}, e.Names...) {
					require.True(t, utf8.ValidString(s))
					require.LessOrEqual(t, len(s), hub.MaxLine+100)
					require.False(t, strings.ContainsFunc(s, func(r rune) bool {
						return unicode.IsControl(r) && r != '\t'
					}), "%q", s)
				}
			}
		}
	})
}
