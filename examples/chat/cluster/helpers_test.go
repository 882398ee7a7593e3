package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/internal/natstest"
)

// patience is how long anything may take that should come soon.
const patience = 30 * time.Second

// beat is short, so that silence is noticed soon.
const beat = 200 * time.Millisecond

// site is a server of the chat in the process of the test, with a proxy of
// its own before NATS.
type site struct {
	t     *testing.T
	hub   *hub.Hub
	link  *cluster.Cluster
	proxy *natstest.Proxy
	log   *record
}

// sites starts servers that know of each other: on each is somebody, called
// host0, host1 and so on, who stays.
func sites(t *testing.T, n int) ([]*site, []*person) {
	t.Helper()
	target := natstest.Start(t)
	var all []*site
	var hosts []*person
	for i := range n {
		s := newSite(t, natstest.NewProxy(t, target))
		all = append(all, s)
		hosts = append(hosts, s.named(fmt.Sprintf("host%d", i)))
	}
	for _, h := range hosts {
		for j := range n {
			h.waitWho("lobby", fmt.Sprintf("host%d", j))
		}
	}
	return all, hosts
}

// queue is how many events may wait for a person. It is more than a test says
// at all: a goroutine that reads is sometimes not run for a while, on a busy
// machine, and that is not what is tested here.
const queue = 20_000

func newSite(t *testing.T, proxy *natstest.Proxy) *site {
	t.Helper()
	log := &record{changed: make(chan struct{})}
	link, err := cluster.New(cluster.Config{
		URL: proxy.URL(), Beat: beat, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	require.NoError(t, err)
	cfg := hub.Config{Link: link, Server: link.ID(), Queue: queue}
	s := &site{t: t, hub: hub.New(cfg), link: link, proxy: proxy, log: log}
	require.NoError(t, link.Start(s.hub))
	t.Cleanup(func() {
		s.close()
		if t.Failed() {
			t.Logf("log of %s:\n%s", link.ID(), log)
		}
	})
	return s
}

func (s *site) close() {
	s.hub.Close("")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.link.Close(ctx)
}

// person is somebody in a hub, and everything that was shown to them.
type person struct {
	*hub.Client
	t *testing.T

	mu      sync.Mutex
	events  []*hub.Event
	ended   error         // what ended the events
	changed chan struct{} // closed and made anew with each event, and at the end
}

func (s *site) enter() *person {
	s.t.Helper()
	client, err := s.hub.Enter(context.Background(), hub.Origin{})
	require.NoError(s.t, err)
	p := &person{Client: client, t: s.t, changed: make(chan struct{})}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			events, err := client.Next(nil)
			p.mu.Lock()
			p.events, p.ended = append(p.events, events...), err
			close(p.changed)
			p.changed = make(chan struct{})
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		client.Close()
		<-read
		if s.t.Failed() {
			for _, e := range p.events {
				if e.Kind == hub.Said {
					continue
				}
				s.t.Logf("%s saw %s %s>%s %s %v", client.Nick(), e.Kind, e.From, e.To, e.Text, e.Names)
			}
		}
	})
	return p
}

func (s *site) named(name string) *person {
	s.t.Helper()
	p := s.enter()
	p.Input("/nick " + name)
	p.wait(hub.Renamed, func(e *hub.Event) bool { return e.To == name })
	return p
}

// until waits until done finds what it wants among all events so far.
func (p *person) until(what string, done func(events []*hub.Event) bool) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		p.mu.Lock()
		ok, ended, changed := done(p.events), p.ended, p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		require.NoError(p.t, ended, "%s waits for %s", p.Nick(), what)
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(p.t, "it did not come", "%s waits for %s", p.Nick(), what)
		}
	}
}

// wait waits for an event, which may have come before, and returns it.
func (p *person) wait(kind hub.Kind, match func(e *hub.Event) bool) (found *hub.Event) {
	p.t.Helper()
	p.until(string(kind), func(events []*hub.Event) bool {
		for _, e := range events {
			if e.Kind == kind && match(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// hears waits for a text that is said.
func (p *person) hears(text string) {
	p.t.Helper()
	p.wait(hub.Said, func(e *hub.Event) bool { return e.Text == text })
}

// told waits for the n-th notice with these words.
func (p *person) told(words string, n int) {
	p.t.Helper()
	p.until(words, func([]*hub.Event) bool { return p.countLocked(hub.Notice, words) >= n })
}

// count is how many events of a kind came with that text or name in them.
func (p *person) count(kind hub.Kind, text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.countLocked(kind, text)
}

func (p *person) countLocked(kind hub.Kind, text string) (n int) {
	for _, e := range p.events {
		if e.Kind == kind && (strings.Contains(e.Text, text) || e.From == text || e.To == text) {
			n++
		}
	}
	return n
}

// who asks who is in a room.
func (p *person) who(room string) []string {
	p.t.Helper()
	p.mu.Lock()
	from := len(p.events)
	p.mu.Unlock()
	p.Input("/who " + room)
	var names []string
	p.until("who is in "+room, func(events []*hub.Event) bool {
		for _, e := range events[from:] {
			if e.Kind == hub.Who || e.Kind == hub.Problem {
				names = e.Names
				return true
			}
		}
		return false
	})
	return names
}

// waitWho asks again with each event that comes, until name is in the room.
func (p *person) waitWho(room, name string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		for _, n := range p.who(room) {
			if n == name {
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, "%s in %s", name, room)
}

// record is a log that a test can wait for.
type record struct {
	mu      sync.Mutex
	buffer  bytes.Buffer
	changed chan struct{}
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
	return r.buffer.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buffer.String()
}

func (r *record) wait(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		found, changed := strings.Contains(r.buffer.String(), text), r.changed
		r.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			require.FailNow(t, "it was not logged", text)
		}
	}
}
