package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/web"
)

func TestPagesTalk(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{Heartbeat: time.Hour})
	alice := s.open()
	welcome := alice.expect("welcome")
	require.Equal(t, "guest1", welcome.To)
	require.Equal(t, hub.MaxLine, welcome.Limits.MaxLine)
	require.EqualValues(t, time.Hour.Milliseconds(), welcome.Limits.Heartbeat)
	entered := alice.expect("entered")
	require.Equal(t, "lobby", entered.Room)
	require.Equal(t, []string{"guest1"}, entered.Names)
	require.WithinDuration(t, time.Now(), entered.Time, patience)

	alice.send("/topic <b>soup</b>")
	require.Equal(t, "<b>soup</b>", alice.expect("topic").Text)
	alice.send("nobody is here yet")
	said := alice.expect("said") // unlike a terminal, a page does not show what is typed by itself
	require.True(t, said.Own)

	bob := s.enter("bob")
	bob.send("/join LOBBY")
	require.Equal(t, "You are in lobby already.", bob.expect("problem").Text)
	bob.send("/join attic")
	bob.expect("entered")
	bob.send("/leave")
	back := bob.expect("entered")
	require.Equal(t, "<b>soup</b>", back.Text)
	require.Equal(t, 2, back.People)
	require.Len(t, back.History, 2)
	require.False(t, back.History[1].Own)
	require.Equal(t, said.Time, back.History[1].Time, "by which a page knows what it has shown")

	require.Equal(t, "guest2", alice.expect("joined").From)
	require.Equal(t, "bob", alice.expect("renamed").To)
	bob.send("hello")
	heard := alice.expect("said")
	require.Equal(t, event{Kind: "said", Room: "lobby", From: "bob", Text: "hello", Time: heard.Time}, heard)
	bob.send("/msg guest1 psst")
	require.Equal(t, "psst", alice.expect("private").Text)
	alice.send("/rooms")
	require.Equal(t, "lobby", alice.expect("rooms").Rooms[0].Name)
	alice.send("/help")
	require.Len(t, alice.expect("help").Help, len(hub.Commands()))
	require.NoError(t, bob.conn.Close(websocket.StatusGoingAway, ""))
	require.Empty(t, alice.expect("left").Text, "a page that was closed is no lost connection")
}

func TestThePageIsServedWithAStrictPolicy(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{})
	client := &http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/chat.js": "text/javascript; charset=utf-8", "/log.js": "text/javascript; charset=utf-8",
		"/chat.css": "text/css; charset=utf-8", "/icon.svg": "image/svg+xml",
	} {
		response, err := client.Get("http://" + s.addr.String() + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusOK, response.StatusCode, path)
		require.Equal(t, kind, response.Header.Get("Content-Type"))
		require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';")
		require.NotContains(t, response.Header.Get("Content-Security-Policy"), "unsafe")
		require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))

		again, err := http.NewRequest(http.MethodGet, "http://"+s.addr.String()+path, nil)
		require.NoError(t, err)
		again.Header.Set("If-None-Match", response.Header.Get("ETag"))
		response, err = client.Do(again)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, http.StatusNotModified, response.StatusCode)
	}
	for path, status := range map[string]int{
		"/nothing": http.StatusNotFound, "/page/": http.StatusNotFound, "/index.html": http.StatusNotFound, "/ws": http.StatusUpgradeRequired,
	} {
		response, err := client.Get("http://" + s.addr.String() + path)
		require.NoError(t, err)
		response.Body.Close()
		require.Equal(t, status, response.StatusCode, path)
		require.NotEmpty(t, response.Header.Get("Content-Security-Policy"))
	}
	response, err := client.Post("http://"+s.addr.String()+"/", "text/plain", nil)
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

func TestAPageOfAnotherSiteDoesNotGetIn(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{})
	for _, origin := range []string{"http://evil.example", "null", "http://" + s.addr.String() + ".evil.example", "http://127.0.0.1:1"} {
		_, response, err := s.dial(origin)
		require.Error(t, err)
		require.Equal(t, http.StatusForbidden, response.StatusCode, origin)
	}
	require.Zero(t, s.hub.Len())
	_, _, err := s.dial("") // a program that is no browser
	require.NoError(t, err)
}

func TestALineThatIsTooLongIsRefusedAndItsSenderStays(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{})
	p := s.enter("alice")
	longest := strings.Repeat("ä", hub.MaxLine/2)
	p.send(longest)
	require.Equal(t, longest, p.expect("said").Text)
	for _, line := range []string{longest + "x", strings.Repeat("x", 10<<20)} {
		p.send(line)
		require.Equal(t, "Not sent: that line has more than 1000 bytes.", p.expect("problem").Text)
	}
	p.send("two\nlines")
	require.Contains(t, p.expect("problem").Text, "control character (U+000A)")
	p.send("in\xffvalid")
	require.Contains(t, p.expect("problem").Text, "not valid UTF-8")
	p.send("")
	p.send("still here")
	require.Equal(t, "still here", p.expect("said").Text)

	other := s.enter("bob")
	require.NoError(t, p.conn.Write(p.ctx, websocket.MessageBinary, []byte("hello")))
	_, code := p.ends()
	require.Equal(t, websocket.StatusUnsupportedData, code)
	require.Equal(t, "alice", other.expect("left").From)
}

func TestTheCloseCodeTellsWhetherToComeAgain(t *testing.T) {
	s := serve(t, hub.New(hub.Config{MaxClients: 1}), web.Config{IdleTimeout: 300 * time.Millisecond})
	idle := s.enter("idle")
	full := s.open()
	before, code := full.ends()
	require.Equal(t, []event{{Kind: "refused", Text: "Sorry, you cannot come in now: the server is full: 1 person is already here."}}, before)
	require.Equal(t, websocket.StatusTryAgainLater, code)
	before, code = idle.ends()
	require.Equal(t, "Nothing came from you for 300ms, so this connection ends. Goodbye.", before[len(before)-1].Text)
	require.Equal(t, websocket.StatusNormalClosure, code)

	quitter := s.enter("quitter")
	quitter.send("/quit")
	before, code = quitter.ends()
	require.Equal(t, "Goodbye, quitter.", before[len(before)-1].Text)
	require.Equal(t, websocket.StatusNormalClosure, code)

	last := s.enter("last")
	s.hub.Close("That was it.")
	before, code = last.ends()
	require.Equal(t, "That was it.", before[len(before)-1].Text)
	require.Equal(t, websocket.StatusGoingAway, code)

	late, code := s.open().ends()
	require.Contains(t, late[0].Text, "the server is shutting down")
	require.Equal(t, websocket.StatusTryAgainLater, code)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, s.door.Shutdown(ctx))
	_, response, err := s.dial("")
	require.Error(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
}
