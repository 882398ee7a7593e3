package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestServeReturnsTheContextsCauseAndCanServeAgain(t *testing.T) {
	svc, addr := newService(t, nil)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	ended := make(chan error, 1)
	errc := make(chan error, 1)
	go func() {
		errc <- svc.Serve(ctx, gio.HandlerFunc(func(ctx context.Context, c *gio.SocketConnection) {
			_, _ = io.ReadFull(c, make([]byte, 1))
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}))
	}()
	first := dial(t, addr)
	_, err := first.Write([]byte("x"))
	require.NoError(t, err)
	gio.WaitForHandlers(t, svc, 1)
	cancel(why)
	require.ErrorIs(t, receive(t, errc), why)
	// Who comes now waits for the next Serve.
	between := dial(t, addr)
	serve(t, svc, echo)
	say(t, between, "between")
	say(t, dial(t, addr), "after")
	require.ErrorIs(t, receive(t, ended), why)
}

func TestClientsBetweenListenAndServeWait(t *testing.T) {
	svc, addr := newService(t, nil)
	var early []net.Conn
	for range 20 {
		early = append(early, dial(t, addr))
	}
	serve(t, svc, echo)
	for _, c := range early {
		say(t, c, "here")
	}
}

func TestShutdownWaitsForHandlers(t *testing.T) {
	svc, addr := newService(t, nil)
	release := make(chan struct{})
	errc := serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		<-release
		if ctx.Err() == nil {
			_, _ = c.Write([]byte("bye"))
		}
	})
	c := dial(t, addr)
	_, err := c.Write([]byte("x"))
	require.NoError(t, err)
	gio.WaitForHandlers(t, svc, 1)
	down := make(chan error, 1)
	go func() { down <- svc.Shutdown(context.Background()) }()
	require.ErrorIs(t, receive(t, errc), gio.ErrServiceClosed)
	select {
	case err := <-down:
		require.FailNow(t, "Shutdown did not wait", "%v", err)
	default:
	}
	_, err = net.Dial(addr.Network(), addr.String())
	require.Error(t, err, "the listening socket is closed")
	close(release)
	require.NoError(t, receive(t, down))
	b, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Equal(t, "bye", string(b))
	receive(t, svc.Done())
}

func TestShutdownsEndClosesTheRest(t *testing.T) {
	svc, addr := newService(t, nil)
	cause := make(chan error, 1)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		_, err := c.Read(make([]byte, 1))
		if !errors.Is(err, net.ErrClosed) {
			err = errors.New("not woken")
		}
		<-ctx.Done()
		cause <- errors.Join(err, context.Cause(ctx))
	})
	c := dial(t, addr)
	gio.WaitForHandlers(t, svc, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, svc.Shutdown(ctx), context.Canceled)
	requireEnd(t, c)
	err := receive(t, cause)
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, err, gio.ErrServiceClosed)
}

func TestCloseClosesWhatServeHoldsButNotTheDetached(t *testing.T) {
	svc, addr := newService(t, nil)
	conns := make(chan *gio.SocketConnection, 2)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		if b := make([]byte, 1); b[0] == 0 {
			_, _ = io.ReadFull(c, b)
			if b[0] == 'd' {
				conns <- c.Detach()
				return
			}
		}
		_, _ = c.Read(make([]byte, 1))
	})
	kept, ended := dial(t, addr), dial(t, addr)
	_, _ = kept.Write([]byte("d"))
	c := receive(t, conns)
	_, _ = ended.Write([]byte("h"))
	gio.WaitForHandlers(t, svc, 1)
	require.NoError(t, svc.Close())
	requireEnd(t, ended)
	go func() { _, _ = io.Copy(c, c) }()
	say(t, kept, "still")
	require.NoError(t, c.Close())
	requireEnd(t, kept)
}

func TestConnsAndAcceptTakeOneAfterTheOther(t *testing.T) {
	t.Run("Conns", func(t *testing.T) {
		svc, addr := newService(t, nil)
		go func() {
			for range 3 {
				c, err := net.Dial(addr.Network(), addr.String())
				if err == nil {
					_, _ = io.ReadAll(c)
					_ = c.Close()
				}
			}
		}()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		n := 0
		for c, err := range svc.Conns(ctx) {
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
				require.Nil(t, c)
				break
			}
			require.NoError(t, c.Close())
			if n++; n == 3 {
				cancel()
			}
		}
		require.Equal(t, 3, n)
	})
	t.Run("Accept", func(t *testing.T) {
		svc, addr := newService(t, nil)
		a, err := svc.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, "source")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, _, err = svc.Accept(ctx)
		require.ErrorIs(t, err, context.Canceled)
		one, two := dial(t, addr), dial(t, a)
		got := map[any]*gio.SocketConnection{}
		for range 2 {
			c, source, err := svc.Accept(context.Background())
			require.NoError(t, err)
			got[source] = c
		}
		require.Len(t, got, 2)
		_, _ = got["source"].Write([]byte("2"))
		_, _ = got[nil].Write([]byte("1"))
		b := make([]byte, 1)
		_, err = io.ReadFull(one, b)
		require.NoError(t, err)
		require.Equal(t, "1", string(b))
		_, err = io.ReadFull(two, b)
		require.NoError(t, err)
		require.Equal(t, "2", string(b))
	})
}

