package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestStopLosesNoClient(t *testing.T) {
	const stops = 1000
	t.Run("another goroutine", func(t *testing.T) {
		everyNetwork(t, func(t *testing.T, network, address string) {
			svc := gio.NewSocketService(nil)
			defer svc.Close()
			addr, err := svc.Listen(network, address)
			require.NoError(t, err)
			serve(t, svc, echo)
			underFire(t, svc, addr, func() {
				for range stops {
					svc.Stop()
					svc.Start()
				}
			})
		})
	})
	t.Run("the loop", func(t *testing.T) {
		svc, addr := newService(t, nil)
		serve(t, svc, echo)
		underFire(t, svc, addr, func() {
			for range stops {
				require.NoError(t, svc.Loop().Call(context.Background(), func() error {
					svc.Stop()
					svc.Start()
					svc.Stop()
					return nil
				}))
				svc.Start()
			}
		})
	})
	t.Run("a handler", func(t *testing.T) {
		svc, addr := newService(t, nil)
		left := make(chan struct{}, stops)
		for range stops {
			left <- struct{}{}
		}
		svc.ConnectIncoming(func(*gio.SocketConnection, any) bool {
			select {
			case <-left:
				svc.Stop()
				if len(left)%2 == 0 {
					svc.Start()
				} else {
					go svc.Start()
				}
			default:
			}
			return false
		})
		serve(t, svc, echo)
		underFire(t, svc, addr, func() {
			require.Eventually(t, func() bool { return len(left) == 0 }, 3*patience, time.Millisecond)
		})
	})
}

func TestStopMeansNoFurtherClient(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	say(t, dial(t, addr), "before")
	svc.Stop()
	waiting := dial(t, addr) // in the kernel's queue
	_, err := waiting.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	svc.Start()
	require.NoError(t, waiting.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(waiting, make([]byte, 1))
	require.NoError(t, err)
}

func TestAddingAnAddressLosesNoClient(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	underFire(t, svc, addr, func() {
		for range 40 {
			a, err := svc.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			say(t, dial(t, a), "new")
		}
	})
}

func TestStartBeforeAnyAddressIsRemembered(t *testing.T) {
	for name, cfg := range map[string]*gio.ServiceConfig{"stopped": nil, "inactive": {Inactive: true}} {
		t.Run(name, func(t *testing.T) {
			svc := gio.NewSocketService(cfg)
			defer svc.Close()
			serve(t, svc, echo)
			svc.Stop()
			svc.Start()
			for range 2 {
				addr, err := svc.Listen("tcp", "127.0.0.1:0")
				require.NoError(t, err)
				say(t, dial(t, addr), "hello")
			}
		})
	}
}

func TestPausesAndTheUsersStopNeverUndoEachOther(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{MaxConns: 1})
	svc.Stop()
	serve(t, svc, echo) // the end of "no consumer" is no Start
	c := dial(t, addr)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	svc.Start()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(c, make([]byte, 1))
	require.NoError(t, err)

	svc.Stop() // MaxConns is reached: Start is no end of that
	svc.Start()
	require.True(t, svc.IsActive())
	second := dial(t, addr)
	require.NoError(t, second.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = second.Write([]byte("y"))
	require.NoError(t, err)
	_, err = second.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, c.Close())
	require.NoError(t, second.SetReadDeadline(time.Now().Add(patience)))
	_, err = io.ReadFull(second, make([]byte, 1))
	require.NoError(t, err)
}

func TestSecondListenerIsNotStarved(t *testing.T) {
	svc, busy := newService(t, nil)
	quiet, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	// Not all networks are TCP, and the busy one comes first.
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		b := make([]byte, 1)
		if _, err := io.ReadFull(c, b); err == nil {
			_, _ = c.Write(b)
		}
	})
	underFire(t, svc, busy, func() {
		for range 100 {
			say(t, dial(t, quiet), "q")
		}
	})
}

// Nor when the handlers take so long that each dispatch has time for a few
// clients only.
func TestSecondListenerIsNotStarvedBySlowHandlers(t *testing.T) {
	const busy = 40
	svc := gio.NewSocketService(&gio.ServiceConfig{Inactive: true})
	defer svc.Close()
	served := make(chan any, busy+1)
	svc.ConnectIncoming(func(c *gio.SocketConnection, source any) bool {
		for begin := time.Now(); time.Since(begin) < time.Millisecond; {
		}
		served <- source
		return false
	})
	for _, a := range []struct {
		source  string
		clients int
	}{{"busy", busy}, {"quiet", 1}} {
		addr, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, a.source)
		require.NoError(t, err)
		for range a.clients {
			dial(t, addr)
		}
	}
	svc.Start()
	before := 0
	for receive(t, served) == any("busy") {
		before++
	}
	require.Less(t, before, busy/2)
}

func TestPeerThatResetBeforeItWasAcceptedIsHandled(t *testing.T) {
	svc, addr := newService(t, nil)
	for range 20 {
		c, err := net.Dial(addr.Network(), addr.String())
		require.NoError(t, err)
		require.NoError(t, c.(*net.TCPConn).SetLinger(0))
		require.NoError(t, c.Close())
	}
	seen := make(chan net.Addr, 32)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { seen <- c.RemoteAddr(); return false })
	serve(t, svc, echo)
	say(t, dial(t, addr), "alive")
	for range 21 {
		require.NotNil(t, receive(t, seen))
	}
}
