package gio_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// One consumer after the other, while clients come without pause.

// consumers begin to take clients, and return what ends that.
var consumers = map[string]func(t *testing.T, svc *gio.SocketService, serve func(*gio.SocketConnection)) (end func()){
	"ConnectIncoming": func(_ *testing.T, svc *gio.SocketService, serve func(*gio.SocketConnection)) func() {
		h := svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { go serve(c); return true })
		return func() { svc.Disconnect(h) }
	},
	"Serve": func(t *testing.T, svc *gio.SocketService, serve func(*gio.SocketConnection)) func() {
		return untilCancelled(t, func(ctx context.Context) error {
			return svc.Serve(ctx, gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { serve(c) }))
		})
	},
	"Conns": func(t *testing.T, svc *gio.SocketService, serve func(*gio.SocketConnection)) func() {
		return untilCancelled(t, func(ctx context.Context) error {
			for c, err := range svc.Conns(ctx) {
				if err != nil {
					return err
				}
				go serve(c)
			}
			return nil
		})
	},
	"Accept": func(t *testing.T, svc *gio.SocketService, serve func(*gio.SocketConnection)) func() {
		return untilCancelled(t, func(ctx context.Context) error {
			for {
				c, _, err := svc.Accept(ctx)
				if err != nil {
					return err
				}
				go serve(c)
			}
		})
	},
}

// untilCancelled runs f until the function that it returns is called.
func untilCancelled(t *testing.T, f func(ctx context.Context) error) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	return func() {
		cancel()
		require.ErrorIs(t, receive(t, ended), context.Canceled)
	}
}

// sourcedService listens on two addresses with a source each, and serves clients
// that come with the right one.
type sourcedService struct {
	svc    *gio.SocketService
	addrs  []net.Addr
	served atomic.Int64
	wrong  atomic.Int64 // clients with another address's source
}

func newSourced(t *testing.T, cfg *gio.ServiceConfig) *sourcedService {
	s := &sourcedService{svc: gio.NewSocketService(cfg)}
	t.Cleanup(func() { require.NoError(t, s.svc.Close()) })
	for i := range 2 {
		s.addrs = append(s.addrs, loopback(t, &s.svc.SocketListener, i))
	}
	return s
}

func (s *sourcedService) serve(c *gio.SocketConnection) {
	if i, ok := c.Source().(int); !ok || c.LocalAddr().String() != s.addrs[i].String() {
		s.wrong.Add(1)
	}
	ownEcho(c)
	s.served.Add(1)
}

// more waits until so many more clients were served.
func (s *sourcedService) more(t *testing.T, n int64) {
	t.Helper()
	n += s.served.Load()
	for end := time.Now().Add(patience); s.served.Load() < n; time.Sleep(100 * time.Microsecond) {
		require.False(t, time.Now().After(end), "no more clients are served")
	}
}

func TestConsumersFollowOneAnotherUnderLoad(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		for _, first := range []string{"Serve", "Conns", "Accept"} {
			t.Run(first, func(t *testing.T) {
				s := newSourced(t, nil)
				stop := make(chan struct{})
				waits := []func() (int64, int64){hammer(t, s.addrs[0], 3, stop), hammer(t, s.addrs[1], 3, stop)}
				for i := range 60 {
					end := consumers[first](t, s.svc, s.serve)
					s.more(t, int64(i%7))
					if i%2 == 0 { // the next one is there before this one goes
						endNext := consumers["ConnectIncoming"](t, s.svc, s.serve)
						end()
						end = endNext
					} else {
						end()
						end = consumers["ConnectIncoming"](t, s.svc, s.serve)
					}
					s.more(t, 5)
					end()
				}
				defer consumers[first](t, s.svc, s.serve)()
				close(stop)
				for _, wait := range waits {
					served, lost := wait()
					require.Zero(t, lost)
					require.Positive(t, served)
				}
				require.Zero(t, s.wrong.Load(), "clients with a wrong source")
			})
		}
	})
}
