package giotest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// Again calls f again and again, on a goroutine, until the function that it
// returns is called, which waits for the call in progress.
func Again(f func()) (stop func()) {
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stopped:
				return
			default:
				f()
			}
		}
	}()
	return sync.OnceFunc(func() { // so that a test can defer it as well
		close(stopped)
		<-ended
	})
}

// Hammer connects n clients at a time until stop is closed: each sends a byte
// and wants it back. It counts who was served and who was lost.
func Hammer(t *testing.T, addr net.Addr, n int, stop <-chan struct{}) (wait func() (served, lost int64)) {
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
					_ = c.SetDeadline(time.Now().Add(Patience))
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

// UnderFire runs f while clients connect without pause, and wants all of them
// served.
func UnderFire(t *testing.T, svc *gio.SocketService, addr net.Addr, f func()) {
	t.Helper()
	stop := make(chan struct{})
	wait := Hammer(t, addr, 4, stop)
	f()
	svc.Start() // whoever waits is served in the end
	close(stop)
	served, lost := wait()
	t.Logf("%d served, %d lost", served, lost)
	require.Zero(t, lost)
	require.Positive(t, served)
}

// Rounds connects, echoes and closes n times, width at a time.
func Rounds(t testing.TB, addr net.Addr, n, width int) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	errc := make(chan error, width)
	for range width {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := make([]byte, 64)
			for left.Add(-1) >= 0 {
				c, err := net.Dial(addr.Network(), addr.String())
				if err == nil {
					if tc, ok := c.(*net.TCPConn); ok {
						_ = tc.SetLinger(0) // a reset leaves no TIME_WAIT behind
					}
					if _, err = c.Write(b); err == nil {
						_, err = io.ReadFull(c, b)
					}
					_ = c.Close()
				}
				if err != nil {
					errc <- err
					return
				}
			}
		}()
	}
	wg.Wait()
	select {
	case err := <-errc:
		require.NoError(t, err)
	default:
	}
}
