package talk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

const (
	// maxClients is how many may be in beside this person, and places is how
	// many more may be told that there is no room.
	maxClients, places = 200, 64

	// queued is how many events wait for one client, this window's among them.
	queued = 1024

	// clientRate is how many lines a second one client may send for long.
	clientRate = 10

	// goodbyeTime is how long the last words may take to reach everybody.
	goodbyeTime = 3 * time.Second
)

// Host is a chat server whose first client is this program's person.
type Host struct {
	svc    *gio.SocketService
	chat   *hub.Hub
	client *hub.Client
	addrs  []net.Addr
	log    *slog.Logger
	typed  *typed
}

var _ Conversation = (*Host)(nil)

// HostConfig is what a host needs to know.
type HostConfig struct {
	Loop      *glibloop.Loop // what the service accepts on; nil: one of its own
	Addresses []listen.Address
	Name      string       // this person's nickname; "": the server's choice
	Logger    *slog.Logger // nil: slog.Default()
}

// NewHost listens. Clients that connect before Run wait in the kernel. Its errors are sentences. Close it, whether or not Run ran.
// With the loop of an application that does not run yet, call it on the
// goroutine that will run that.
func NewHost(cfg HostConfig) (*Host, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	h := &Host{
		svc:   gio.NewSocketService(&gio.ServiceConfig{Loop: cfg.Loop, Logger: cfg.Logger, MaxConns: maxClients + places}),
		chat:  hub.New(hub.Config{MaxClients: maxClients + 1, Queue: queued, Rate: clientRate}),
		log:   cfg.Logger,
		typed: newTyped(),
	}
	addrs, err := listen.Open(h.svc, cfg.Addresses)
	if err != nil {
		h.svc.Close()
		return nil, err
	}
	h.addrs = addrs
	h.client, err = h.chat.Enter(context.Background(), hub.Origin{Door: "window"})
	if err != nil {
		h.svc.Close()
		return nil, err
	}
	if cfg.Name != "" {
		h.client.Input("/nick " + cfg.Name)
	}
	return h, nil
}

// Addrs are the addresses that clients connect to.
func (h *Host) Addrs() []net.Addr { return h.addrs }

// Places names the addresses.
func (h *Host) Places() []string {
	words := make([]string, len(h.addrs))
	for i, addr := range h.addrs {
		words[i] = addr.Network() + " " + addr.String()
	}
	return words
}

// Status tells how many came and are here, and why nobody can come in, if that is so.
func (h *Host) Status() string {
	st := h.svc.Stats()
	words := fmt.Sprintf("%d came, %d connected", st.Accepted, st.Open)
	if len(st.Paused) > 0 {
		words += ", nobody can come in: " + strings.Join(st.Paused, "; ")
	}
	return words
}

// Run serves the others and shows this person what happens.
func (h *Host) Run(show func(Update)) error {
	defer h.client.Close()
	go h.serve()
	go h.pass()

	room := &room{self: h.client.ID()}
	var events []*hub.Event
	first := true
	for {
		var err error
		events, err = h.client.Next(events)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		var update Update
		for _, e := range events {
			update.Lines = append(update.Lines, room.apply(e)...)
		}
		if first {
			update.Lines = append(update.Lines, h.invitations()...)
			first = false
		}
		update.Room = room.snapshot()
		show(update)
	}
}

// serve lets the others in.
func (h *Host) serve() {
	door := lines.New(lines.Config{Hub: h.chat, Logger: h.log})
	err := h.svc.Serve(context.Background(), gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
		door.Serve(ctx, conn, lines.Origin(conn, h.log))
	}))
	if !errors.Is(err, gio.ErrServiceClosed) {
		h.log.Error("serving ended", "error", err)
	}
}

// pass hands on what is typed. Input waits while it is more than the rate
// that every client is held to.
func (h *Host) pass() {
	for {
		select {
		case line := <-h.typed.lines:
			h.client.Input(line)
		case <-h.client.Context().Done():
			return
		}
	}
}

// Say is for the goroutine of the window.
func (h *Host) Say(text string) bool { return h.typed.add(text) }

// Close says goodbye to everybody and ends the server. Only the first call
// has anything to do.
func (h *Host) Close() {
	h.chat.Close("The server is shutting down. Goodbye.")
	inTime, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	// The time being up is no failure: some peer did not read to the end.
	if err := h.svc.Shutdown(inTime); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		h.log.Error("shutting down", "error", err)
	}
	h.client.Close()
}

// invitations tell how others come in.
func (h *Host) invitations() []Line {
	var shown []Line
	for _, addr := range h.addrs {
		shown = append(shown, Line{Kind: Notice, At: time.Now(), Text: "Others come in with: " + invitation(addr)})
	}
	return shown
}

// invitation is a command that comes in by addr.
func invitation(addr net.Addr) string {
	if addr.Network() == "unix" {
		if name, abstract := strings.CutPrefix(addr.String(), "@"); abstract {
			return "socat - ABSTRACT-CONNECT:" + name
		}
		return "nc -U " + addr.String()
	}
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "nc " + addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "nc " + host + " " + port
}
