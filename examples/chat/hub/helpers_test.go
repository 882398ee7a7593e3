package hub_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// person is a client whose events a test takes one by one.
type person struct {
	*hub.Client
	t      *testing.T
	queued []*hub.Event
}

// enter lets somebody in and takes the two events of that. What the person
// waits for later has to come within the time of the context.
func enter(t *testing.T, h *hub.Hub) *person {
	t.Helper()
	p := arrive(t, h, hub.Origin{})
	p.expect(hub.Welcome)
	p.expect(hub.Entered)
	return p
}

// arrive is enter, but takes no events.
func arrive(t *testing.T, h *hub.Hub, origin hub.Origin) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	c, err := h.Enter(ctx, origin)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return &person{Client: c, t: t}
}

// named lets somebody in under a name, with all events of that taken.
func named(t *testing.T, h *hub.Hub, name string) *person {
	t.Helper()
	p := enter(t, h)
	p.Input("/nick " + name)
	require.Equal(t, name, p.expect(hub.Renamed).To)
	return p
}

// next is the next event, whatever it is.
func (p *person) next() *hub.Event {
	p.t.Helper()
	if len(p.queued) == 0 {
		var err error
		p.queued, err = p.Next(nil)
		require.NoError(p.t, err)
	}
	e := p.queued[0]
	p.queued = p.queued[1:]
	return e
}

// expect is the next event, which must be of that kind.
func (p *person) expect(kind hub.Kind) *hub.Event {
	p.t.Helper()
	e := p.next()
	require.Equal(p.t, kind, e.Kind, "%+v", e)
	return e
}

// problem types a line that must be refused, with that reason.
func (p *person) problem(line, reason string) {
	p.t.Helper()
	p.Input(line)
	require.Contains(p.t, p.expect(hub.Problem).Text, reason)
}

// quiet fails when any event is waiting: the answer to a question asked now
// must be the next one.
func (p *person) quiet() {
	p.t.Helper()
	p.Input("/help")
	p.expect(hub.Help)
}

// end expects the end of the queue.
func (p *person) end(want error) {
	p.t.Helper()
	require.Empty(p.t, p.queued)
	_, err := p.Next(nil)
	require.ErrorIs(p.t, err, want)
}
