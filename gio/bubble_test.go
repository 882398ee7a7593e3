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

// A mistake in these ends the process: no test can survive a channel of a bubble
// that is touched outside.

func TestServiceOfABubbleLeavesNothingBehind(t *testing.T) {
	once := func(t *testing.T) {
		svc := gio.NewSocketService(nil)
		addr, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ended := make(chan error, 1)
		go func() { ended <- svc.Serve(t.Context(), gio.HandlerFunc(echo)) }()
		for range 3 {
			c, err := net.Dial(addr.Network(), addr.String())
			require.NoError(t, err)
			say(t, c, "hello")
			require.NoError(t, c.Close())
		}
		require.NoError(t, svc.Close())
		require.Error(t, <-ended)
	}
	for range 5 {
		synctest.Test(t, once)
		once(t)
	}
}

func TestServiceFromOutsideIsUsedAndClosedInABubble(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	say(t, dial(t, addr), "hello")
	synctest.Test(t, func(t *testing.T) {
		svc.Stop()
		svc.Start()
		_, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, svc.Close())
	})
	<-svc.Done()
}

func TestServiceOfABubbleIsClosedOutside(t *testing.T) {
	made, closed := make(chan *gio.SocketService), make(chan error)
	go func() {
		svc := <-made
		_, err := svc.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			err = svc.Close()
		}
		closed <- err
	}()
	synctest.Test(t, func(t *testing.T) {
		made <- gio.NewSocketService(nil)
		require.NoError(t, <-closed)
	})
}

// Accept waits in one bubble for who is accepted in another, or in none.
func TestAcceptAcrossABubble(t *testing.T) {
	svc, addr := newService(t, nil)
	accept := func(t *testing.T) {
		accepted := make(chan error, 1)
		go func() {
			c, _, err := svc.Accept(t.Context())
			if err == nil {
				err = c.Close()
			}
			accepted <- err
		}()
		c, err := net.Dial(addr.Network(), addr.String())
		require.NoError(t, err)
		require.NoError(t, <-accepted)
		require.NoError(t, c.Close())
	}
	for range 5 {
		synctest.Test(t, accept)
		accept(t)
	}
}

// Serve in a bubble, with a service from outside whose handlers stay there.
func TestServeAcrossABubble(t *testing.T) {
	svc, addr := newService(t, nil)
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- svc.Serve(ctx, gio.HandlerFunc(echo)) }()
			for range 3 {
				c, err := net.Dial(addr.Network(), addr.String())
				require.NoError(t, err)
				say(t, c, "hello")
				require.NoError(t, c.Close())
			}
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	}
	serve(t, svc, echo)
	say(t, dial(t, addr), "hello")
}