func TestASecondKindOfConsumerIsRefused(t *testing.T) {
	svc, addr := newService(t, nil)
	serve(t, svc, echo)
	say(t, dial(t, addr), "serving")
	_, _, err := svc.Accept(context.Background())
	require.ErrorContains(t, err, "Serve")
	require.Error(t, svc.Serve(context.Background(), gio.HandlerFunc(echo)))
	for c, err := range svc.Conns(context.Background()) {
		require.Nil(t, c)
		require.ErrorContains(t, err, "Serve")
	}
}

func TestAcceptLeavesOneClientPendingAtMost(t *testing.T) {
	byGIO(t) // in direct mode none is accepted before somebody asks
	svc, addr := newService(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	first := dial(t, addr)
	c, _, err := svc.Accept(ctx)
	require.NoError(t, err)
	defer c.Close()
	_ = first
	for range 8 {
		dial(t, addr)
	}
	require.Eventually(t, func() bool { return svc.Pending() == 1 }, patience, time.Millisecond)
	require.Equal(t, 2, svc.OpenConns())
}

func TestMaxConnsMakesClientsWait(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{MaxConns: 2})
	var mu sync.Mutex
	now, most := 0, 0
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		echo(t.Context(), c)
		mu.Lock()
		now--
		mu.Unlock()
	})
	svc.Stop() // the user's Stop and the pause are apart
	svc.Start()
	rounds(t, addr, 500, 8)
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, most, 2)
}

func TestHTTPServerOnNetListener(t *testing.T) {
	svc, addr := newService(t, nil)
	inside, release := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(inside)
			<-release
		}
		_, _ = io.WriteString(w, "hello "+r.URL.Path)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(svc.NetListener()) }()
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	get := func(path string) (string, error) {
		res, err := client.Get("http://" + addr.String() + path)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	for range 10 {
		body, err := get("/fast")
		require.NoError(t, err)
		require.Equal(t, "hello /fast", body)
	}
	slow := make(chan string, 1)
	go func() {
		body, err := get("/slow")
		if err != nil {
			body = err.Error()
		}
		slow <- body
	}()
	receive(t, inside)
	down := make(chan error, 1)
	go func() { down <- srv.Shutdown(context.Background()) }()
	require.ErrorIs(t, receive(t, served), http.ErrServerClosed)
	close(release)
	require.Equal(t, "hello /slow", receive(t, slow))
	require.NoError(t, receive(t, down))
}

func TestEverythingAfterCloseSaysSo(t *testing.T) {
	svc, _ := newService(t, nil)
	require.NoError(t, svc.Close())
	require.NoError(t, svc.Close())
	svc.Start()
	svc.Stop()
	_, err := svc.Listen("tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, svc.AddInetPort(1, nil), net.ErrClosed)
	_, err = svc.AddAnyInetPort(nil)
	require.ErrorIs(t, err, net.ErrClosed)
	_, _, err = svc.Accept(context.Background())
	require.ErrorIs(t, err, net.ErrClosed)
	require.ErrorIs(t, svc.Serve(context.Background(), gio.HandlerFunc(echo)), gio.ErrServiceClosed)
	for _, err := range svc.Conns(context.Background()) {
		require.ErrorIs(t, err, gio.ErrServiceClosed)
	}
	_, err = svc.NetListener().Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.NoError(t, svc.Shutdown(context.Background()))
	require.Zero(t, svc.ConnectIncoming(func(*gio.SocketConnection, any) bool { return false }))
}

func TestCloseFromItsOwnHandler(t *testing.T) {
	svc, addr := newService(t, nil)
	svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
		_ = svc.Close()
		return false
	})
	requireEnd(t, dial(t, addr))
	receive(t, svc.Done())

	svc, addr = newService(t, nil)
	errc := serve(t, svc, func(context.Context, *gio.SocketConnection) { _ = svc.Close() })
	requireEnd(t, dial(t, addr))
	receive(t, svc.Done())
	require.ErrorIs(t, receive(t, errc), gio.ErrServiceClosed)
}

// Close comes when Serve has begun and the loop has not heard of it yet: the
// client that it was handed at once is served, and leaves no goroutine behind.
func TestCloseBeforeServeReachesTheLoop(t *testing.T) {
	byGIO(t) // in direct mode none would be pending
	svc, addr := newService(t, nil)
	dial(t, addr)
	first, _, err := svc.Accept(context.Background()) // from now on a client may be pending
	require.NoError(t, err)
	require.NoError(t, first.Close())
	peer := dial(t, addr)
	require.Eventually(t, func() bool { return svc.Pending() == 1 }, patience, time.Millisecond)
	began, release := make(chan struct{}), make(chan struct{})
	require.NoError(t, svc.Loop().Post(func() {
		close(began)
		<-release
		_ = svc.Close() // before Serve's turn
	}))
	receive(t, began)
	errc := serve(t, svc, echo)
	say(t, peer, "served")
	_ = peer.Close()
	gio.WaitForHandlers(t, svc, 0)
	parked(t, "gio.(*server).work", 1) // for the next client
	close(release)
	require.ErrorIs(t, receive(t, errc), gio.ErrServiceClosed)
	parked(t, "gio.(*server).work", 0)
}
