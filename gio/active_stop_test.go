package gio_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

// What starting and stopping does, whoever calls.

// pausedService is one that accepts nobody until release is called.
type pausedService struct {
	svc     *gio.SocketService
	addr    net.Addr
	taken   chan *gio.SocketConnection // every client after release
	release func()
}

// accepting has one goroutine Accept for ever.
func (p *pausedService) accepting() {
	go func() {
		for {
			c, _, err := p.svc.Accept(context.Background())
			if err != nil {
				return
			}
			p.taken <- c
		}
	}()
}

var pauses = map[string]func(t *testing.T, p *pausedService){
	"MaxConns": func(t *testing.T, p *pausedService) {
		p.svc, p.addr = newService(t, &gio.ServiceConfig{MaxConns: 1})
		p.svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { p.taken <- c; return true })
		dial(t, p.addr)
		first := receive(t, p.taken)
		p.release = func() { require.NoError(t, first.Close()) }
	},
	"MaxConns of Serve": func(t *testing.T, p *pausedService) {
		p.svc, p.addr = newService(t, &gio.ServiceConfig{MaxConns: 1})
		serve(t, p.svc, func(_ context.Context, c *gio.SocketConnection) { p.taken <- c.Detach() })
		dial(t, p.addr)
		first := receive(t, p.taken)
		p.release = func() { require.NoError(t, first.Close()) }
	},
	"max-threads": func(t *testing.T, p *pausedService) {
		threaded, addr := newThreaded(t, 1, nil)
		p.svc, p.addr = &threaded.SocketService, addr
		gate := make(chan struct{})
		threaded.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
			p.taken <- c
			<-gate
			return true
		})
		dial(t, addr)
		first := receive(t, p.taken)
		p.release = func() {
			close(gate)
			gio.WaitForHandlers(t, p.svc, 0)
			require.NoError(t, first.Close())
		}
	},
	"Accept holds a client": func(t *testing.T, p *pausedService) {
		byGIO(t)
		p.svc, p.addr = newService(t, nil)
		dial(t, p.addr)
		dial(t, p.addr)
		c, _, err := p.svc.Accept(context.Background())
		require.NoError(t, err)
		require.NoError(t, c.Close())
		require.True(t, eventually(func() bool { return p.svc.Pending() == 1 }))
		p.release = func() {
			p.accepting()
			require.NoError(t, receive(t, p.taken).Close()) // the one that was held
		}
	},
	"Accept asks by GIO":   func(t *testing.T, p *pausedService) { byGIO(t); accepts(t, p) },
	"Accept asks directly": func(t *testing.T, p *pausedService) { directly(t); accepts(t, p) },
}

func accepts(t *testing.T, p *pausedService) {
	p.svc, p.addr = newService(t, nil)
	p.accepting()
	dial(t, p.addr)
	require.NoError(t, receive(t, p.taken).Close())
	p.release = func() {}
}

// A stop while the library itself accepts nobody is remembered: the end of that
// starts nothing.
func TestStopDuringAPauseIsAStop(t *testing.T) {
	eachSetter(t, func(t *testing.T, setter func(*gio.SocketService) func(bool)) {
		for name, enter := range pauses {
			t.Run(name, func(t *testing.T) {
				p := &pausedService{taken: make(chan *gio.SocketConnection, 2)}
				enter(t, p)
				set := setter(p.svc)
				set(false)
				flush(t, p.svc.Loop())
				require.False(t, p.svc.IsActive())
				dial(t, p.addr)
				p.release()
				flush(t, p.svc.Loop())
				requireNothing(t, p.taken, "accepted although it was stopped")
				require.False(t, p.svc.IsActive())
				set(true)
				require.NoError(t, receive(t, p.taken).Close())
				require.True(t, p.svc.IsActive())
			})
		}
	})
}

