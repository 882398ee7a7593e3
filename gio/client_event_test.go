package gio_test

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

type seenEvent struct {
	event  gio.ClientEvent
	target string
	remote string
}

// eventRecorder collects the events of a client until a dial is complete.
type eventRecorder struct {
	mu   sync.Mutex
	seen []seenEvent
}

func (r *eventRecorder) add(e gio.ClientEvent, target string, remote net.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := seenEvent{event: e, target: target}
	if remote != nil {
		s.remote = remote.String()
	}
	r.seen = append(r.seen, s)
}

func (r *eventRecorder) take() []seenEvent {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.seen
	r.seen = nil
	return s
}

func TestClientEventsComeInOrder(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("name.test", "127.0.0.1")
	tcp := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	port := strconv.Itoa(int(tcpPort(mustTCPAddr(t, tcp))))
	path := filepath.Join(t.TempDir(), "s")
	dialEchoServer(t, "unix", path)
	client := newClient(t, nil)
	var r eventRecorder
	client.ConnectEvent(r.add)
	for _, tt := range []struct{ network, address, target, remote string }{
		{"tcp", tcp, tcp, tcp},
		{"tcp", "name.test:" + port, "name.test:" + port, tcp},
		{"tcp4", "name.test:" + port, "name.test:" + port, tcp},
		{"unix", path, path, path},
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			c, err := client.Dial(t.Context(), tt.network, tt.address)
			require.NoError(t, err)
			requireEcho(t, c)
			require.Equal(t, []seenEvent{
				{gio.ClientResolving, tt.target, ""},
				{gio.ClientResolved, tt.target, ""},
				{gio.ClientConnecting, tt.target, tt.remote},
				{gio.ClientConnected, tt.target, tt.remote},
				{gio.ClientComplete, tt.target, tt.remote},
			}, r.take())
		})
	}
}

func mustTCPAddr(t testing.TB, s string) *net.TCPAddr {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", s)
	require.NoError(t, err)
	return a
}

func TestFailedDialIsCompleteWithoutARemoteAddress(t *testing.T) {
	refused := refusedPort(t)
	client := newClient(t, nil)
	var r eventRecorder
	client.ConnectEvent(r.add)
	_, err := client.Dial(t.Context(), "tcp", refused)
	require.Error(t, err)
	require.Equal(t, []seenEvent{
		{gio.ClientResolving, refused, ""},
		{gio.ClientResolved, refused, ""},
		{gio.ClientConnecting, refused, refused},
		{gio.ClientComplete, refused, ""},
	}, r.take())
}

func TestDisconnectedClientHandlerIsNotCalled(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	client := newClient(t, nil)
	var before, after eventRecorder
	var h gio.SignalHandle
	client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) {
		if e == gio.ClientConnecting { // in an emission, before its turn
			client.Disconnect(h)
		}
	})
	h = client.ConnectEvent(before.add)
	client.ConnectEvent(after.add)
	c, err := client.Dial(t.Context(), "tcp", addr)
	require.NoError(t, err)
	requireEcho(t, c)
	require.Len(t, before.take(), 2)
	require.Len(t, after.take(), 5)
	client.Disconnect(h)
	client.Disconnect(12345)
}

func TestPanicInAClientHandlerIsLogged(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	var log giotest.Log
	client := newClient(t, &gio.ClientConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	client.ConnectEvent(func(gio.ClientEvent, string, net.Addr) { panic("in the handler") })
	var r eventRecorder
	client.ConnectEvent(r.add)
	c, err := client.Dial(t.Context(), "tcp", addr)
	require.NoError(t, err)
	requireEcho(t, c)
	require.Len(t, r.take(), 5)
	require.Contains(t, log.String(), "in the handler")
	require.Contains(t, log.String(), "client_event_test.go")
}

func TestClientHandlersComeAndGoWhileDialling(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	client := newClient(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		for ctx.Err() == nil {
			h := client.ConnectEvent(func(gio.ClientEvent, string, net.Addr) {})
			client.Disconnect(h)
		}
	}()
	go func() {
		defer wg.Done()
		for ctx.Err() == nil {
			c, err := client.Dial(context.Background(), "tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}()
	wg.Wait()
}

func TestClientEventsHaveNames(t *testing.T) {
	require.Equal(t, "resolving", gio.ClientResolving.String())
	require.Equal(t, "complete", gio.ClientComplete.String())
	require.Equal(t, "unknown", gio.ClientEvent(99).String())
}
