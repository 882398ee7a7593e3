// Package cluster makes the hubs of several servers one chat, over NATS.
//
// Every server is the one authority on its own people. What they do it
// publishes, numbered, and each other server shows it to its own people once
// and in that order, whatever happens to the connection to NATS: core NATS
// delivers at most once, and what is missing is asked for (see node).
package cluster

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// Config is what a Cluster can be told. URL is required.
type Config struct {
	URL     string        // of a NATS server, or of several with commas between them
	Subject string        // what all subjects begin with; "": DefaultSubject
	Beat    time.Duration // how often the server says that it is there; 0: 2 s. Others take it for gone after four of them
	Logger  *slog.Logger  // nil: slog.Default()
}

// Cluster is a hub.Link to the other servers on the same subjects.
type Cluster struct {
	cfg  Config
	id   string
	node *node // only loop calls it, once there is one, but for its journal
	conn *nats.Conn
	log  *slog.Logger

	dialer *dialer

	in      chan *nats.Msg
	changed chan struct{} // holds a token when the connection may have come or gone
	downs   atomic.Int64  // how often it went
	linked  atomic.Bool   // written by loop
	warned  atomic.Int64  // when there was trouble in the log last, in seconds of Unix time
	counted atomic.Uint64 // private messages

	closeOnce sync.Once
	closing   chan struct{}
	done      chan struct{} // closed when loop has returned
}

const (
	// inbox is how many messages may wait. NATS gives up on a subscriber that
	// is slower; what is then missing is asked for.
	inbox = 8192

	// dialTime is how long one attempt to connect may take.
	dialTime = 2 * time.Second

	// writeTime is how long NATS may take to accept what is written before
	// the connection is given up.
	writeTime = 2 * time.Second

	// paceTime is how often work is done that had to wait.
	paceTime = 20 * time.Millisecond
)

// New makes a Cluster that is not connected. The hub that it belongs to needs
// it and its ID; Start has the hub. The error says what is wrong with cfg.
func New(cfg Config) (*Cluster, error) {
	if cfg.Subject == "" {
		cfg.Subject = DefaultSubject
	}
	if cfg.Beat == 0 {
		cfg.Beat = 2 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if err := CheckURL(cfg.URL); err != nil {
		return nil, fmt.Errorf("the URL of the NATS server will not do: %w", err)
	}
	if err := CheckSubject(cfg.Subject); err != nil {
		return nil, fmt.Errorf("the subject %q will not do: %w", cfg.Subject, err)
	}
	c := &Cluster{
		cfg: cfg,
		id:  strings.ToLower(rand.Text())[:idLength], // another one after a restart, which nobody is taken over
		log: cfg.Logger,

		dialer:  &dialer{Dialer: net.Dialer{Timeout: dialTime}},
		in:      make(chan *nats.Msg, inbox),
		changed: make(chan struct{}, 1),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	c.node = newNode(c.id, nil, cfg.Subject, cfg.Beat, c.publish, cfg.Logger)
	return c, nil
}

// ID is what tells this server from the others.
func (c *Cluster) ID() string { return c.id }

// Hand implements hub.Link.
func (c *Cluster) Hand(ch hub.Change) { c.node.journal.add(fromChange(ch)) }

// Private implements hub.Link.
func (c *Cluster) Private(server string, p hub.PrivateText) bool {
	return c.linked.Load() && c.node.journal.addPrivate(message{
		Type: private, Seq: c.counted.Add(1), Person: p.From, To: p.To, Text: p.Text, to: server,
	})
}

// Start connects the hub, which must have been made with this Cluster as its
// Link. It waits for the first attempt, at most two seconds for each URL; if
// that fails because NATS cannot be reached, it is tried again for as long as
// it takes, and Start returns nil. Call Close in the end.
func (c *Cluster) Start(h *hub.Hub) error {
	c.node.hub = h
	wait := min(max(c.cfg.Beat/2, 50*time.Millisecond), time.Second)
	conn, err := nats.Connect(c.cfg.URL,
		nats.Name("chat "+c.id),
		nats.NoEcho(),
		nats.Timeout(dialTime),
		nats.SetCustomDialer(c.dialer),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(wait),
		nats.ReconnectJitter(wait/2, wait/2),
		// The journal has what is missing; this buffer would send it at once and, in part, twice.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(max(2*c.cfg.Beat, 200*time.Millisecond)),
		nats.MaxPingsOutstanding(2),
		nats.FlusherTimeout(writeTime),
		nats.ConnectHandler(func(*nats.Conn) { c.signal() }),
		nats.ReconnectHandler(func(*nats.Conn) { c.signal() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.downs.Add(1)
			c.signal()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.trouble(err) }),
	)
	if err != nil {
		return fmt.Errorf("cannot use NATS at %s: %w", shown(c.cfg.URL), err)
	}
	c.conn = conn
	s := c.node.subjects
	for _, subject := range []string{s.all(), s.anyRoom(), s.server(c.id)} {
		if _, err := conn.ChanSubscribe(subject, c.in); err != nil {
			conn.Close()
			return fmt.Errorf("cannot subscribe to %s: %w", subject, err)
		}
	}
	if !conn.IsConnected() {
		h.Greet(linkNever)
		c.log.Warn("NATS cannot be reached: this server works alone until it can", "url", shown(c.cfg.URL), "error", c.why())
	}
	go c.loop()
	c.signal()
	return nil
}

func (c *Cluster) signal() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *Cluster) publish(subject string, data []byte) {
	// What does not go out is missed by others, and asked for.
	if err := c.conn.Publish(subject, data); err != nil {
		c.log.Debug("not published", "subject", subject, "error", err)
	}
}

// loop is the goroutine of the node. It may wait for NATS; the hub does not
// wait for it.
func (c *Cluster) loop() {
	defer close(c.done)
	defer c.linked.Store(false)
	link := link{cluster: c, alone: !c.conn.IsConnected()}
	beat := time.NewTicker(c.cfg.Beat / 2)
	defer beat.Stop()
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		select {
		case <-c.changed:
			link.look()
		case m := <-c.in:
			c.node.receive(m.Data, time.Now())
		case <-c.node.journal.wake:
			c.node.flush()
		case <-beat.C:
			c.node.tick(time.Now(), len(c.in) > 0)
			link.remind(time.Now())
		case <-pace.C:
		case <-c.closing:
			if c.linked.Load() {
				c.node.sayBye()
			}
			return
		}
		if c.node.work(time.Now()) {
			pace.Reset(paceTime)
		}
	}
}

// Close tells the other servers that this one ends, sends what waits to be
// sent, until ctx is done, which must have a deadline, and disconnects. The
// hub is no longer linked then. A second call does nothing.
func (c *Cluster) Close(ctx context.Context) {
	c.closeOnce.Do(func() { c.end(ctx) })
}

func (c *Cluster) end(ctx context.Context) {
	close(c.closing)
	select {
	case <-c.done:
		if c.conn.IsConnected() {
			if err := c.conn.FlushWithContext(ctx); err != nil {
				c.log.Warn("the other servers may not know that this one has ended", "error", err)
			}
		}
	case <-ctx.Done():
	}
	c.conn.Close()
	<-c.done
}
