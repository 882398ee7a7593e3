package cluster_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/internal/natstest"
)

func TestThreeServersAreOneChat(t *testing.T) {
	servers, hosts := sites(t, 3)
	for i, h := range hosts {
		h.Input(fmt.Sprintf("hello from %d", i))
		h.Input("/me waves")
	}
	for _, h := range hosts {
		for i := range hosts {
			h.hears(fmt.Sprintf("hello from %d", i))
			h.wait(hub.Acted, func(e *hub.Event) bool { return e.From == fmt.Sprintf("host%d", i) })
		}
	}
	hosts[0].Input("/topic soup")
	hosts[2].wait(hub.TopicSet, func(e *hub.Event) bool { return e.Text == "soup" })
	hosts[1].Input("/msg host2 psst")
	require.Equal(t, "host1", hosts[2].wait(hub.Private, func(e *hub.Event) bool { return e.Text == "psst" }).From)

	guest := servers[2].named("guest")
	guest.Input("/join attic")
	hosts[0].wait(hub.Left, func(e *hub.Event) bool { return e.From == "guest" })
	hosts[0].waitWho("attic", "guest")
	guest.Input("only for the attic")
	guest.Input("/msg host0 come and see")
	hosts[0].wait(hub.Private, func(*hub.Event) bool { return true }) // comes after what was said before it
	guest.Input("/quit so long")
	hosts[0].Input("/join attic")
	entered := hosts[0].wait(hub.Entered, func(e *hub.Event) bool { return e.Room == "attic" })
	require.Equal(t, "only for the attic", entered.History[0].Text)

	hosts[1].Input("that was all")
	hosts[2].hears("that was all")
	for i, h := range hosts {
		for j := range hosts {
			require.Equal(t, 1, h.count(hub.Said, fmt.Sprintf("hello from %d", j)), i)
		}
		require.Zero(t, h.count(hub.Said, "only for the attic"))
	}
	require.Equal(t, 1, hosts[1].count(hub.Joined, "host2")+hosts[1].count(hub.Renamed, "host2"), "once, under this name or another")

	// Who comes to a server later knows the topic, also that server.
	late := newSite(t, servers[0].proxy)
	late.log.wait(t, "linked by NATS")
	visitor := late.enter()
	visitor.waitWho("lobby", "host1")
	visitor.Input("/join attic")
	visitor.Input("/leave")
	visitor.until("the topic", func(events []*hub.Event) bool {
		last := events[len(events)-1]
		return last.Kind == hub.Entered && last.Room == "lobby" && last.Text == "soup"
	})
}

func TestTheEndOfAServerIsTold(t *testing.T) {
	servers, hosts := sites(t, 2)
	hosts[1].Input("last words")
	servers[1].close()
	left := hosts[0].wait(hub.Left, func(e *hub.Event) bool { return e.From == "host1" })
	require.Equal(t, "their server has ended", left.Text)
	hosts[0].hears("last words")
	require.Equal(t, []string{"host0"}, hosts[0].who("lobby"))
	hosts[0].Input("/nick host1") // is free now
	hosts[0].wait(hub.Renamed, func(e *hub.Event) bool { return e.To == "host1" })
}

