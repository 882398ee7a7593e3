package gio_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// A service whose loop was closed under it cannot have clients any more: whoever
// waits for one is told so.
func TestWaitersAreToldThatTheLoopWasClosed(t *testing.T) {
	ctx := context.Background()
	waiters := map[string]func(svc *gio.SocketService) error{
		"Accept": func(svc *gio.SocketService) error {
			_, _, err := svc.Accept(ctx)
			return err
		},
		"NetListener": func(svc *gio.SocketService) error {
			_, err := svc.NetListener().Accept()
			return err
		},
		"Conns": func(svc *gio.SocketService) (err error) {
			n := 0
			for _, err = range svc.Conns(ctx) {
				if n++; n > 1 {
					break // the error is the last step
				}
			}
			return err
		},
		"http.Serve": func(svc *gio.SocketService) error {
			server := &http.Server{ReadHeaderTimeout: time.Minute}
			return server.Serve(svc.NetListener())
		},
		"Serve": func(svc *gio.SocketService) error { return svc.Serve(ctx, gio.HandlerFunc(echo)) },
	}
	eachMode(t, func(t *testing.T) {
		for name, wait := range waiters {
			for _, when := range []string{"before", "while it waits", "after a client"} {
				t.Run(name+" "+when, func(t *testing.T) {
					loop := glibloop.New()
					svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop})
					defer svc.Close()
					addr := loopback(t, &svc.SocketListener, nil)
					if when == "after a client" {
						requireServed(t, &svc.SocketListener, addr)
					}
					if when != "while it waits" {
						require.NoError(t, loop.Close())
					}
					told := make(chan error, 1)
					go func() { told <- wait(svc) }()
					if when == "while it waits" {
						require.True(t, eventually(func() bool { return svc.Asked() || svc.Serving() }))
						require.NoError(t, loop.Close())
					}
					err := receive(t, told)
					require.ErrorIs(t, err, glibloop.ErrStopped)
					require.ErrorContains(t, err, "loop")
					require.NotErrorIs(t, err, gio.ErrServiceClosed)
				})
			}
		}
	})
}

func TestListenersAcceptIsToldThatTheLoopWasClosed(t *testing.T) {
	for _, before := range []bool{true, false} {
		loop := glibloop.New()
		l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
		defer l.Close()
		loopback(t, l, nil)
		if before {
			require.NoError(t, loop.Close())
		}
		told := make(chan error, 1)
		go func() {
			_, _, err := l.Accept(context.Background())
			told <- err
		}()
		if !before {
			parked(t, "gio.(*listener).next", 1)
			require.NoError(t, loop.Close())
		}
		require.ErrorIs(t, receive(t, told), glibloop.ErrStopped)
	}
}
