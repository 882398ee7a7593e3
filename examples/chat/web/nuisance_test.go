package web_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/web"
)

// deaf gets in and neither reads nor answers from then on.
func (s *server) deaf() {
	s.t.Helper()
	conn, err := net.Dial(s.addr.Network(), s.addr.String())
	require.NoError(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /ws HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", s.addr)
	require.NoError(s.t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusSwitchingProtocols, response.StatusCode)
}

func TestASlowBrowserHoldsNobodyUp(t *testing.T) {
	s := serve(t, hub.New(hub.Config{Queue: 20}), web.Config{Heartbeat: time.Hour, WriteTimeout: time.Hour})
	alice, bob := s.enter("alice"), s.enter("bob")
	s.deaf()
	require.Equal(t, "guest3", bob.expect("joined").From)
	text := strings.Repeat("x", 900)
	for lost := false; !lost; { // until the kernel's buffers and then the queue are full
		alice.send(text)
		e, err := bob.next()
		require.NoError(t, err)
		if e.Kind == "left" {
			require.Equal(t, "guest3", e.From)
			require.Equal(t, hub.ErrTooSlow.Error(), e.Text)
			lost = true
		}
		require.Equal(t, text, alice.expect("said").Text)
	}
}

func TestABrowserThatTakesNothingIsGivenUp(t *testing.T) {
	s := serve(t, hub.New(hub.Config{Queue: 1 << 20}), web.Config{Heartbeat: time.Hour, WriteTimeout: 100 * time.Millisecond})
	alice := s.enter("alice")
	s.deaf()
	alice.expect("joined")
	for {
		alice.send(strings.Repeat("x", 900))
		e, err := alice.next()
		require.NoError(t, err)
		if e.Kind == "left" {
			require.Equal(t, hub.ErrTooSlow.Error(), e.Text)
			return
		}
	}
}

func TestHeartbeatsFindWhoIsGone(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{Heartbeat: 20 * time.Millisecond, WriteTimeout: time.Second})
	alice := s.enter("alice")
	s.deaf() // has room for the heartbeats, but answers no ping
	alice.expect("joined")
	require.Equal(t, "connection lost", alice.expect("left").Text) // alice reads, which answers hers

	// A page is not told of a ping: an empty message tells it that the server is there.
	_, message, err := alice.conn.Read(alice.ctx)
	require.NoError(t, err)
	require.Equal(t, "[]", string(message))
}

func TestOneWhoIsSlowedDownIsNotTakenForGone(t *testing.T) {
	s := serve(t, hub.New(hub.Config{Rate: 0.4, Burst: 1}), web.Config{Heartbeat: 50 * time.Millisecond, WriteTimeout: time.Second})
	p := s.open()
	for _, line := range []string{"1", "2", "3"} {
		p.send(line) // the answers to pings wait behind the third while the second is held back
	}
	require.Equal(t, "1", p.expect("said").Text)
	require.Equal(t, "2", p.expect("said").Text)
}

func TestShutdownDoesNotWaitForOneWhoDoesNotAnswer(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{Heartbeat: time.Hour})
	alice := s.enter("alice")
	s.deaf()
	alice.expect("joined")
	s.hub.Close("Goodbye.")
	_, code := alice.ends()
	require.Equal(t, websocket.StatusGoingAway, code)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.door.Shutdown(ctx), context.DeadlineExceeded)
}

func TestMaxPerHostCountsBrowsersToo(t *testing.T) {
	s := serve(t, hub.New(hub.Config{MaxPerHost: 1}), web.Config{})
	alice := s.enter("alice")
	before, code := s.open().ends()
	require.Contains(t, before[0].Text, "too many connections from your address: 1 at once")
	require.Equal(t, websocket.StatusTryAgainLater, code)
	require.NoError(t, alice.conn.Close(websocket.StatusNormalClosure, ""))
}
