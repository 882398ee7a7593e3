package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/glibloop"
)

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

func TestDialOnTheLoopsOwnThreadIsAnError(t *testing.T) {
	client := newClient(t, nil)
	err := client.Loop().Call(t.Context(), func() error {
		_, err := client.Dial(context.Background(), "tcp", "127.0.0.1:1")
		return err
	})
	require.ErrorContains(t, err, "own thread")
}
