package web_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/web"
)

// A page of evil.example whose name points here by now is of the same origin as the
// WebSocket: only the name tells.
func TestAnswersToItsOwnNamesAlone(t *testing.T) {
	s := serve(t, hub.New(hub.Config{}), web.Config{
		Hosts: func() []string { return []string{"chat.example.org", "Box"} },
	})
	for host, status := range map[string]int{
		s.addr.String():          http.StatusOK,
		"127.0.0.1":              http.StatusOK,
		"[::1]:9080":             http.StatusOK,
		"localhost:9080":         http.StatusOK,
		"chat.example.org":       http.StatusOK,
		"CHAT.example.org.:443":  http.StatusOK,
		"box:9080":               http.StatusOK,
		"evil.example":           http.StatusMisdirectedRequest,
		"evil.example:9080":      http.StatusMisdirectedRequest,
		"127.0.0.1.evil.example": http.StatusMisdirectedRequest,
		"localhost.evil.example": http.StatusMisdirectedRequest,
		"example.org":            http.StatusMisdirectedRequest,
	} {
		req, err := http.NewRequest(http.MethodGet, "http://"+s.addr.String()+"/", nil)
		require.NoError(t, err)
		req.Host = host
		answer, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, status, answer.StatusCode, host)

		ctx, cancel := context.WithTimeout(context.Background(), patience)
		conn, answer, err := websocket.Dial(ctx, "ws://"+s.addr.String()+"/ws", &websocket.DialOptions{
			Host: host, HTTPHeader: http.Header{"Origin": {"http://" + host}},
		})
		if status == http.StatusOK {
			require.NoError(t, err, host)
			require.NoError(t, conn.CloseNow())
		} else {
			require.Error(t, err, host)
			require.Equal(t, status, answer.StatusCode, host)
		}
		cancel()
	}
}
