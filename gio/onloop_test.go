package gio_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// On the loop's own thread what waits for clients or handlers could only wait for
// itself: it says so at once, and changes nothing.
func TestOnTheLoopsThreadWaitersReturnAtOnce(t *testing.T) {
	ctx := context.Background()
	waiters := map[string]func(svc *gio.SocketService) error{
		"Serve": func(svc *gio.SocketService) error { return svc.Serve(ctx, gio.HandlerFunc(echo)) },
		"Accept": func(svc *gio.SocketService) error {
			_, _, err := svc.Accept(ctx)
			return err
		},
		"NetListener": func(svc *gio.SocketService) error {
			_, err := svc.NetListener().Accept()
			return err
		},
		"Conns": func(svc *gio.SocketService) error {
			for c, err := range svc.Conns(ctx) {
				if err == nil {
					_ = c.Close()
					return errors.New("a client")
				}
				return err
			}
			return nil
		},
		"Shutdown": func(svc *gio.SocketService) error { return svc.Shutdown(ctx) },
	}
	eachMode(t, func(t *testing.T) {
		for name, wait := range waiters {
			t.Run(name, func(t *testing.T) {
				hangs := time.AfterFunc(patience, func() { panic(name + " hangs") })
				defer hangs.Stop()
				svc, addr := newService(t, nil)
				waiting := dial(t, addr) // whom Accept could have
				called := make(chan error, 8)
				require.NoError(t, svc.Loop().Call(ctx, func() error {
					called <- wait(svc)
					return nil
				}))
				err := receive(t, called)
				require.ErrorContains(t, err, "on the loop's own thread")

				h := svc.ConnectIncoming(func(*gio.SocketConnection, any) bool {
					called <- wait(svc)
					return false
				})
				serve(t, svc, echo)
				say(t, dial(t, addr), "served all the same")
				svc.Disconnect(h)
				require.NotEmpty(t, called)
				for len(called) > 0 {
					require.ErrorContains(t, <-called, "on the loop's own thread")
				}
				_ = waiting.Close()
				say(t, dial(t, addr), "and afterwards")
			})
		}
	})
}