func TestWhatIsSaidDuringACutComesAfterItOnceAndInOrder(t *testing.T) {
	servers, hosts := sites(t, 3)
	neighbour := servers[1].named("neighbour")
	servers[1].proxy.Cut()
	hosts[1].told("The link to the other servers is down", 1)
	servers[1].enter().told("The link to the other servers is down", 1)

	// Until the others are taken for gone, on both sides.
	for _, gone := range []struct {
		at   *person
		name string
	}{{hosts[0], "host1"}, {hosts[2], "host1"}, {hosts[1], "host0"}, {hosts[1], "host2"}} {
		left := gone.at.wait(hub.Left, func(e *hub.Event) bool { return e.From == gone.name })
		require.Equal(t, "their server is out of reach", left.Text)
	}
	const lines = 200
	for i := range lines {
		for _, h := range hosts {
			h.Input(fmt.Sprintf("%d", i))
		}
	}
	hosts[1].Input("/msg host0 hello")
	hosts[1].wait(hub.Problem, func(e *hub.Event) bool { return strings.Contains(e.Text, "Nobody here is called host0") })
	neighbour.until("all lines of host1", func([]*hub.Event) bool { return neighbour.countLocked(hub.Said, "host1") == lines })
	require.Zero(t, neighbour.count(hub.Said, "host0"))

	servers[1].proxy.Mend()
	hosts[1].told("The link to the other servers is back", 1)
	for _, h := range append(hosts, neighbour) {
		for i := range hosts {
			h.until("what was missed", func([]*hub.Event) bool { return h.countLocked(hub.Said, fmt.Sprintf("host%d", i)) >= lines })
		}
	}
	// What is said now comes last.
	hosts[1].Input("end")
	hosts[0].Input("end")
	for _, h := range append(hosts, neighbour) {
		for _, from := range []string{"host0", "host1"} {
			h.wait(hub.Said, func(e *hub.Event) bool { return e.Text == "end" && e.From == from })
		}
		inOrder(t, h, "host0", lines)
		inOrder(t, h, "host1", lines)
		h.waitWho("lobby", "host0")
		h.waitWho("lobby", "host1")
	}
	for _, h := range append(hosts, neighbour) {
		comesAndGoes(t, h)
	}
	require.Equal(t, 1, hosts[1].count(hub.Notice, "is down"))
	require.Equal(t, 1, hosts[1].count(hub.Notice, "servers is back"))
}

// comesAndGoes checks that nobody was said to come who was there, or to go who
// was not.
func comesAndGoes(t *testing.T, p *person) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	here := make(map[string]bool)
	for _, e := range p.events {
		switch e.Kind {
		case hub.Entered:
			for _, name := range e.Names {
				here[name] = true
			}
		case hub.Joined:
			require.False(t, here[e.From], "%s: %s joined twice", p.Nick(), e.From)
			here[e.From] = true
		case hub.Left:
			require.True(t, here[e.From], "%s: %s left twice", p.Nick(), e.From)
			here[e.From] = false
		case hub.Renamed:
			here[e.From], here[e.To] = false, true
		}
	}
}

// inOrder checks that a person was shown the numbers that somebody said, each
// once and in order.
func inOrder(t *testing.T, p *person, from string, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	next := 0
	for _, e := range p.events {
		if e.Kind == hub.Said && e.From == from && e.Text != "end" {
			require.Equal(t, fmt.Sprint(next), e.Text, "%s of %s", p.Nick(), from)
			next++
		}
	}
	require.Equal(t, n, next)
}

func TestACutThatNobodyNoticesAtOnceLosesNothing(t *testing.T) {
	servers, hosts := sites(t, 2)
	servers[1].proxy.Freeze()
	const lines = 100
	for i := range lines {
		for _, h := range hosts {
			h.Input(fmt.Sprint(i))
		}
	}
	// What was written so far is lost when the connection ends.
	hosts[0].wait(hub.Left, func(e *hub.Event) bool { return e.From == "host1" })
	servers[1].proxy.Cut()
	hosts[1].told("is down", 1)
	servers[1].proxy.Mend()
	for i, h := range hosts {
		other := fmt.Sprintf("host%d", 1-i)
		h.until("all lines", func([]*hub.Event) bool { return h.countLocked(hub.Said, other) >= lines })
		inOrder(t, h, other, lines)
	}
}

func TestUnderLoadAndCutsNothingIsLostDoubledOrReordered(t *testing.T) {
	const speakers, lines = 4, 150
	servers, hosts := sites(t, 3)
	var talking sync.WaitGroup
	for i, s := range servers {
		for j := range speakers {
			p := s.named(fmt.Sprintf("speaker%d-%d", i, j))
			talking.Add(1)
			go func() {
				defer talking.Done()
				for k := range lines {
					p.Input(fmt.Sprint(k))
					if j == 0 && k%50 == 20 {
						s.proxy.Cut()
						p.told("is down", k/50+1)
						s.proxy.Mend()
						p.told("servers is back", k/50+1)
					}
				}
			}()
		}
	}
	talking.Wait()
	for _, h := range hosts {
		for i := range servers {
			for j := range speakers {
				h.until("all lines", func([]*hub.Event) bool {
					return h.countLocked(hub.Said, fmt.Sprintf("speaker%d-%d", i, j)) >= lines
				})
			}
		}
	}
	for i := range servers {
		for j := range speakers {
			for _, h := range hosts {
				inOrder(t, h, fmt.Sprintf("speaker%d-%d", i, j), lines)
			}
		}
	}
}

