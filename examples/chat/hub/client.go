package hub

import (
	"context"

	"golang.org/x/time/rate"
)

// Client is somebody in the hub. Its door calls Input and Next, usually on
// two goroutines, and Close at the end.
type Client struct {
	hub     *Hub
	id      uint64
	origin  Origin
	queue   *queue
	limiter *rate.Limiter
	ctx     context.Context
	cancel  context.CancelCauseFunc

	typing    context.Context // a child of ctx that is done once the client has left, in whichever way
	endTyping context.CancelFunc

	// Of those who are in another hub, which have none of the above but hub and id.
	server *Server // nil: a client of this hub
	person uint64  // its number there, or id

	// Guarded by hub.mu.
	nick    name
	claimed name  // as nick, unless somebody of another server has it: see claim.go
	since   int64 // when it took that name, in nanoseconds of Unix time
	room    *room // nil once it left
	left    bool
	reason  string
}

// ID is a number that no other client of the hub has or had.
func (c *Client) ID() uint64 { return c.id }

// Nick is what the client is called now, or was called when it left.
func (c *Client) Nick() string {
	c.hub.mu.Lock()
	defer c.hub.unlock()
	return c.nick.shown
}

// Left tells whether the client has left, and why, in words for a log. What was queued for it may
// still be waiting in Next.
func (c *Client) Left() (reason string, left bool) {
	c.hub.mu.Lock()
	defer c.hub.unlock()
	return c.reason, c.left
}

// Context is done when there is no use in sending this client anything more:
// it was too slow, or Close was called. It is not done for one that left in
// good order: what is queued should reach it.
func (c *Client) Context() context.Context { return c.ctx }

// Next waits for events and returns all that are queued, oldest first. After
// the last one it returns io.EOF; for a client that was too slow, ErrTooSlow;
// and the cause when Context is done. It keeps spare, which is what it
// returned before, or nil: one goroutine at a time may call it.
func (c *Client) Next(spare []*Event) ([]*Event, error) {
	for {
		events, err := c.queue.take(spare)
		if len(events) > 0 || err != nil {
			return events, err
		}
		select {
		case <-c.queue.wake:
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		}
	}
}

// Input is what the client typed, without its end of line: a command, or
// something to say. It waits while the client sends more than its share of
// lines, so that a flood fills the flooder's own socket and not the queues of
// others. Whatever is wrong with the line, the client is told by an event.
func (c *Client) Input(line string) {
	if c.limiter.Wait(c.typing) != nil {
		return
	}
	c.run(line)
}

// Refuse tells the client that a line of its was not taken, and counts it as
// one that was sent. For doors, which see over-long lines before the hub does.
func (c *Client) Refuse(err error) {
	if c.limiter.Wait(c.typing) != nil {
		return
	}
	c.hub.mu.Lock()
	defer c.hub.unlock()
	c.problem("Not sent: %v.", err)
}

// Leave takes the client out of its room, as if it had typed /quit. Why is
// for the others, goodbye for the client itself; both may be empty. What is
// queued can still be fetched. It does nothing when the client has left.
func (c *Client) Leave(why, goodbye string) {
	c.hub.mu.Lock()
	defer c.hub.unlock()
	c.hub.remove(c, why, goodbye)
}

// Close ends the client and its context. Every client that Enter returned
// must be closed.
func (c *Client) Close() {
	c.Leave("", "")
	c.cancel(context.Canceled)
}
