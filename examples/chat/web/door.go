// Package web is the door by which people with a browser come into the chat:
// a page, and a WebSocket on which the page talks to the hub. It is an
// http.Handler and knows nothing of listening.
package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

// Config is what a door can be told. Hub is required.
type Config struct {
	Hub *hub.Hub

	// IdleTimeout ends the connection of a client that sends no line for so
	// long. 0: never.
	IdleTimeout time.Duration

	// WriteTimeout is how long a client may take to accept one message and,
	// once it has left, all that is still queued for it. 0: 10 s.
	WriteTimeout time.Duration

	// Heartbeat is how often client and server show each other that the
	// connection is alive. One that is silent is taken for lost. 0: 30 s.
	Heartbeat time.Duration

	// Origin says where a request comes from. nil: from the IP address of
	// http.Request.RemoteAddr.
	Origin func(*http.Request) hub.Origin

	// Hosts tells the names at which the page may be asked for, without port, beside
	// localhost and IP addresses. A name that is not among them is another site's,
	// which had it point here after its own page was loaded (DNS rebinding): its
	// script would be let in as if it were this page's.
	Hosts func() []string // nil: none

	Logger *slog.Logger // nil: slog.Default()
}

// Door lets clients on WebSockets into a hub and gives them the page.
type Door struct {
	cfg  Config
	mux  *http.ServeMux
	ctx  context.Context // of every client; done when what is queued need not arrive any more
	drop context.CancelFunc

	mu       sync.Mutex // guards closed, and that no session begins after it
	closed   bool
	sessions sync.WaitGroup
}

var _ http.Handler = (*Door)(nil)

// New makes a door. End it by Shutdown.
func New(cfg Config) *Door {
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 30 * time.Second
	}
	if cfg.Origin == nil {
		cfg.Origin = remoteIP
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	d := &Door{cfg: cfg, mux: http.NewServeMux()}
	d.ctx, d.drop = context.WithCancel(context.Background())
	routePage(d.mux)
	d.mux.HandleFunc("GET /ws", d.socket)
	return d
}

func remoteIP(r *http.Request) hub.Origin {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return hub.Origin{Door: "web", Host: host}
}

// ServeHTTP gives out the page, or talks with one client on a WebSocket until
// it has left.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	if name := hostname(r.Host); !d.answersTo(name) {
		d.cfg.Logger.Warn("asked for under a name that is not ours", "host", name, "remote", remote(r, d.cfg.Origin(r)))
		http.Error(w, fmt.Sprintf("This chat does not go by the name %q; whoever runs it can start it with -web-host %[1]s.", name), http.StatusMisdirectedRequest)
		return
	}
	d.mux.ServeHTTP(w, r)
}

// Shutdown lets nobody in any more and waits until everybody has left; that
// they leave is up to hub.Hub.Close. When ctx is done first, it drops those
// who are left, and returns the error of ctx.
func (d *Door) Shutdown(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		d.sessions.Wait()
		close(gone)
	}()
	defer d.drop()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	d.drop()
	<-gone
	return ctx.Err()
}

// begin counts a session in, unless the door is closed.
func (d *Door) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.sessions.Add(1)
	return true
}

// socket talks with one client.
func (d *Door) socket(w http.ResponseWriter, r *http.Request) {
	if !d.begin() {
		http.Error(w, hub.ErrClosed.Error(), http.StatusServiceUnavailable)
		return
	}
	defer d.sessions.Done()
	origin := d.cfg.Origin(r)
	log := d.cfg.Logger.With("door", origin.Door, "remote", remote(r, origin))
	taken := &hijacker{ResponseWriter: w}
	// Accept refuses a page of another site: a browser says whose page it is.
	conn, err := websocket.Accept(taken, r, nil)
	if err != nil {
		log.Warn("no WebSocket", "reason", err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(-1) // next throws away what is too long, and the client stays
	d.talk(conn, taken.conn, origin, log)
}

// remote names the peer for the log. Those on a Unix socket have no address.
func remote(r *http.Request, origin hub.Origin) string {
	if _, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return r.RemoteAddr
	}
	return origin.Host
}
