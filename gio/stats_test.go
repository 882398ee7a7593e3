package gio_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
	"github.com/glibserve/glibserve/glibloop"
)

// What Stats tells.

// requirePaused wants the service to come to exactly these reasons, by their beginning.
func requirePaused(t testing.TB, svc *gio.SocketService, reasons ...string) {
	t.Helper()
	var got []string
	ok := eventually(func() bool {
		got = svc.Stats().Paused
		return slices.EqualFunc(got, reasons, strings.HasPrefix)
	})
	require.True(t, ok, "paused for %q, want %q", got, reasons)
}

const (
	noHandler  = "nobody takes clients: no handler, and Serve, Accept or Conns is not running"
	allBlocked = "nobody takes clients: every handler is blocked"
	nobodyAsks = "nobody asks for the next client"
)

// Every client counts once, whoever accepted it and whoever took it or not.
func TestAcceptedCountsEachClientOnce(t *testing.T) {
	const n = 20
	clients := func(t *testing.T, addr net.Addr) {
		for range n {
			c := dial(t, addr)
			b := make([]byte, 1)
			_, _ = c.Read(b) // an answer, or the end
			_ = c.Close()
		}
	}
	ends := func(c *gio.SocketConnection) { answer(c, "x") }
	for name, take := range map[string]func(t *testing.T, svc *gio.SocketService){
		"Serve": func(t *testing.T, svc *gio.SocketService) {
			serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { ends(c) })
		},
		"Conns": func(t *testing.T, svc *gio.SocketService) {
			go func() {
				for c, err := range svc.Conns(context.Background()) {
					if err == nil {
						ends(c)
					}
				}
			}()
		},
		"a handler":                 func(_ *testing.T, svc *gio.SocketService) { answers(svc, "x") },
		"a handler that declines":   declines,
		"two, and the second takes": func(t *testing.T, svc *gio.SocketService) { declines(t, svc); answers(svc, "x") },
		"Serve beside one that declines": func(t *testing.T, svc *gio.SocketService) {
			declines(t, svc)
			serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { ends(c) })
		},
		"one in C that declines": func(t *testing.T, svc *gio.SocketService) {
			o := native(svc)
			var h gobject.Handler
			onLoop(t, svc.Loop(), func() { h = gobject.Decline(o) })
			t.Cleanup(func() { onLoop(t, svc.Loop(), h.Disconnect) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachMode(t, func(t *testing.T) {
				svc, addr := newService(t, &gio.ServiceConfig{Loop: newLoop(t)})
				take(t, svc)
				clients(t, addr)
				require.EqualValues(t, n, svc.Stats().Accepted)
				require.True(t, eventually(func() bool { return svc.Stats().Open == 0 }))
				require.NoError(t, svc.Close())
				require.EqualValues(t, n, svc.Stats().Accepted, "after Close")
			})
		})
	}
}

func declines(_ *testing.T, svc *gio.SocketService) {
	svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { return false })
}

// A client whom a handler in C took, before any of Go's was asked, counts.
func TestAcceptedCountsWhatOtherCodeTook(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{Loop: newLoop(t)})
	o := native(svc)
	var h gobject.Handler
	onLoop(t, svc.Loop(), func() { h = gobject.Take(o) })
	defer onLoop(t, svc.Loop(), h.Disconnect)
	answers(svc, "never asked")
	for range 5 {
		say(t, dial(t, addr), "hello")
	}
	require.Equal(t, 5, h.Calls())
	require.EqualValues(t, 5, svc.Stats().Accepted)
	require.Zero(t, svc.Stats().Open, "they are not the library's")
}

// A client that was accepted for Accept and is then offered to a handler came once.
func TestPendingClientIsCountedOnce(t *testing.T) {
	byGIO(t)
	svc, addr := newService(t, nil)
	first := dial(t, addr)
	got, _, err := svc.Accept(context.Background()) // from now on it is expected again
	require.NoError(t, err)
	answer(got, "a")
	requireAnswer(t, first, "a")
	c := dial(t, addr)
	require.True(t, eventually(func() bool { return svc.Stats().Pending == 1 }))
	st := svc.Stats()
	require.EqualValues(t, 2, st.Accepted)
	require.Equal(t, 1, st.Open)
	require.Equal(t, []string{"nobody asks for the next client: Accept or Conns is not waiting"}, st.Paused)
	answers(svc, "h")
	requireAnswer(t, c, "h")
	require.EqualValues(t, 2, svc.Stats().Accepted)
	require.Zero(t, svc.Stats().Pending)
}