func TestANameOnAnotherServerIsRefused(t *testing.T) {
	_, hosts := sites(t, 2)
	hosts[0].Input("/nick HOST1")
	e := hosts[0].wait(hub.Problem, func(*hub.Event) bool { return true })
	require.Equal(t, "The nickname host1 is taken by somebody on another server.", e.Text)
}

func TestANameTakenOnTwoServersDuringACutGoesToWhoWasFirst(t *testing.T) {
	servers, hosts := sites(t, 3)
	servers[1].proxy.Cut()
	hosts[1].told("is down", 1)
	first, second := servers[1].named("alice"), servers[0].named("alice")
	servers[1].proxy.Mend()
	notice := second.wait(hub.Notice, func(e *hub.Event) bool {
		return strings.Contains(e.Text, "another server took the name alice before you did")
	})
	require.NotNil(t, notice)
	renamed := second.wait(hub.Renamed, func(e *hub.Event) bool { return e.SenderID == second.ID() && e.From == "alice" })
	require.True(t, strings.HasPrefix(renamed.To, "alice-"), renamed.To)
	require.Equal(t, "alice", first.Nick())
	for _, h := range hosts {
		h.waitWho("lobby", "alice")
		h.waitWho("lobby", renamed.To)
		require.Len(t, h.who("lobby"), len(hosts)+2)
	}
	hosts[2].Input("/msg alice you are the one")
	first.wait(hub.Private, func(*hub.Event) bool { return true })
	require.Zero(t, second.count(hub.Private, ""))
}

func TestAServerStartsAloneAndIsLinkedLater(t *testing.T) {
	target := natstest.Start(t)
	proxy := natstest.NewProxy(t, target)
	proxy.Cut()
	s := newSite(t, proxy)
	s.log.wait(t, "level=WARN msg=\"NATS cannot be reached: this server works alone until it can\"")
	alice, bob := s.named("alice"), s.named("bob")
	alice.told("There is no link to the other servers yet", 1)
	alice.Input("anybody?")
	bob.hears("anybody?")
	other := newSite(t, natstest.NewProxy(t, target))
	carol := other.named("carol")

	proxy.Mend()
	alice.told("There is a link to the other servers now", 1)
	carol.waitWho("lobby", "alice")
	alice.waitWho("lobby", "carol")
	alice.Input("hello")
	carol.hears("hello")
	require.Zero(t, carol.count(hub.Said, "anybody?"), "from before the first link")
	require.Zero(t, other.enter().count(hub.Notice, "no link"))
}

func TestAWrongPasswordIsSaidAndTheServerWorksAlone(t *testing.T) {
	target := natstest.StartWith(t, server.Options{Username: "chat", Password: "right"})
	for _, password := range []string{"wrong", "right"} {
		log := &record{changed: make(chan struct{})}
		link, err := cluster.New(cluster.Config{
			URL: "nats://chat:" + password + "@" + target.String(), Beat: beat, Logger: slog.New(slog.NewTextHandler(log, nil)),
		})
		require.NoError(t, err)
		s := &site{t: t, hub: hub.New(hub.Config{Link: link, Server: link.ID()}), link: link, log: log}
		require.NoError(t, link.Start(s.hub))
		defer s.close()
		if password == "wrong" {
			log.wait(t, "Authorization Violation")
			s.named("alice")
		} else {
			log.wait(t, "linked by NATS")
		}
		require.NotContains(t, log.String(), password)
	}
}

