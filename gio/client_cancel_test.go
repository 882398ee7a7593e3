package gio_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
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

// requireNoMoreThan waits until there are no more of them than there were. A
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

// silentServer is an address where connecting neither succeeds nor fails: its
// queue is full.
func silentServer(t testing.TB) string {
	t.Helper()
	addr, fill := fullListener(t)
	fill()
	return addr
}

// waitForEvent returns a function that waits until the client has emitted event.
func waitForEvent(t testing.TB, client *gio.SocketClient, event gio.ClientEvent) (wait func()) {
	t.Helper()
	seen := make(chan struct{}, 1)
	client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) {
		if e == event {
			select {
			case seen <- struct{}{}:
			default:
			}
		}
	})
	return func() {
		t.Helper()
		select {
		case <-seen:
		case <-time.After(patience):
			t.Fatalf("no event %v", event)
		}
	}
}

// canceller is a context that ends when the test calls end.
type canceller struct {
	name string
	make func() (ctx context.Context, end func())
	want error
}

func cancellers() []canceller {
	cause := errors.New("the cause")
	return []canceller{
		{"cancel", func() (context.Context, func()) {
			return context.WithCancel(context.Background())
		}, context.Canceled},
		{"cause", func() (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(context.Background())
			return ctx, func() { cancel(cause) }
		}, cause},
	}
}

func TestDialWithACancelledContextDoesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client := newClient(t, nil)
	client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) { t.Errorf("event %v", e) })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, dial := range everyConnect(client, l.Addr().String()) {
		t.Run(name, func(t *testing.T) {
			c, err := dial(ctx)
			require.Nil(t, c)
			require.ErrorIs(t, err, context.Canceled)
		})
	}
	requireNoDials(t)
}

// everyConnect is each way to connect to an address with IP and port.
func everyConnect(client *gio.SocketClient, addr string) map[string]func(context.Context) (*gio.SocketConnection, error) {
	return map[string]func(context.Context) (*gio.SocketConnection, error){
		"Dial": func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", addr)
		},
		"ConnectToHost": func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToHost(ctx, addr, 0)
		},
		"ConnectToURI": func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToURI(ctx, "any://"+addr, 0)
		},
	}
}

func TestCancelledDialReturnsAtOnceAndLeavesNothing(t *testing.T) {
	silent := silentServer(t)
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("hang.test", fakedns.Hang)
	dns.Host("silent.test", "127.0.0.1")
	client := newClient(t, nil)
	connects := everyConnect(client, silent)
	connects["name"] = func(ctx context.Context) (*gio.SocketConnection, error) {
		_, port, _ := net.SplitHostPort(silent)
		return client.Dial(ctx, "tcp", "silent.test:"+port)
	}
	connects["one family"] = func(ctx context.Context) (*gio.SocketConnection, error) {
		_, port, _ := net.SplitHostPort(silent)
		return client.Dial(ctx, "tcp4", "silent.test:"+port)
	}
	resolving := func(ctx context.Context) (*gio.SocketConnection, error) {
		return client.Dial(ctx, "tcp", "hang.test:1")
	}
	for _, end := range cancellers() {
		for name, dial := range connects {
			t.Run(name+" connecting/"+end.name, func(t *testing.T) {
				requireCancels(t, client, gio.ClientConnecting, end, dial)
			})
		}
		t.Run("name resolving/"+end.name, func(t *testing.T) {
			requireCancels(t, client, gio.ClientResolving, end, resolving)
		})
	}
}

func requireCancels(t *testing.T, client *gio.SocketClient, during gio.ClientEvent, end canceller,
	dial func(context.Context) (*gio.SocketConnection, error),
) {
	requireNoDials(t)
	seen := make(chan struct{}, 1)
	h := client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) {
		if e == during {
			seen <- struct{}{}
		}
	})
	defer client.Disconnect(h)
	fds, goroutines := dialResources(t)
	for range 200 {
		ctx, stop := end.make()
		errc := make(chan error, 1)
		go func() {
			_, err := dial(ctx)
			errc <- err
		}()
		<-seen
		stop()
		select {
		case err := <-errc:
			require.ErrorIs(t, err, end.want)
			require.ErrorIs(t, err, context.Canceled)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.Equal(t, "dial", op.Op)
		case <-time.After(patience):
			t.Fatal("Dial did not return")
		}
	}
	requireNoDials(t)
	requireNoMoreThan(t, fds, goroutines)
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
		return a-accepted == f-finalized
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

func TestDialEndsAtTheDeadlineOfItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := newClient(t, nil).Dial(ctx, "tcp", silentServer(t))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var ne net.Error
	require.ErrorAs(t, err, &ne)
	require.True(t, ne.Timeout())
	requireNoDials(t)
}

func TestDialEndsAtTheTimeout(t *testing.T) {
	silent := silentServer(t)
	for name, d := range map[string]time.Duration{"short": 50 * time.Millisecond, "a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := newClient(t, &gio.ClientConfig{Timeout: d}).Dial(t.Context(), "tcp", silent)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			var ne net.Error
			require.ErrorAs(t, err, &ne)
			require.True(t, ne.Timeout())
			require.Less(t, time.Since(began), patience)
			require.GreaterOrEqual(t, time.Since(began), d-time.Millisecond)
			requireNoDials(t)
		})
	}
}

// The handler keeps the loop busy until Dial has returned, so the connection is
// there in any case.
func TestConnectionThatCameTooLateIsClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client := newClient(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	returned := make(chan struct{})
	client.ConnectEvent(func(e gio.ClientEvent, _ string, _ net.Addr) {
		if e == gio.ClientComplete {
			cancel()
			<-returned
		}
	})
	_, err = client.Dial(ctx, "tcp", l.Addr().String())
	close(returned)
	require.ErrorIs(t, err, context.Canceled)
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
	_, err = peer.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	requireNoDials(t)
}

func TestClosedClientEndsItsDials(t *testing.T) {
	client := newClient(t, nil)
	wait := waitForEvent(t, client, gio.ClientConnecting)
	errc := make(chan error, 1)
	silent := silentServer(t)
	go func() {
		_, err := client.Dial(context.Background(), "tcp", silent)
		errc <- err
	}()
	wait()
	require.NoError(t, client.Close())
	require.ErrorIs(t, <-errc, net.ErrClosed)
	requireNoDials(t)
	_, err := client.Dial(t.Context(), "tcp", silent)
	require.ErrorIs(t, err, net.ErrClosed)
	require.Zero(t, client.ConnectEvent(func(gio.ClientEvent, string, net.Addr) {}))
	require.NoError(t, client.Close())
}

func TestDialOnAStoppedLoopIsAnError(t *testing.T) {
	loop := glibloop.New()
	require.NoError(t, loop.Close())
	client := newClient(t, &gio.ClientConfig{Loop: loop})
	_, err := client.Dial(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorIs(t, err, glibloop.ErrStopped)
	requireNoDials(t)
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

func TestDialOnTheLoopsOwnThreadIsAnError(t *testing.T) {
	client := newClient(t, nil)
	err := client.Loop().Call(t.Context(), func() error {
		_, err := client.Dial(context.Background(), "tcp", "127.0.0.1:1")
		return err
	})
	require.ErrorContains(t, err, "own thread")
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
