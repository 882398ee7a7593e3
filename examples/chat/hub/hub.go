// Package hub is a chat without a network: rooms, the clients in them, and
// the commands that clients type. Doors bring clients in: a door calls
// Hub.Enter for each, gives what the client types to Client.Input and shows
// it what Client.Next returns. The hub never waits for a client, so one that
// does not read delays nobody; it is dropped when its queue is full.
package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Why somebody is not let in, or not any longer. Enter adds figures.
var (
	ErrFull    = errors.New("the server is full")
	ErrCrowded = errors.New("too many connections from your address")
	ErrClosed  = errors.New("the server is shutting down")
	ErrTooSlow = errors.New("too slow to read what is said")
)

// ReasonShutdown is what Client.Left says of those whom Hub.Close took out:
// a door may tell them to come again, unlike those who wanted to go.
const ReasonShutdown = "shutdown"

// Config is what a hub can be told. The zero value is a good chat.
type Config struct {
	MaxClients int     // how many at once; 0: any number
	MaxPerHost int     // how many of one Origin.Host; 0: any number
	History    int     // how many lines a room shows to who joins; 0: 50
	Queue      int     // how many events may wait for one client; 0: 256
	Rate       float64 // lines a second that one client may send for long; 0: any number
	Burst      int     // lines that it may send at once; 0: 40
	Lobby      string  // the room that everybody starts in; "": lobby

	Link   Link   // to hubs on other servers; nil: there are none
	Server string // the id by which they know this one, without which Link is of no use
}

// Hub is a set of rooms and the clients in them. Any goroutine may call its
// methods and those of its clients.
type Hub struct {
	cfg Config

	mu         sync.Mutex // guards all below and the rooms; never held during I/O
	clients    map[*Client]struct{}
	perHost    map[string]int
	nicks      map[string]*Client   // by name.key; also those of other servers
	losers     map[string][]*Client // by name.key: who claims a name that somebody else has; all of other servers
	rooms      map[string]*room     // by name.key
	lobby      *room                // is always there
	remembered []*room              // that nobody is in, the longest empty first
	slow       []*Client            // queues that overflowed under the lock: unlock takes them out
	closed     bool
	lastID     uint64
	lastGuest  int
	greeting   string // for those who enter: see Greet

	counts    []RoomInfo    // see Counts
	uncounted int           // the rooms that are not in it
	changed   chan struct{} // nil: counts is out of date
}

// New makes a hub. It panics when Config.Lobby cannot be the name of a room.
func New(cfg Config) *Hub {
	if cfg.History == 0 {
		cfg.History = 50
	}
	if cfg.Queue == 0 {
		cfg.Queue = 256
	}
	if cfg.Burst == 0 {
		cfg.Burst = 40
	}
	if cfg.Lobby == "" {
		cfg.Lobby = "lobby"
	}
	h := &Hub{
		cfg:     cfg,
		clients: make(map[*Client]struct{}),
		perHost: make(map[string]int),
		nicks:   make(map[string]*Client),
		losers:  make(map[string][]*Client),
		rooms:   make(map[string]*room),
	}
	lobby, err := parseName(cfg.Lobby)
	if err != nil {
		panic("hub: bad name for the lobby: " + err.Error())
	}
	h.lobby = h.findRoom(lobby)
	return h
}

// Origin says where a client comes from.
type Origin struct {
	Door string // how it came in: tcp, unix, ...
	Host string // what MaxPerHost counts by; "" is not counted

	// LocalEcho tells that the client sees what it types: it is not sent the
	// Said events of its own, except in a history.
	LocalEcho bool
}