func TestMessagesOfStrangersDoNoHarm(t *testing.T) {
	servers, hosts := sites(t, 2)
	conn, err := nats.Connect(servers[0].proxy.URL())
	require.NoError(t, err)
	defer conn.Close()
	id := servers[1].link.ID()
	for _, subject := range []string{"glibserve.chat.all", "glibserve.chat.room.lobby", "glibserve.chat.server." + servers[0].link.ID(), "glibserve.chat.room.x"} {
		for _, text := range []string{
			"", "hello", "{}", "null", "[]", "\xff\xfe", `{"v":1}`, strings.Repeat("[", 1<<17), strings.Repeat("x", 1<<19),
			`{"v":2,"from":"abcdefghijklmnop","type":"alive"}`,
			`{"v":1,"from":"a.b.c.d.e.f.>.*.","type":"alive"}`,
			`{"v":1,"from":"abcdefghijklmnop","type":"alive","seq":1e300}`,
			`{"v":1,"from":"abcdefghijklmnop","type":"entries","entries":[{"seq":1,"kind":"said","person":1,"text":"boo"}]}`,
			`{"v":1,"from":"` + id + `","type":"entries","entries":[{"seq":99999,"kind":"said","person":1,"text":"from the future"}]}`,
			`{"v":1,"from":"` + id + `","type":"alive","seq":99999}`,
			`{"v":1,"from":"` + id + `","type":"people","seq":99999,"part":1,"parts":9}`,
			`{"v":1,"from":"` + id + `","type":"private","seq":1,"person":1,"to":1,"text":"\u001b[2J"}`,
			`{"v":1,"from":"` + id + `","type":"ask","seq":99999,"met":true}`,
			`{"v":1,"from":"` + id + `","type":"nonsense"}`,
		} {
			require.NoError(t, conn.Publish(subject, []byte(text)))
		}
	}
	require.NoError(t, conn.Flush())
	servers[0].log.wait(t, "a message was not understood")
	for i := range 20 {
		hosts[1].Input(fmt.Sprint(i))
	}
	hosts[1].Input("end")
	hosts[0].hears("end")
	inOrder(t, hosts[0], "host1", 20)
	for _, h := range hosts {
		require.Zero(t, h.count(hub.Said, "boo")+h.count(hub.Said, "from the future")+h.count(hub.Private, ""))
		require.Len(t, h.who("lobby"), 2)
	}
}

func TestSlowNATSDoesNotHoldUpTheHub(t *testing.T) {
	servers, hosts := sites(t, 2)
	servers[0].proxy.Freeze()
	neighbour := servers[0].named("neighbour")
	text := strings.Repeat("x", 990)
	// Several times what the sockets and the journal take.
	for i := range 20 {
		for range 500 {
			hosts[0].Input(text)
		}
		hosts[0].Input(fmt.Sprintf("round %d", i))
		neighbour.hears(fmt.Sprintf("round %d", i))
	}
	servers[0].proxy.Cut() // how long NATS takes to find out that nothing moves is its own affair
	hosts[0].told("is down", 1)
	servers[0].proxy.Mend()
	hosts[0].told("servers is back", 1)
	hosts[0].Input("here I am")
	hosts[1].hears("here I am")
	require.Equal(t, 1, hosts[1].count(hub.Said, "round 19"))
	require.Zero(t, hosts[1].count(hub.Said, "round 10"), "the journal is not endless")
	hosts[1].told("Some of what was said on another server is lost", 1)
}

func TestACrowdIsCountedAndNotNamed(t *testing.T) {
	// Each of them is shown that those after it come, all at once.
	servers, hosts := sites(t, 2)
	var last *person
	for range 300 {
		last = servers[1].enter()
	}
	hosts[0].wait(hub.Joined, func(e *hub.Event) bool { return e.From == last.Nick() })
	servers[1].proxy.Cut()
	hosts[0].told("301 people on another server left: their server is out of reach.", 1)
	require.Zero(t, hosts[0].count(hub.Left, "host1"))
	servers[1].proxy.Mend()
	hosts[0].told("301 people on another server are in this room now", 1)
	require.Len(t, hosts[0].who("lobby"), 100)
	reason, left := hosts[0].Left()
	require.False(t, left, reason)
}