// Why nobody is accepted, in each state that there is.
func TestPausedSaysWhy(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		svc := gio.NewSocketService(&gio.ServiceConfig{Inactive: true, MaxConns: 2, Loop: newLoop(t)})
		defer svc.Close()
		requirePaused(t, svc, "inactive: Start was not called", "no address", noHandler)
		svc.Start()
		requirePaused(t, svc, "no address", noHandler)
		addr := loopback(t, &svc.SocketListener, nil)
		requirePaused(t, svc, noHandler)
		svc.Stop()
		requirePaused(t, svc, "inactive: Stop was called", noHandler)
		require.False(t, svc.Stats().Active)
		svc.Start()
		require.True(t, svc.Stats().Active)

		h := answers(svc, "h")
		requirePaused(t, svc)
		svc.Block(h)
		requirePaused(t, svc, allBlocked)
		svc.Disconnect(h)
		requirePaused(t, svc, noHandler)

		gate := make(chan struct{})
		serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { <-gate })
		requirePaused(t, svc)
		dial(t, addr)
		dial(t, addr)
		gio.WaitForHandlers(t, svc, 2)
		requirePaused(t, svc, "MaxConns: 2 of 2 are open")
		st := svc.Stats()
		require.Equal(t, 2, st.Open)
		require.Equal(t, 2, st.Handling)
		close(gate)
		requirePaused(t, svc)
		require.NoError(t, svc.Close())
		requirePaused(t, svc, "closed")
		require.False(t, svc.Stats().Active)
	})
}

func TestPausedSaysThatNobodyAsks(t *testing.T) {
	directly(t)
	svc, addr := newService(t, nil)
	accepted := make(chan *gio.SocketConnection)
	accept := func() {
		c, _, err := svc.Accept(context.Background())
		if err == nil {
			accepted <- c
		}
	}
	go accept()
	requirePaused(t, svc)
	dial(t, addr)
	defer receive(t, accepted).Close()
	requirePaused(t, svc, nobodyAsks)
	go accept()
	requirePaused(t, svc)
	dial(t, addr)
	defer receive(t, accepted).Close()
}

func TestPausedSaysThatWorkersAreBusy(t *testing.T) {
	svc := gio.NewThreadedSocketService(1, nil)
	defer svc.Close()
	gate := make(chan struct{})
	svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool { <-gate; answer(c, "r"); return true })
	addr := loopback(t, &svc.SocketListener, nil)
	requirePaused(t, &svc.SocketService)
	c := dial(t, addr)
	requirePaused(t, &svc.SocketService, "every worker of max-threads is busy: 1 of 1")
	require.Equal(t, 1, svc.Stats().Handling)
	close(gate)
	requireAnswer(t, c, "r")
	requirePaused(t, &svc.SocketService)
}

func TestPausedSaysThatDescriptorsAreShort(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
		serve(t, svc, echo)
		say(t, dial(t, addr), "before")
		limitDescriptors(t, 512)
		fd := rawSocket(t)
		free := takeAllDescriptors(t)
		rawConnect(t, fd, addr)
		requirePaused(t, svc, "file descriptors are short")
		free()
		rawSay(t, fd, "served")
		requirePaused(t, svc)
	})
}

func TestPausedSaysThatTheLoopHasEnded(t *testing.T) {
	loop := glibloop.New()
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
	loopback(t, &svc.SocketListener, nil)
	answers(svc, "h")
	require.NoError(t, loop.Close())
	requirePaused(t, svc, "the loop has ended")
	require.NoError(t, svc.Close())
}

// It waits for nobody: not for a loop that is held, nor for itself on that.
func TestStatsNeverWaitsForTheLoop(t *testing.T) {
	svc, _ := newService(t, nil)
	held, let := make(chan gio.Stats), make(chan struct{})
	require.NoError(t, svc.Loop().Post(func() {
		held <- svc.Stats()
		<-let
	}))
	on := receive(t, held)
	require.Equal(t, on, svc.Stats())
	close(let)
}

// Others may read while everything happens.
func TestStatsWhileClientsComeAndGo(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		svc, addr := newService(t, &gio.ServiceConfig{MaxConns: 8})
		serve(t, svc, echo)
		end, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			var last uint64
			for {
				st := svc.Stats()
				if st.Accepted < last || int(st.Accepted) < st.Open || st.Open > 9 {
					ended <- fmt.Errorf("%v after %d", st, last)
					return
				}
				last = st.Accepted
				select {
				case <-end:
					ended <- nil
					return
				default:
				}
			}
		}()
		rounds(t, addr, 800/raceFactor, 8)
		require.EqualValues(t, 800/raceFactor, svc.Stats().Accepted)
		require.NoError(t, svc.Close())
		close(end)
		require.NoError(t, receive(t, ended))
	})
}

func TestStatsPrintsItself(t *testing.T) {
	st := gio.Stats{Accepted: 12, Open: 3, Handling: 2, Pending: 1, Active: true}
	require.Equal(t, "accepted 12, open 3, handling 2, pending 1, active", st.String())
	st.Active, st.Paused = false, []string{"inactive: Stop was called", "no address"}
	line := "accepted 12, open 3, handling 2, pending 1, inactive; paused: inactive: Stop was called; no address"
	require.Equal(t, line, fmt.Sprint(st))
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("now", "service", st)
	require.Contains(t, out.String(), `service.accepted=12 service.open=3 service.handling=2 service.pending=1 service.active=false service.paused="inactive: Stop was called; no address"`)
	b, err := json.Marshal(st)
	require.NoError(t, err)
	require.JSONEq(t, `{"Accepted":12,"Open":3,"Handling":2,"Pending":1,"Active":false,"Paused":["inactive: Stop was called","no address"]}`, string(b))
}

func BenchmarkStats(b *testing.B) {
	svc, _ := newService(b, nil)
	for b.Loop() {
		_ = svc.Stats()
	}
}
