//go:build go1.25

package gio_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Inside of a bubble of testing/synctest. A mistake ends the process, in this test
// or in a later one, so each scene has a process of its own.

// bubbleScenes are what a test may do in a bubble with a service, which it closes
// afterwards.
var bubbleScenes = map[string]func(t *testing.T, svc *gio.SocketService){
	"nothing": func(t *testing.T, svc *gio.SocketService) {},
	"Listen": func(t *testing.T, svc *gio.SocketService) {
		loopback(t, &svc.SocketListener, "source")
		svc.Stop()
		svc.Start()
		require.True(t, svc.IsActive())
		require.NotNil(t, svc.Gotk4())
	},
	"Serve": func(t *testing.T, svc *gio.SocketService) {
		addr := loopback(t, &svc.SocketListener, nil)
		end := consumers["Serve"](t, svc, ownEcho)
		visitInBubble(t, addr)
		end()
		end = consumers["Serve"](t, svc, ownEcho)
		visitInBubble(t, addr)
		end()
	},
	"Shutdown": func(t *testing.T, svc *gio.SocketService) {
		addr := loopback(t, &svc.SocketListener, nil)
		errc := make(chan error, 1)
		go func() { errc <- svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
		c := dial(t, addr)
		say(t, c, "in a bubble")
		down := make(chan error, 1)
		go func() { down <- svc.Shutdown(context.Background()) }()
		require.ErrorIs(t, <-errc, gio.ErrServiceClosed)
		require.NoError(t, c.Close()) // which ends the handler that Shutdown waits for
		require.NoError(t, <-down)
	},
	"Accept": func(t *testing.T, svc *gio.SocketService) {
		addr := loopback(t, &svc.SocketListener, nil)
		end := consumers["Accept"](t, svc, ownEcho)
		visitInBubble(t, addr)
		end()
	},
	"Conns": func(t *testing.T, svc *gio.SocketService) {
		addr := loopback(t, &svc.SocketListener, nil)
		end := consumers["Conns"](t, svc, ownEcho)
		visitInBubble(t, addr)
		end()
	},
	"ConnectIncoming": func(t *testing.T, svc *gio.SocketService) {
		addr := loopback(t, &svc.SocketListener, nil)
		end := consumers["ConnectIncoming"](t, svc, ownEcho)
		visitInBubble(t, addr)
		end()
	},
}

func visitInBubble(t *testing.T, addr net.Addr) {
	for range 3 {
		c := dial(t, addr)
		say(t, c, "in a bubble")
		require.NoError(t, c.Close())
	}
}

func eachBubble(t *testing.T, f func(t *testing.T, scene func(t *testing.T, svc *gio.SocketService))) {
	for _, mode := range []string{"", "nodirect"} {
		for name, scene := range bubbleScenes {
			t.Run(name+mode, func(t *testing.T) {
				if child, _ := inChild(t, "GLIBSERVE_DEBUG="+mode); !child {
					return
				}
				f(t, scene)
				// With what the pools have kept.
				svc, addr := newService(t, nil)
				serve(t, svc, echo)
				rounds(t, addr, 50, 4)
			})
		}
	}
}

func TestServiceMadeInABubble(t *testing.T) {
	eachBubble(t, func(t *testing.T, scene func(*testing.T, *gio.SocketService)) {
		synctest.Test(t, func(t *testing.T) {
			svc := gio.NewSocketService(nil)
			scene(t, svc)
			require.NoError(t, svc.Close())
			<-svc.Done()
			require.NoError(t, svc.Close())
		})
	})
}

func TestServiceMadeInABubbleOnALoopFromOutside(t *testing.T) {
	eachBubble(t, func(t *testing.T, scene func(*testing.T, *gio.SocketService)) {
		loop := newLoop(t)
		synctest.Test(t, func(t *testing.T) {
			svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
			scene(t, svc)
			require.NoError(t, svc.Close())
			<-svc.Done()
		})
	})
}

func TestServiceFromOutsideIsClosedInABubble(t *testing.T) {
	eachBubble(t, func(t *testing.T, scene func(*testing.T, *gio.SocketService)) {
		svc := gio.NewSocketService(nil)
		synctest.Test(t, func(t *testing.T) {
			scene(t, svc)
			require.NoError(t, svc.Close())
			<-svc.Done()
		})
		<-svc.Done()
	})
}

func TestServiceFromOutsideIsUsedInABubble(t *testing.T) {
	eachBubble(t, func(t *testing.T, scene func(*testing.T, *gio.SocketService)) {
		svc := gio.NewSocketService(nil)
		synctest.Test(t, func(t *testing.T) { scene(t, svc) })
		require.NoError(t, svc.Close())
		<-svc.Done()
	})
}
