//go:build go1.25

package gio_test

import (
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

// inBubble runs f, which makes bubbles, and then serves clients outside of them,
// with what pools have kept.
func inBubble(t *testing.T, f func(t *testing.T)) {
	if child, _ := inChild(t); !child {
		return
	}
	f(t)
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	rounds(t, addr, 50, 4)
}

// Close in the bubble that the service was made in, or in another than that.
func TestServiceIsClosedInABubble(t *testing.T) {
	for _, name := range []string{"nothing", "Listen"} {
		t.Run("made there, "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					svc := gio.NewSocketService(nil)
					bubbleScenes[name](t, svc)
					require.NoError(t, svc.Close())
					<-svc.Done()
					require.NoError(t, svc.Close())
				})
			})
		})
	}
	for name, scene := range bubbleScenes {
		t.Run("from outside, "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				svc := gio.NewSocketService(nil)
				synctest.Test(t, func(t *testing.T) {
					scene(t, svc)
					require.NoError(t, svc.Close())
					<-svc.Done()
				})
				<-svc.Done()
			})
		})
	}
}
