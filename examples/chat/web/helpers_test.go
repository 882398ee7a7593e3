package web_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/web"
	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/gio"
)

// patience is how long anything may take that should be there at once.
const patience = servertest.Patience

// server is a door on connections that GIO accepts.
type server struct {
	t    *testing.T
	hub  *hub.Hub
	door *web.Door
	addr net.Addr
}

func serve(t *testing.T, h *hub.Hub, cfg web.Config) *server {
	t.Helper()
	cfg.Hub = h
	cfg.Logger = slog.New(slog.NewTextHandler(testLog{t}, nil))
	s := &server{t: t, hub: h, door: web.New(cfg)}
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = addr
	httpServer := &http.Server{Handler: s.door}
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(svc.NetListener()) }()
	t.Cleanup(func() {
		s.hub.Close("The test is over.")
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.door.Shutdown(ctx))
		require.NoError(t, httpServer.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
		require.NoError(t, svc.Close())
	})
	return s
}

// testLog shows the server's log when a test fails.
type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", line)
	return len(line), nil
}

// event is what the page gets.
type event struct {
	Kind, Room, From, To, Text string
	Time                       time.Time
	Own                        bool
	People                     int
	Names                      []string
	Rooms                      []struct {
		Name, Topic string
		People      int
	}
	Help    []struct{ Usage, Does string }
	History []event
	Limits  struct{ MaxLine, Heartbeat int }
}

// page is a client that does what the page does.
type page struct {
	t    *testing.T
	conn *websocket.Conn
	ctx  context.Context
	came []event
}

func (s *server) dial(origin string) (*page, *http.Response, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	s.t.Cleanup(cancel)
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	conn, response, err := websocket.Dial(ctx, "ws://"+s.addr.String()+"/ws", &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, response, err
	}
	s.t.Cleanup(func() { conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &page{t: s.t, conn: conn, ctx: ctx}, response, nil
}

// open is dial for one that must get in as far as that.
func (s *server) open() *page {
	s.t.Helper()
	p, _, err := s.dial("http://" + s.addr.String())
	require.NoError(s.t, err)
	return p
}

// enter is open, past the greeting, under a name.
func (s *server) enter(name string) *page {
	s.t.Helper()
	p := s.open()
	p.send("/nick " + name)
	require.Equal(s.t, name, p.expect("renamed").To)
	return p
}

func (p *page) send(line string) {
	p.t.Helper()
	require.NoError(p.t, p.conn.Write(p.ctx, websocket.MessageText, []byte(line)))
}

// next is the next event, or the error that ended the connection.
func (p *page) next() (event, error) {
	p.t.Helper()
	for len(p.came) == 0 {
		kind, message, err := p.conn.Read(p.ctx)
		if err != nil {
			return event{}, err
		}
		require.Equal(p.t, websocket.MessageText, kind)
		require.NoError(p.t, json.Unmarshal(message, &p.came))
	}
	e := p.came[0]
	p.came = p.came[1:]
	return e, nil
}

// expect skips to an event of that kind.
func (p *page) expect(kind string) event {
	p.t.Helper()
	for {
		e, err := p.next()
		require.NoError(p.t, err, "waiting for %s", kind)
		if e.Kind == kind {
			return e
		}
	}
}

// ends reads to the end and returns how the server closed.
func (p *page) ends() (before []event, code websocket.StatusCode) {
	p.t.Helper()
	for {
		e, err := p.next()
		if err != nil {
			return before, websocket.CloseStatus(err)
		}
		before = append(before, e)
	}
}
