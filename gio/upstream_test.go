package gio_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// What GLib's own unit tests want of these classes, where no other test here
// does the same.

func TestServiceConstructedInactiveStartsAndStops(t *testing.T) {
	for name, threaded := range map[string]bool{"service": false, "threaded": true} {
		t.Run(name, func(t *testing.T) {
			cfg := &gio.ServiceConfig{Inactive: true}
			svc := gio.NewSocketService(cfg)
			if threaded {
				_ = svc.Close()
				svc = &gio.NewThreadedSocketService(0, cfg).SocketService
			}
			defer svc.Close()
			changes := make(chan bool, 4)
			svc.ConnectNotifyActive(func(active bool) { changes <- active })
			svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool { go echoRun(c, nil); return true })
			require.False(t, svc.IsActive())
			addr, err := svc.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.False(t, svc.IsActive())
			svc.Stop() // is stopped
			require.Empty(t, changes)
			svc.Start()
			require.True(t, receive(t, changes))
			say(t, dial(t, addr), "active")
			svc.Start()
			svc.Stop()
			require.False(t, receive(t, changes))
			svc.SetActive(true)
			require.True(t, receive(t, changes))
			require.Empty(t, changes)
		})
	}
}

func TestTwentyBytesEachWayAndBothSidesClose(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		ours := make(chan error, 2)
		serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
			b := make([]byte, 20)
			if _, err := io.ReadFull(c, b); err != nil {
				ours <- err
				return
			}
			_, err := c.Write(b)
			ours <- err
			ours <- c.Close()
		})
		cl := gio.NewSocketClient(nil)
		defer cl.Close()
		c, err := cl.Dial(context.Background(), addr.Network(), addr.String())
		require.NoError(t, err)
		_, err = c.Write([]byte("twenty bytes of data"))
		require.NoError(t, err)
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "twenty bytes of data", string(b))
		require.NoError(t, c.Close())
		require.NoError(t, receive(t, ours))
		require.NoError(t, receive(t, ours))
	})
}

func TestSeveralAddressesAtOnce(t *testing.T) {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	var addrs []net.Addr
	for _, a := range [][2]string{
		{"tcp", "127.0.0.1:0"}, {"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"unix", filepath.Join(t.TempDir(), "s")},
	} {
		addr, err := svc.Listen(a[0], a[1])
		require.NoError(t, err)
		addrs = append(addrs, addr)
	}
	serve(t, svc, echo)
	var wg sync.WaitGroup
	for _, addr := range addrs {
		for range 10 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				c, err := net.Dial(addr.Network(), addr.String())
				if !assert.NoError(t, err) {
					return
				}
				defer c.Close()
				b := []byte("x")
				_, err = c.Write(b)
				assert.NoError(t, err)
				_, err = io.ReadFull(c, b)
				assert.NoError(t, err)
			}()
		}
	}
	wg.Wait()
}

// GIO attaches the accept to the thread-default context of whoever calls: an
// add or a start elsewhere would move the service.
func TestServiceStaysOnItsLoopWhoeverCalls(t *testing.T) {
	svc, addr := newService(t, nil)
	on := make(chan bool, 8)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		on <- svc.Loop().OnLoop()
		go echoRun(c, nil)
		return true
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		svc.Stop()
		svc.Start()
		svc.Stop()
		_, err := svc.Listen("tcp", "127.0.0.1:0")
		assert.NoError(t, err)
		svc.Start()
	}()
	receive(t, done)
	for _, a := range append(svc.Addrs(), addr) {
		say(t, dial(t, a), "here")
		require.True(t, receive(t, on))
	}
}
