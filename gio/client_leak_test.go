package gio_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/glibloop"
)

// requireNoDials waits until GIO holds nothing of any dial.
func requireNoDials(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool { return gio.DialsAlive() == 0 }, patience, time.Millisecond,
		"%d dials are left", gio.DialsAlive())
}

// cleanups waits for a collection and its cleanups. The first ever starts a
// goroutine of the runtime's for them.
func cleanups() {
	done := make(chan struct{})
	runtime.AddCleanup(new([16]byte), func(done chan struct{}) { close(done) }, done)
	for {
		runtime.GC()
		select {
		case <-done:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// dialResources is the number of open descriptors and of goroutines.
func dialResources(t testing.TB) (fds, goroutines int) {
	t.Helper()
	cleanups()
	dir, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(dir), runtime.NumGoroutine()
}

// requireNoMoreThan waits until there are no more descriptors and goroutines. A
// loop gives the descriptor of its context back when it is collected.
func requireNoMoreThan(t testing.TB, fds, goroutines int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		f, g := dialResources(t)
		if f <= fds && g <= goroutines {
			return
		}
		// Not by require.Eventually, which takes goroutines itself.
		if time.Now().After(end) {
			_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
			t.Fatalf("%d descriptors, were %d; %d goroutines, were %d", f, fds, g, goroutines)
		}
	}
}

func TestDialsCancelledAtAnyMomentLeaveNothing(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("name.test", "::1", "127.0.0.1")
	addr := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	name := "name.test:" + strconv.Itoa(int(tcpPort(addr)))
	client := newClient(t, nil)
	accepted, finalized := gio.Counted()
	fds, goroutines := dialResources(t)
	var wg sync.WaitGroup
	var made, ended atomic.Int64
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				stop := time.AfterFunc(time.Duration(rand.IntN(1500))*time.Microsecond, cancel)
				c, err := client.Dial(ctx, [...]string{"tcp", "tcp4"}[g%2], [...]string{name, addr.String()}[i%2])
				stop.Stop()
				cancel()
				if err != nil {
					if !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					ended.Add(1)
					continue
				}
				made.Add(1)
				_ = c.SetLinger(0)
				_ = c.Close()
			}
		}()
	}
	wg.Wait()
	t.Logf("%d made, %d cancelled", made.Load(), ended.Load())
	requireNoDials(t)
	requireNoMoreThan(t, fds, goroutines)
	require.Eventually(t, func() bool {
		a, f := gio.Counted()
		return a-f <= accepted-finalized // less, when one of an earlier test ended meanwhile
	}, patience, time.Millisecond)
}

func TestLoopClosedAtAnyMomentOfADialLeavesNoDescriptor(t *testing.T) {
	addr := dialEchoServer(t, "tcp4", "127.0.0.1:0")
	fds, goroutines := dialResources(t)
	for range 100 {
		loop := glibloop.New()
		client := gio.NewSocketClient(&gio.ClientConfig{Loop: loop})
		errc := make(chan error, 4)
		for range cap(errc) {
			go func() {
				c, err := client.Dial(context.Background(), "tcp", addr.String())
				if err == nil {
					_ = c.SetLinger(0)
					_ = c.Close()
				}
				errc <- err
			}()
		}
		time.AfterFunc(time.Duration(rand.IntN(500))*time.Microsecond, func() { _ = loop.Close() })
		for range cap(errc) {
			if err := receive(t, errc); err != nil {
				require.ErrorIs(t, err, glibloop.ErrStopped)
			}
		}
		<-loop.Done()
		require.NoError(t, client.Close())
	}
	// Of a loop that ends in the middle GIO may keep a GTask that nobody can
	// dispatch any more, but no descriptor and no goroutine of ours.
	requireNoMoreThan(t, fds, goroutines)
}

func TestDialEndsWithItsLoopAndLeavesNothing(t *testing.T) {
	silent := silentServer(t)
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("hang.test", fakedns.Hang)
	fds, goroutines := dialResources(t)
	for range 20 {
		for address, during := range map[string]gio.ClientEvent{
			silent: gio.ClientConnecting, "hang.test:1": gio.ClientResolving,
		} {
			loop := glibloop.New()
			client := gio.NewSocketClient(&gio.ClientConfig{Loop: loop})
			wait := waitForEvent(t, client, during)
			errc := make(chan error, 1)
			go func() {
				_, err := client.Dial(context.Background(), "tcp", address)
				errc <- err
			}()
			wait()
			require.NoError(t, loop.Close())
			require.ErrorIs(t, <-errc, glibloop.ErrStopped)
			require.NoError(t, client.Close())
		}
	}
	requireNoDials(t)
	requireNoMoreThan(t, fds, goroutines)
}

func TestCancelledDialEndsWhenItsLoopIsClosed(t *testing.T) {
	silent := silentServer(t)
	for range 20 {
		loop := glibloop.New()
		client := gio.NewSocketClient(&gio.ClientConfig{Loop: loop})
		wait := waitForEvent(t, client, gio.ClientConnecting)
		ctx, cancel := context.WithCancel(context.Background())
		errc := make(chan error, 1)
		go func() {
			_, err := client.Dial(ctx, "tcp", silent)
			errc <- err
		}()
		wait()
		// The loop is busy, so the attempt cannot have ended before it closes.
		busy := make(chan struct{})
		require.NoError(t, loop.Post(func() { <-busy }))
		cancel()
		require.ErrorIs(t, <-errc, context.Canceled)
		closed := make(chan struct{})
		go func() { _ = loop.Close(); close(closed) }()
		close(busy)
		<-closed
		require.NoError(t, client.Close())
	}
	requireNoDials(t)
}

func TestEveryDialedConnectionIsFinalized(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	client := newClient(t, nil)
	counted, finalized := gio.Counted()
	for range 200 {
		c, err := client.Dial(t.Context(), "tcp", addr.String())
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool {
		c, f := gio.Counted()
		return c-counted >= 200 && c-counted == f-finalized
	}, patience, time.Millisecond)
	requireNoDials(t)
}
