package hub_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

func TestASlowReaderIsDroppedAndDelaysNobody(t *testing.T) {
	h := hub.New(hub.Config{Queue: 10})
	alice, slow := named(t, h, "alice"), named(t, h, "slow")
	alice.expect(hub.Joined)
	alice.expect(hub.Renamed)
	for i := range 10 {
		alice.Input(fmt.Sprintf("line %d", i))
		alice.expect(hub.Said)
	}
	require.NoError(t, slow.Context().Err(), "the queue is full, but not over")
	alice.Input("one more")
	alice.expect(hub.Said)
	e := alice.expect(hub.Left)
	require.Equal(t, "slow", e.From)
	require.Equal(t, hub.ErrTooSlow.Error(), e.Text)
	require.ErrorIs(t, context.Cause(slow.Context()), hub.ErrTooSlow)
	slow.end(hub.ErrTooSlow)
	require.Equal(t, 1, h.Len())
	alice.quiet()
}

func TestManySlowReadersGoAtOnce(t *testing.T) {
	h := hub.New(hub.Config{Queue: 60})
	var crowd []*person
	for range 50 {
		crowd = append(crowd, arrive(t, h, hub.Origin{}))
	}
	// Each one that is dropped is news for the others, whose queues are full too.
	for range 60 {
		crowd[0].Input("flood")
	}
	require.Zero(t, h.Len())
	for _, p := range crowd {
		p.end(hub.ErrTooSlow)
	}
}

func TestAQueueIsBoundedInBytesToo(t *testing.T) {
	h := hub.New(hub.Config{Queue: 100})
	p := enter(t, h)
	for range 60 {
		p.Input(strings.Repeat("x", hub.MaxLine))
		p.expect(hub.Said)
	}
	// Each return to a room brings 50 kB of history, which only the queue
	// holds once the room moved on.
	moves := 0
	for ; h.Len() == 1 && moves < 100; moves++ {
		p.Input("/join elsewhere")
		p.Input("/leave")
	}
	require.Less(t, moves, 10)
	p.end(hub.ErrTooSlow)
}

func TestAFullServerSaysSo(t *testing.T) {
	h := hub.New(hub.Config{MaxClients: 2})
	p := enter(t, h)
	enter(t, h)
	_, err := h.Enter(t.Context(), hub.Origin{})
	require.ErrorIs(t, err, hub.ErrFull)
	require.ErrorContains(t, err, "2 people are already here")
	p.Close()
	enter(t, h)
}

func TestOneHostCannotTakeEveryPlace(t *testing.T) {
	h := hub.New(hub.Config{MaxPerHost: 2})
	mallory := hub.Origin{Door: "tcp", Host: "192.0.2.1"}
	first := arrive(t, h, mallory)
	arrive(t, h, mallory)
	_, err := h.Enter(t.Context(), mallory)
	require.ErrorIs(t, err, hub.ErrCrowded)
	arrive(t, h, hub.Origin{Door: "tcp", Host: "192.0.2.2"})
	for range 5 {
		arrive(t, h, hub.Origin{Door: "unix"}) // nobody knows whose
	}
	first.Close()
	arrive(t, h, mallory)
	_, err = h.Enter(t.Context(), mallory)
	require.ErrorIs(t, err, hub.ErrCrowded)
}

func TestCloseSaysGoodbyeBehindWhatIsQueued(t *testing.T) {
	h := hub.New(hub.Config{Queue: 3})
	full, p := enter(t, h), enter(t, h)
	p.Input("one")
	p.Input("two")
	h.Close("Good night.")
	// full has not read that p came, nor what p said: the goodbye fits in still.
	full.expect(hub.Joined)
	for _, c := range []*person{full, p} {
		require.Equal(t, "one", c.expect(hub.Said).Text)
		require.Equal(t, "two", c.expect(hub.Said).Text)
		require.Equal(t, "Good night.", c.expect(hub.Goodbye).Text)
		c.end(io.EOF)
		require.NoError(t, c.Context().Err(), "what is queued can be sent")
	}
	_, err := h.Enter(t.Context(), hub.Origin{})
	require.ErrorIs(t, err, hub.ErrClosed)
	h.Close("again")
	require.Zero(t, h.Len())
}

func TestAFloodIsSlowedDownAndNothingOfItIsLost(t *testing.T) {
	h := hub.New(hub.Config{Rate: 100, Burst: 5})
	p := enter(t, h)
	start := time.Now()
	for range 15 {
		p.Input("flood")
	}
	require.GreaterOrEqual(t, time.Since(start), 95*time.Millisecond, "10 lines beyond the burst, at 100 a second")
	for range 15 {
		p.expect(hub.Said)
	}
}

func TestAFlooderWhoIsSlowedDownCanBeEnded(t *testing.T) {
	h := hub.New(hub.Config{Rate: 0.001, Burst: 1})
	p := enter(t, h)
	p.Input("one")
	waiting := make(chan struct{})
	go func() {
		defer close(waiting)
		p.Input("two")
		p.Refuse(hub.ErrLineTooLong)
	}()
	h.Close("")
	select {
	case <-waiting:
	case <-time.After(10 * time.Second):
		t.Fatal("Input waits for a client that has left")
	}
}

func TestTheContextOfTheDoorEndsNext(t *testing.T) {
	h := hub.New(hub.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	c, err := h.Enter(ctx, hub.Origin{})
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Next(nil)
	require.NoError(t, err)
	cancel()
	_, err = c.Next(nil)
	require.ErrorIs(t, err, context.Canceled)
}
