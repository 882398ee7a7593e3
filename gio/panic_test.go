package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
	"github.com/glibserve/glibserve/glibloop"
)

// lockedLog is a log that can be read while it is written.
type lockedLog struct{ giotest.Log }

func (l *lockedLog) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// explode is where the panics of these tests come from: its name is in their
// stacks.
func explode() { panic("boom") }

func explodeIncoming(*gio.SocketConnection, any) bool { explode(); return false }

// requirePanics wants the panic in the log, with its stack and the place where the
// callback was registered, n times.
func (l *lockedLog) requirePanics(t *testing.T, what string, n int) {
	t.Helper()
	ok := eventually(func() bool { return strings.Count(l.String(), "panic in "+what) >= n })
	out := l.String()
	require.True(t, ok, out)
	require.Equal(t, n, strings.Count(out, "level=ERROR"), out)
	require.Equal(t, n, strings.Count(out, "panic=boom"), out)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		require.Contains(t, line, "gio_test.explode", "the stack")
		_, place, _ := strings.Cut(line, "registered=")
		place, _, _ = strings.Cut(place, " ")
		require.Regexp(t, `(_test\.go|/giotest/service\.go):\d+$`, place, "the place") // of a helper, where that registers
	}
}

// The callbacks that get a connection: a panic closes it.
func TestPanicWithAConnectionClosesThatAlone(t *testing.T) {
	for _, c := range []struct {
		what string
		on   func(t *testing.T, cfg *gio.ServiceConfig) (svc *gio.SocketService, addr net.Addr, off func())
	}{
		{"ConnectIncoming handler", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			svc, addr := newService(t, cfg)
			h := svc.ConnectIncoming(explodeIncoming)
			return svc, addr, func() { svc.Disconnect(h) }
		}},
		{"ServiceConfig.Incoming", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			off := make(chan struct{})
			cfg.Incoming = func(c *gio.SocketConnection, s any) bool {
				select {
				case <-off:
					return false
				default:
					return explodeIncoming(c, s)
				}
			}
			svc, addr := newService(t, cfg)
			return svc, addr, func() { close(off) }
		}},
		{"ConnectRun handler", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			svc, addr := newThreaded(t, 1, cfg) // one worker: a lost one would be the last
			h := svc.ConnectRun(explodeIncoming)
			return &svc.SocketService, addr, func() { svc.Disconnect(h) }
		}},
		{"ServiceConfig.Run", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			cfg.Run = explodeIncoming
			svc, addr := newThreaded(t, 1, cfg)
			return &svc.SocketService, addr, func() {} // Serve comes before it
		}},
		{"Serve handler", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			svc, addr := newService(t, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			errc := make(chan error, 1)
			go func() {
				errc <- svc.Serve(ctx, gio.HandlerFunc(func(context.Context, *gio.SocketConnection) { explode() }))
			}()
			return svc, addr, func() {
				cancel()
				require.ErrorIs(t, receive(t, errc), context.Canceled)
			}
		}},
		{"Serve handler", func(t *testing.T, cfg *gio.ServiceConfig) (*gio.SocketService, net.Addr, func()) {
			svc, addr := newService(t, cfg)
			ctx, cancel := context.WithCancel(context.Background())
			errc := make(chan error, 1)
			go func() {
				errc <- svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) {
					c.Detach() // after which the handler would have to close it
					explode()
				}))
			}()
			return svc, addr, func() {
				cancel()
				require.ErrorIs(t, receive(t, errc), context.Canceled)
			}
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			var log lockedLog
			// MaxConns: a place that a panic kept would be missed.
			svc, addr, off := c.on(t, &gio.ServiceConfig{Logger: log.logger(), MaxConns: 1})
			for range 3 {
				requireEnd(t, dial(t, addr))
			}
			log.requirePanics(t, c.what, 3)
			require.Contains(t, log.String(), "remote=127.0.0.1:")
			off()
			serve(t, svc, echo)
			say(t, dial(t, addr), "on it goes")
			require.True(t, svc.IsActive())
			log.requirePanics(t, c.what, 3)
		})
	}
}

func TestPanicInsideTLSClosesThatConnectionAlone(t *testing.T) {
	var log lockedLog
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{Logger: log.logger(), TLS: a.server(t)})
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		b := make([]byte, 1)
		if _, err := io.ReadFull(c, b); err == nil && b[0] == '!' {
			explode()
		}
		_, _ = c.Write(b)
	})
	client := func() net.Conn {
		return tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	}
	bad := client()
	_, err := bad.Write([]byte("!"))
	require.NoError(t, err)
	_, err = bad.Read(make([]byte, 1))
	require.Error(t, err)
	log.requirePanics(t, "Serve handler", 1)
	say(t, client(), "y")
}