// A client that is in the kernel's queue when somebody stops the GObject on the
// loop's thread waits there.
func TestStopByOthersLosesNoClientInTheQueue(t *testing.T) {
	for _, name := range []string{"gotk4", "C", "g_object_set", "a switch"} {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+" "+network, func(t *testing.T) {
				svc := gio.NewSocketService(nil)
				defer svc.Close()
				address := "127.0.0.1:0"
				if network == "unix" {
					address = filepath.Join(t.TempDir(), "s")
				}
				addr, err := svc.Listen(network, address)
				require.NoError(t, err)
				serve(t, svc, echo)
				set := setters[name](t, svc)
				for i := range 200 {
					var peer net.Conn
					onLoop(t, svc.Loop(), func() {
						peer = dial(t, addr)
						set(false) // inline: no accept of GIO's comes between
						if i%3 == 1 {
							set(true)
							set(false)
						}
					})
					if i%2 == 0 {
						flush(t, svc.Loop()) // the cancelled accept has its turn
					}
					set(true)
					say(t, peer, "served")
					require.NoError(t, peer.Close())
				}
			})
		}
	}
}

func TestStopByOthersUnderLoadLosesNoClient(t *testing.T) {
	for _, name := range []string{"gotk4", "g_object_set"} {
		t.Run(name, func(t *testing.T) {
			svc, addr := newService(t, nil)
			serve(t, svc, echo)
			set := setters[name](t, svc)
			underFire(t, svc, addr, func() {
				for i := range 400 {
					set(false)
					if i%2 == 0 {
						flush(t, svc.Loop())
					}
					set(true)
				}
			})
		})
	}
}

// A stop and a start, or a start alone, before there is an address are remembered.
func TestStartBeforeTheFirstAddressWhoeverCalls(t *testing.T) {
	eachSetter(t, func(t *testing.T, setter func(*gio.SocketService) func(bool)) {
		for name, inactive := range map[string]bool{"active": false, "inactive": true} {
			t.Run(name, func(t *testing.T) {
				svc := gio.NewSocketService(&gio.ServiceConfig{Inactive: inactive, Loop: newLoop(t)})
				defer svc.Close()
				o := observe(t, svc)
				set := setter(svc)
				set(false)
				o.require(t, false)
				set(true)
				o.require(t, true)
				serve(t, svc, echo)
				say(t, dial(t, loopback(t, &svc.SocketListener, nil)), "accepted")
				say(t, dial(t, loopback(t, &svc.SocketListener, nil)), "accepted")
				o.require(t, true)
				set(false)
				o.require(t, false)
				set(true)
				say(t, dial(t, loopback(t, &svc.SocketListener, nil)), "accepted")
			})
		}
	})
}

// However often and on whatever thread it is stopped and started: nothing is
// logged, and who comes afterwards is served.
func TestStormOfStopsOnAThreadOfC(t *testing.T) {
	consumers := map[string]func(t *testing.T, svc *gio.SocketService){
		"Serve": func(t *testing.T, svc *gio.SocketService) { serve(t, svc, echo) },
		"ConnectIncoming": func(_ *testing.T, svc *gio.SocketService) {
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { go echoRun(c, nil); return true })
		},
	}
	for name, consume := range consumers {
		t.Run(name, func(t *testing.T) {
			var log lockedLog
			svc, addr := newService(t, &gio.ServiceConfig{Logger: log.logger()})
			consume(t, svc)
			object, logged := native(svc), gobject.Logs()
			visiting := again(func() { // some are lost, to accepts that GIO has on C's thread
				if c, err := net.Dial(addr.Network(), addr.String()); err == nil {
					_ = c.Close()
				}
			})
			for range 20 {
				gobject.Storm(object, 200)
			}
			visiting()
			flush(t, svc.Loop())
			require.True(t, svc.IsActive())
			for range 20 {
				say(t, dial(t, addr), "afterwards")
			}
			svc.Stop()
			svc.Start()
			say(t, dial(t, addr), "and again")
			require.Empty(t, log.String())
			require.Equal(t, logged, gobject.Logs(), "GLib logs")
		})
	}
}
