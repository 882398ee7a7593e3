package gio_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// takers have the service hand each connection to taken, open, and to be closed
// by its receiver.
var takers = map[string]func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection){
	"Serve": func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection) {
		go func() {
			_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) {
				taken <- c.Detach() // which counts until it is closed
			}))
		}()
	},
	"ConnectIncoming": func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection) {
		svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { taken <- c; return true })
	},
	"ConnectRun": func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection) {
		svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool { taken <- c; return true })
	},
	"Conns": func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection) {
		go func() {
			for c, err := range svc.Conns(context.Background()) {
				if err == nil {
					taken <- c
				}
			}
		}()
	},
	"Accept": func(svc *gio.ThreadedSocketService, taken chan<- *gio.SocketConnection) {
		go func() {
			for {
				c, _, err := svc.Accept(context.Background())
				if err != nil {
					return
				}
				taken <- c
			}
		}()
	},
}

// At MaxConns further clients wait in the kernel, and each place that becomes free
// is for one of them.
func TestMaxConnsHandsOnEachPlaceOnce(t *testing.T) {
	const places, clients = 3, 12
	for name, take := range takers {
		t.Run(name, func(t *testing.T) {
			svc, addr := newThreaded(t, -1, &gio.ServiceConfig{MaxConns: places})
			taken := make(chan *gio.SocketConnection, clients)
			take(svc, taken)
			peers := make(map[string]net.Conn) // by their own address
			for range clients {
				p := dial(t, addr) // the kernel's queue takes them all
				_, err := p.Write([]byte("x"))
				require.NoError(t, err)
				peers[p.LocalAddr().String()] = p
			}
			var open []*gio.SocketConnection
			for len(open) < places {
				open = append(open, receive(t, taken))
			}
			for served := places; ; served++ {
				// A round trip through the loop: what it had to do, it has done.
				require.NoError(t, svc.Loop().Call(t.Context(), func() error { return nil }))
				require.Empty(t, taken, "more than %d", places)
				require.Equal(t, places, svc.OpenConns())
				if served == clients {
					break
				}
				require.NotZero(t, svc.Paused()&gio.PauseMaxConns)
				c := open[0]
				word := make([]byte, 1)
				_, err := io.ReadFull(c, word)
				require.NoError(t, err)
				_, err = c.Write([]byte("y"))
				require.NoError(t, err)
				require.NoError(t, c.Close())
				p := peers[c.RemoteAddr().String()]
				require.NotNil(t, p, "a client that was served already, or never came")
				delete(peers, c.RemoteAddr().String())
				_, err = io.ReadFull(p, word)
				require.NoError(t, err)
				require.Equal(t, "y", string(word))
				open = append(open[1:], receive(t, taken)) // nobody else had to do anything
			}
			for _, c := range open {
				require.NotNil(t, peers[c.RemoteAddr().String()])
				require.NoError(t, c.Close())
			}
			require.Len(t, peers, places, "every client was served, once")
		})
	}
}

// The user's Stop and the library's pause do not undo each other.
func TestMaxConnsAndStopAreApart(t *testing.T) {
	svc, addr := newThreaded(t, -1, &gio.ServiceConfig{MaxConns: 1})
	taken := make(chan *gio.SocketConnection, 2)
	takers["ConnectRun"](svc, taken)
	dial(t, addr)
	first := receive(t, taken)
	dial(t, addr)
	svc.Stop()
	require.NoError(t, first.Close())
	require.NoError(t, svc.Loop().Call(t.Context(), func() error { return nil }))
	require.Empty(t, taken, "a free place starts nothing that was stopped")
	svc.Start()
	require.NoError(t, receive(t, taken).Close())
}