// Enter lets a client in, under a nickname of the hub's making and into the
// lobby. The error says why not, in words for the client: it is, or wraps,
// ErrFull, ErrCrowded or ErrClosed. The client's context is a child of ctx;
// call its Close when it is gone.
func (h *Hub) Enter(ctx context.Context, origin Origin) (*Client, error) {
	h.mu.Lock()
	defer h.unlock()
	switch {
	case h.closed:
		return nil, ErrClosed
	case h.cfg.MaxClients > 0 && len(h.clients) >= h.cfg.MaxClients:
		return nil, fmt.Errorf("%w: %s", ErrFull, count(h.cfg.MaxClients, "person is", "people are")+" already here")
	case h.cfg.MaxPerHost > 0 && origin.Host != "" && h.perHost[origin.Host] >= h.cfg.MaxPerHost:
		return nil, fmt.Errorf("%w: %d at once", ErrCrowded, h.cfg.MaxPerHost)
	}

	h.lastID++
	nick := h.guest()
	c := &Client{
		hub: h, id: h.lastID, origin: origin, queue: newQueue(h.cfg.Queue),
		person: h.lastID, nick: nick, claimed: nick, since: nanoseconds(),
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	c.typing, c.endTyping = context.WithCancel(c.ctx)
	limit := rate.Inf
	if h.cfg.Rate > 0 {
		limit = rate.Limit(h.cfg.Rate)
	}
	c.limiter = rate.NewLimiter(limit, h.cfg.Burst)
	h.clients[c] = struct{}{}
	h.nicks[c.nick.key] = c
	if origin.Host != "" {
		h.perHost[origin.Host]++
	}
	h.send(c, &Event{Kind: Welcome, To: c.nick.shown})
	h.enter(c, h.lobby)
	if h.greeting != "" {
		h.send(c, &Event{Kind: Notice, Text: h.greeting})
	}
	return c, nil
}

// guest makes a nickname that nobody has. h.mu is held.
func (h *Hub) guest() name {
	if len(h.clients) == 0 {
		h.lastGuest = 0
	}
	for {
		h.lastGuest++
		s := fmt.Sprintf("guest%d", h.lastGuest)
		if h.cfg.Link != nil {
			s += "-" + tag(h.cfg.Server) // or every server would have a guest1
		}
		if h.nicks[s] == nil {
			return name{shown: s, key: s}
		}
	}
}

// Len is how many clients are in.
func (h *Hub) Len() int {
	h.mu.Lock()
	defer h.unlock()
	return len(h.clients)
}

// Close says goodbye to everybody, ends every queue once what is in it went
// out, and lets nobody in any more. It does not wait for the doors.
func (h *Hub) Close(goodbye string) {
	h.mu.Lock()
	defer h.unlock()
	h.closed = true
	for c := range h.clients {
		// Nobody is told that the others leave: all do.
		c.room = nil
		h.remove(c, ReasonShutdown, goodbye)
	}
}

// remove takes c out of the hub: why goes to those who stay in its room,
// goodbye to itself. h.mu is held.
func (h *Hub) remove(c *Client, why, goodbye string) {
	if c.left {
		return
	}
	c.left, c.reason = true, why
	c.endTyping()
	delete(h.clients, c)
	if host := c.origin.Host; host != "" {
		if h.perHost[host]--; h.perHost[host] == 0 {
			delete(h.perHost, host)
		}
	}
	h.hand(c, Left, why)
	h.exit(c, why)
	h.release(c)
	var last *Event
	if goodbye != "" {
		last = &Event{Kind: Goodbye, Text: goodbye}
		h.stamp(last)
	}
	c.queue.end(last)
}

// send queues an event of one client's own. h.mu is held.
func (h *Hub) send(c *Client, e *Event) {
	h.stamp(e)
	h.push(c, e)
}

// push queues e for c and never waits. h.mu is held.
func (h *Hub) push(c *Client, e *Event) {
	if c.server != nil {
		return // its own server sends it that
	}
	if !c.queue.push(e) {
		h.slow = append(h.slow, c)
	}
}

func (h *Hub) stamp(e *Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
}

// unlock ends every operation under h.mu: it first takes out the clients
// whose queue overflowed meanwhile. Not when it happens, because that tells
// the others in their room, in the middle of what they are being told.
func (h *Hub) unlock() {
	for len(h.slow) > 0 {
		c := h.slow[0]
		h.slow = h.slow[1:]
		h.remove(c, ErrTooSlow.Error(), "")
		c.cancel(ErrTooSlow)
	}
	h.slow = nil
	h.mu.Unlock()
}

// count is "1 person is" or "7 people are".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
