package gio_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// hammer connects n clients at a time until stop is closed: each sends a byte
// and wants it back. It counts who was served and who was lost.
func hammer(t *testing.T, addr net.Addr, n int, stop <-chan struct{}) (wait func() (served, lost int64)) {
	var ok, bad atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := make([]byte, 1)
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.Dial(addr.Network(), addr.String())
				if err == nil {
					_ = c.SetDeadline(time.Now().Add(20 * time.Second))
					if _, err = c.Write([]byte("x")); err == nil {
						_, err = io.ReadFull(c, b)
					}
					_ = c.Close()
				}
				if err != nil {
					t.Log("lost:", err)
					bad.Add(1)
				} else {
					ok.Add(1)
				}
			}
		}()
	}
	return func() (int64, int64) { wg.Wait(); return ok.Load(), bad.Load() }
}

func TestStopLosesNoClient(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
		stop := make(chan struct{})
		wait := hammer(t, addr, 4, stop)
		for range 1000 {
			svc.Stop()
			svc.Start()
		}
		close(stop)
		served, lost := wait()
		t.Logf("%d served, %d lost in 1000 stops", served, lost)
		require.Zero(t, lost)
		require.Positive(t, served)
	})
}
