package gio_test

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

// A client that was accepted and that nobody has asked for goes to whoever takes
// clients next.

// ownEcho serves a connection that the caller owns.
func ownEcho(c *gio.SocketConnection) {
	echo(context.Background(), c)
	_ = c.Close()
}

// takeIncoming is a handler of "incoming" that serves every client.
func takeIncoming(c *gio.SocketConnection, _ any) bool {
	go ownEcho(c)
	return true
}

// quitters take n of the clients and serve them, and take no more.
var quitters = map[string]func(t *testing.T, svc *gio.SocketService, n int){
	"Accept": func(t *testing.T, svc *gio.SocketService, n int) {
		for range n {
			c, _, err := svc.Accept(context.Background())
			require.NoError(t, err)
			go ownEcho(c)
		}
	},
	"Accept that gives up": func(t *testing.T, svc *gio.SocketService, n int) {
		for served := 0; served < n; {
			ctx, cancel := context.WithCancel(context.Background())
			go cancel()
			c, _, err := svc.Accept(ctx)
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				continue
			}
			served++
			go ownEcho(c)
		}
	},
	"Conns": func(t *testing.T, svc *gio.SocketService, n int) {
		served := 0
		for c, err := range svc.Conns(context.Background()) {
			require.NoError(t, err)
			go ownEcho(c)
			if served++; served == n {
				break
			}
		}
	},
	"NetListener": func(t *testing.T, svc *gio.SocketService, n int) {
		ln := svc.NetListener()
		for range n {
			c, err := ln.Accept()
			require.NoError(t, err)
			go ownEcho(c.(*gio.SocketConnection))
		}
	},
}

// afterQuitters has some of many clients taken by each of the quitters, has next
// take clients, and wants every client served.
func afterQuitters(t *testing.T, newService func(t *testing.T) (*gio.SocketService, net.Addr),
	next func(t *testing.T, svc *gio.SocketService)) {
	eachMode(t, func(t *testing.T) {
		for name, take := range quitters {
			t.Run(name, func(t *testing.T) {
				for n := range 3 {
					svc, addr := newService(t)
					var peers []net.Conn
					for range 6 {
						peers = append(peers, dial(t, addr))
					}
					take(t, svc, n+1)
					flush(t, svc.Loop()) // the next one is accepted ahead, where that is done
					next(t, svc)
					for range 3 {
						peers = append(peers, dial(t, addr))
					}
					for _, peer := range peers {
						say(t, peer, "served")
					}
				}
			})
		}
	})
}

func unthreaded(t *testing.T) (*gio.SocketService, net.Addr) { return newService(t, nil) }

func TestHandlersGetWhomAcceptHasLeft(t *testing.T) {
	afterQuitters(t, unthreaded, func(_ *testing.T, svc *gio.SocketService) { svc.ConnectIncoming(takeIncoming) })
}

func TestSecondHandlerGetsWhomTheFirstDeclines(t *testing.T) {
	afterQuitters(t, unthreaded, func(t *testing.T, svc *gio.SocketService) {
		onLoop(t, svc.Loop(), func() { // no client comes while the first is alone
			svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { return false })
			svc.ConnectIncoming(takeIncoming)
		})
	})
}

func TestHandlersInCGetWhomAcceptHasLeft(t *testing.T) {
	for name, decline := range map[string]bool{"alone": false, "after one that declines": true} {
		t.Run(name, func(t *testing.T) {
			afterQuitters(t, unthreaded, func(t *testing.T, svc *gio.SocketService) {
				onLoop(t, svc.Loop(), func() { // as above
					object := native(svc)
					if decline {
						t.Cleanup(gobject.Decline(object).Disconnect)
					}
					t.Cleanup(gobject.Take(object).Disconnect)
				})
			})
		})
	}
}

// Others have the GObject for a while before they connect a handler.
func TestHandlerInCThatComesLaterGetsWhoIsPending(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		svc, addr := newService(t, nil)
		peers := []net.Conn{dial(t, addr), dial(t, addr), dial(t, addr)}
		quitters["Accept"](t, svc, 1)
		object := native(svc)
		require.True(t, eventually(func() bool { return svc.Pending() == 1 }))
		onLoop(t, svc.Loop(), func() { t.Cleanup(gobject.Take(object).Disconnect) })
		for _, peer := range peers {
			say(t, peer, "served")
		}
	})
}

func TestRunGetsWhomAcceptHasLeft(t *testing.T) {
	threaded := map[*gio.SocketService]*gio.ThreadedSocketService{}
	afterQuitters(t, func(t *testing.T) (*gio.SocketService, net.Addr) {
		svc, addr := newThreaded(t, -1, nil)
		threaded[&svc.SocketService] = svc
		return &svc.SocketService, addr
	}, func(_ *testing.T, svc *gio.SocketService) { threaded[svc].ConnectRun(echoRun) })
}

// Who asks is served first, whichever way that is.
func TestWhoAsksNextGetsWhomAcceptHasLeft(t *testing.T) {
	for name, next := range map[string]func(t *testing.T, svc *gio.SocketService){
		"Serve": func(t *testing.T, svc *gio.SocketService) { serve(t, svc, echo) },
		"Conns": func(_ *testing.T, svc *gio.SocketService) {
			go func() {
				for c, err := range svc.Conns(context.Background()) {
					if err == nil {
						go ownEcho(c)
					}
				}
			}()
		},
		"Accept": func(_ *testing.T, svc *gio.SocketService) {
			go func() {
				for {
					c, _, err := svc.Accept(context.Background())
					if err != nil {
						return
					}
					go ownEcho(c)
				}
			}()
		},
	} {
		t.Run(name, func(t *testing.T) { afterQuitters(t, unthreaded, next) })
	}
}

// A handler that declines sees the client that waits, once; who asks gets it.
func TestHandlerThatDeclinesLeavesWhoIsPending(t *testing.T) {
	byGIO(t)
	svc, addr := newService(t, nil)
	peers := []net.Conn{dial(t, addr), dial(t, addr)}
	quitters["Accept"](t, svc, 1)
	require.True(t, eventually(func() bool { return svc.Pending() == 1 }))
	seen := make(chan *gio.SocketConnection, 8)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { seen <- c; return false })
	offered := receive(t, seen)
	require.Equal(t, peers[1].LocalAddr().String(), offered.RemoteAddr().String())
	requireNothing(t, seen, "offered again")
	c, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	require.Same(t, offered, c)
	go ownEcho(c)
	for _, peer := range peers {
		say(t, peer, "served")
	}
}

// MaxConns counts who is pending, and a pending client is not offered while the
// service is closed.
func TestCloseEndsWhoIsPending(t *testing.T) {
	byGIO(t)
	svc, addr := newService(t, &gio.ServiceConfig{MaxConns: 2})
	peers := []net.Conn{dial(t, addr), dial(t, addr)}
	c, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	require.True(t, eventually(func() bool { return svc.Pending() == 1 }))
	require.Equal(t, 2, svc.OpenConns())
	require.NoError(t, svc.Close())
	for _, peer := range peers {
		requireEnd(t, peer)
	}
	require.ErrorIs(t, c.Close(), net.ErrClosed)
}
