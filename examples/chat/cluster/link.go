package cluster

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"
)

// What people are told about the link.
const (
	linkDown  = "The link to the other servers is down. People on this server hear you; the others will, once it is back."
	linkBack  = "The link to the other servers is back."
	linkNever = "There is no link to the other servers yet: only people on this server hear you."
	linkFirst = "There is a link to the other servers now."
)

// link is what is known of the connection to NATS.
type link struct {
	cluster *Cluster
	ever    bool // there was one
	alone   bool // there was none when the server started
	downs   int64
	warn    time.Time // when the log is to be reminded that there is no link; zero: there is one
}

// look finds out whether the connection came or went, and tells.
func (l *link) look() {
	c := l.cluster
	h := c.node.hub
	// In this order: one that goes in between is seen the next time.
	downs, up := c.downs.Load(), c.conn.IsConnected()
	if c.linked.Load() && (downs != l.downs || !up) {
		c.linked.Store(false)
		c.node.down()
		c.log.Warn("the link to NATS is down: this server works alone until it is back", "error", c.why())
		h.Announce(linkDown)
		h.Greet(linkDown)
	}
	l.downs = downs
	if up && !c.linked.Load() {
		c.node.up(time.Now())
		c.linked.Store(true)
		c.log.Info("linked by NATS", "server", c.id, "url", shown(c.conn.ConnectedUrl()), "subject", c.cfg.Subject)
		h.Greet("")
		if l.ever {
			h.Announce(linkBack)
		} else if l.alone {
			h.Announce(linkFirst)
		}
		l.ever = true
	}
}

// remindTime is how often the log says that there is still no link.
const remindTime = time.Minute

// remind says in the log why there is still no link: at first soon, because
// what the client of NATS could not tell at the start it knows now.
func (l *link) remind(now time.Time) {
	c := l.cluster
	switch {
	case c.linked.Load():
		l.warn = time.Time{}
	case l.warn.IsZero():
		l.warn = now.Add(2 * c.cfg.Beat)
	case now.After(l.warn):
		l.warn = now.Add(remindTime)
		c.log.Warn("there is still no link to NATS", "url", shown(c.cfg.URL), "error", c.why())
	}
}

// why is the reason that there is no link, as far as it is known.
func (c *Cluster) why() error {
	if err := c.conn.LastError(); err != nil {
		return err
	}
	return c.dialer.lastError()
}

// trouble logs what NATS reports, which may be the same again and again.
func (c *Cluster) trouble(err error) {
	level := slog.LevelDebug
	if now, last := time.Now().Unix(), c.warned.Load(); now-last >= int64(remindTime/time.Second) && c.warned.CompareAndSwap(last, now) {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "trouble with NATS", "error", err)
}

// dialer remembers why a connection could not be made, which the client of
// NATS does not tell.
type dialer struct {
	net.Dialer

	mu   sync.Mutex
	last error
}

// Dial implements nats.CustomDialer.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	conn, err := d.Dialer.Dial(network, address)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = err
	return conn, err
}

func (d *dialer) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}