// The callbacks that get none.
func TestPanicWithoutAConnectionStopsNothing(t *testing.T) {
	for what, on := range map[string]func(svc *gio.SocketService) (provoke func()){
		"ConnectEvent handler": func(svc *gio.SocketService) func() {
			svc.ConnectEvent(func(e gio.ListenerEvent, _ net.Addr) {
				if e == gio.ListenerBound {
					explode()
				}
			})
			return func() { _, _ = svc.Listen("tcp", "127.0.0.1:0") }
		},
		"ConnectNotifyActive handler": func(svc *gio.SocketService) func() {
			svc.ConnectNotifyActive(func(active bool) {
				if !active {
					explode()
				}
			})
			return func() { svc.Stop(); svc.Start() }
		},
		"notify handler": func(svc *gio.SocketService) func() {
			svc.ConnectNotifyBacklog(func(int) { explode() })
			return func() { svc.SetBacklog(7) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			var log lockedLog
			svc, addr := newService(t, &gio.ServiceConfig{Logger: log.logger()})
			provoke := on(svc)
			provoke()
			log.requirePanics(t, what, 1)
			serve(t, svc, echo)
			say(t, dial(t, addr), "on it goes")
		})
	}
	t.Run("of a client", func(t *testing.T) {
		var log lockedLog
		addr := dialEchoService(t, "tcp", "127.0.0.1:0")
		client := newClient(t, &gio.ClientConfig{Logger: log.logger()})
		client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) {
			if e == gio.ClientConnecting {
				explode()
			}
		})
		c, err := client.Dial(t.Context(), "tcp", addr.String())
		require.NoError(t, err)
		requireEcho(t, c)
		log.requirePanics(t, "ConnectEvent handler", 1)
	})
}

// What runs on the caller's own goroutine is the caller's own panic. It leaves
// everything as it should be.
func TestPanicOfTheCallersOwnLeavesEverythingUsable(t *testing.T) {
	t.Run("loop over Conns", func(t *testing.T) {
		svc, addr := newService(t, nil)
		peer := dial(t, addr)
		var mine *gio.SocketConnection
		require.PanicsWithValue(t, "boom", func() {
			for c := range svc.Conns(t.Context()) {
				mine = c
				explode()
			}
		})
		go echo(t.Context(), mine)
		say(t, peer, "the body's to close, as ever")
		require.NoError(t, mine.Close())
		serve(t, svc, echo) // nobody else takes clients any more
		say(t, dial(t, addr), "on it goes")
	})
	t.Run("SyscallConn", func(t *testing.T) {
		eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
			raw, err := c.SyscallConn()
			require.NoError(t, err)
			require.PanicsWithValue(t, "boom", func() { _ = raw.Control(func(uintptr) { explode() }) })
			require.PanicsWithValue(t, "boom", func() { _ = raw.Read(func(uintptr) bool { explode(); return true }) })
			require.PanicsWithValue(t, "boom", func() { _ = raw.Write(func(uintptr) bool { explode(); return true }) })
			go echo(t.Context(), c)
			say(t, peer, "on it goes")
		})
	})
	t.Run("Call on the service's loop", func(t *testing.T) {
		svc, addr := newService(t, nil)
		var p *glibloop.PanicError
		require.ErrorAs(t, svc.Loop().Call(t.Context(), func() error { explode(); return nil }), &p)
		require.Contains(t, string(p.Stack), "gio_test.explode")
		serve(t, svc, echo)
		say(t, dial(t, addr), "on it goes")
	})
}

// What was posted has no caller who could be told: the program ends, with the
// stack of the panic and the place of posting.
func TestPanicInAPostedFunctionEndsTheProgram(t *testing.T) {
	for name := range posters {
		t.Run(name, func(t *testing.T) {
			b, err := helper(t, "panics in a posted function", name).CombinedOutput()
			require.Error(t, err)
			for _, want := range []string{"panic: glibloop: ", "boom", "panic_test.go:", "gio_test.explode"} {
				require.Contains(t, string(b), want)
			}
		})
	}
}

var posters = map[string]func(l *glibloop.Loop){
	"Post":      func(l *glibloop.Loop) { _ = l.Post(explode) },
	"Invoke":    func(l *glibloop.Loop) { _ = l.Invoke(explode) },
	"AfterFunc": func(l *glibloop.Loop) { l.AfterFunc(0, explode) },
}

func init() {
	helpers["panics in a posted function"] = func(args []string) error {
		svc := gio.NewSocketService(nil)
		posters[args[0]](svc.Loop())
		<-svc.Done() // never: the program ends first
		return nil
	}
}
