package gio_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

// Who sees whether a service is active: the property, its "notify", bindings,
// IsActive and ConnectNotifyActive.

// The property, IsActive and what handlers and bindings were told agree, whoever
// calls and whatever the library does meanwhile.
func TestActiveAgreesWhoeverSetsIt(t *testing.T) {
	states := map[string]func(t *testing.T, svc *gio.SocketService){
		"no address": func(*testing.T, *gio.SocketService) {},
		"no consumer": func(t *testing.T, svc *gio.SocketService) {
			loopback(t, &svc.SocketListener, nil)
		},
		"MaxConns": func(t *testing.T, svc *gio.SocketService) {
			taken := make(chan *gio.SocketConnection, 1)
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { taken <- c; return true })
			dial(t, loopback(t, &svc.SocketListener, nil))
			receive(t, taken)
		},
		"Serve": func(t *testing.T, svc *gio.SocketService) {
			addr := loopback(t, &svc.SocketListener, nil)
			serve(t, svc, echo)
			dial(t, addr)
		},
		"Accept": func(t *testing.T, svc *gio.SocketService) {
			// Before the client comes: others have the GObject, so it would not wait.
			taken := make(chan *gio.SocketConnection, 1)
			go func() {
				c, _, err := svc.Accept(context.Background())
				if err == nil {
					taken <- c
				}
			}()
			addr := loopback(t, &svc.SocketListener, nil)
			require.True(t, eventually(svc.Asked))
			dial(t, addr)
			receive(t, taken)
		},
	}
	eachSetter(t, func(t *testing.T, setter func(*gio.SocketService) func(bool)) {
		for name, enter := range states {
			t.Run(name, func(t *testing.T) {
				svc := gio.NewSocketService(&gio.ServiceConfig{Loop: newLoop(t), MaxConns: 1})
				defer svc.Close()
				o := observe(t, svc)
				set := setter(svc)
				enter(t, svc)
				o.require(t, true)
				for _, active := range []bool{false, true, true, false, false, true} {
					set(active)
					o.require(t, active)
				}
				require.NoError(t, svc.Close())
				o.require(t, false)
				for _, active := range []bool{true, false, true} {
					set(active)
					o.require(t, false)
				}
			})
		}
	})
}

// Two who change it at once leave nobody with the wrong idea.
func TestActiveAgreesAfterSettersThatMeet(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: newLoop(t), Logger: quiet})
	defer svc.Close()
	o := observe(t, svc)
	serve(t, svc, echo)
	addr := loopback(t, &svc.SocketListener, nil)
	object := native(svc)
	for range 20 {
		stopGo := again(func() { svc.Stop(); svc.Start() })
		stopSwitch := again(func() {
			onLoop(t, o.loop, func() { gobject.SetActive(o.bound, !gobject.Active(o.bound)) })
		})
		onLoop(t, o.loop, func() {
			for range 20 {
				gobject.Stop(object)
				gobject.Start(object)
			}
		})
		stopGo()
		stopSwitch()
		o.require(t, svc.IsActive())
	}
	svc.Start()
	o.require(t, true)
	say(t, dial(t, addr), "served")
}

// A pause of the library's own does not show.
func TestNobodyIsToldOfAPause(t *testing.T) {
	consumers := map[string]func(t *testing.T, svc *gio.SocketService){
		"ConnectIncoming": func(_ *testing.T, svc *gio.SocketService) {
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
				go func() {
					echo(context.Background(), c)
					_ = c.Close()
				}()
				return true
			})
		},
		"Serve": func(t *testing.T, svc *gio.SocketService) { serve(t, svc, echo) },
		"Accept": func(t *testing.T, svc *gio.SocketService) {
			defer func() { require.True(t, eventually(svc.Asked)) }() // others have the GObject
			go func() {
				for {
					c, _, err := svc.Accept(context.Background())
					if err != nil {
						return
					}
					echo(context.Background(), c)
					_ = c.Close()
				}
			}()
		},
	}
	for name, consume := range consumers {
		t.Run(name, func(t *testing.T) {
			svc, addr := newService(t, &gio.ServiceConfig{Loop: newLoop(t), MaxConns: 1})
			o := observe(t, svc)
			consume(t, svc)
			const clients = 50
			for range clients {
				peer := dial(t, addr)
				say(t, peer, "one at a time")
				require.NoError(t, peer.Close())
			}
			flush(t, svc.Loop())
			require.Zero(t, o.inC.Count(), "notify::active for %d clients", clients)
			require.Empty(t, o.told)
			o.require(t, true)
		})
	}
}

func TestIsActiveIsFalseAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(*gio.SocketService) error{
		"Close":    (*gio.SocketService).Close,
		"Shutdown": func(svc *gio.SocketService) error { return svc.Shutdown(context.Background()) },
		"the loop's Close": func(svc *gio.SocketService) error {
			_ = svc.Loop().Close()
			return svc.Close()
		},
		"Close on the loop": func(svc *gio.SocketService) error {
			return svc.Loop().Call(context.Background(), func() error {
				_ = svc.Close()
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			svc, _ := newService(t, nil)
			serve(t, svc, echo)
			object := native(svc)
			require.True(t, svc.IsActive())
			require.NoError(t, end(svc))
			require.False(t, svc.IsActive())
			require.False(t, gobject.Active(object))
			svc.Start()
			require.False(t, svc.IsActive())
			require.False(t, gobject.Active(object))
		})
	}
}

// A service that was closed begins no accept, which would fail, and begin again.
func TestStartAfterCloseDoesNothing(t *testing.T) {
	eachSetter(t, func(t *testing.T, setter func(*gio.SocketService) func(bool)) {
		svc := gio.NewSocketService(&gio.ServiceConfig{Loop: newLoop(t)})
		loopback(t, &svc.SocketListener, nil)
		serve(t, svc, echo)
		object, set := native(svc), setter(svc)
		require.NoError(t, svc.Close())
		logged := gobject.Logs()
		set(true)
		before := cpuTime(t)
		const interval = 60 * time.Millisecond
		time.Sleep(interval) // what is measured, not a wait
		require.Less(t, cpuTime(t)-before, interval/2)
		flush(t, svc.Loop())
		require.Equal(t, logged, gobject.Logs(), "GLib logs")
		require.False(t, gobject.Active(object))
		require.False(t, svc.IsActive())
	})
}
