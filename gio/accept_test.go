package gio_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// acceptors are a plain listener and a service: Accept of both keeps the same
// promises.
func acceptors(t *testing.T, f func(t *testing.T, l *gio.SocketListener)) {
	t.Run("listener", func(t *testing.T) {
		noLeaks(t)
		l := gio.NewSocketListener(nil)
		defer l.Close()
		f(t, l)
	})
	t.Run("service", func(t *testing.T) {
		noLeaks(t)
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		f(t, &svc.SocketListener)
	})
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		why := errors.New("enough")
		ctx, cancel := context.WithCancelCause(context.Background())
		errc := make(chan error, 1)
		go func() {
			_, _, err := l.Accept(ctx)
			errc <- err
		}()
		parked(t, "gio.(*listener).next", 1)
		cancel(why)
		require.Equal(t, why, receive(t, errc))

		deadline, cancel2 := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel2()
		_, _, err := l.Accept(deadline)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		done, cancel3 := context.WithCancel(context.Background())
		cancel3()
		c, source, err := l.Accept(done)
		require.ErrorIs(t, err, context.Canceled)
		require.Nil(t, c)
		require.Nil(t, source)
		requireServed(t, l, addr)
	})
}

func TestAcceptWithAnEndedContextLosesNoClient(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		const n = 300
		go func() {
			for range n {
				c, err := net.Dial(addr.Network(), addr.String())
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
					t.Error("lost:", err)
				}
				_ = c.Close()
			}
		}()
		served, ended := 0, 0
		for served < n && !t.Failed() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(ended%200)*time.Microsecond)
			c, _, err := l.Accept(ctx)
			cancel()
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				ended++
				continue
			}
			served++
			_, err = c.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, c.Close())
		}
		t.Logf("%d served, %d contexts ended", served, ended)
		require.Positive(t, ended)
	})
}

func TestManyGoroutinesMayAccept(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		const goroutines, clients = 16, 400
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range goroutines {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					c, _, err := l.Accept(ctx)
					if err != nil {
						if !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						return
					}
					echo(ctx, c)
					_ = c.Close()
				}
			}()
		}
		rounds(t, addr, clients, 8)
		cancel()
		wg.Wait()
	})
}

func TestAcceptWaitsForTheFirstAddress(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		type result struct {
			c   *gio.SocketConnection
			err error
		}
		ch := make(chan result, 1)
		go func() {
			c, _, err := l.Accept(context.Background())
			ch <- result{c, err}
		}()
		parked(t, "gio.(*listener).next", 1)
		dial(t, loopback(t, l, nil))
		r := receive(t, ch)
		require.NoError(t, r.err)
		require.NoError(t, r.c.Close())
	})
}

func TestAddressAddedWhileAcceptWaitsLosesNoClient(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 4 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					c, _, err := l.Accept(ctx)
					if err != nil {
						return
					}
					echo(ctx, c)
					_ = c.Close()
				}
			}()
		}
		stop := make(chan struct{})
		wait := hammer(t, addr, 3, stop)
		var added []net.Addr
		for i := range 40 {
			added = append(added, loopback(t, l, i))
			rounds(t, addr, 1, 1)
		}
		close(stop)
		served, lost := wait()
		require.Zero(t, lost)
		require.Positive(t, served)
		for _, a := range added {
			rounds(t, a, 1, 1)
		}
		cancel()
		wg.Wait()
	})
}

func TestAcceptTakesFromEveryAddress(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		const n = 20 // more than the library looks at in one go
		for i := range n {
			dial(t, loopback(t, l, i))
		}
		got := map[any]bool{}
		for range n {
			c, source, err := l.Accept(context.Background())
			require.NoError(t, err)
			require.NoError(t, c.Close())
			got[source] = true
		}
		require.Len(t, got, n)
	})
}

// cancelAnAccept has an Accept wait, and then end without a client.
func cancelAnAccept(t *testing.T, l *gio.SocketListener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	errc := make(chan error, 1)
	go func() {
		_, _, err := l.Accept(ctx)
		errc <- err
	}()
	parked(t, "gio.(*listener).next", 1)
	cancel()
	require.ErrorIs(t, receive(t, errc), context.Canceled)
}

func TestClientOfACancelledAcceptGoesToTheNext(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, "kept")
		cancelAnAccept(t, l)
		peer := dial(t, addr) // GIO's accept is still outstanding
		c, source, err := l.Accept(context.Background())
		require.NoError(t, err)
		defer c.Close()
		require.Equal(t, "kept", source)
		require.Equal(t, peer.LocalAddr().String(), c.RemoteAddr().String())
	})
}

// Accepted and asked for by nobody: Close must not leak it.
func TestCloseClosesWhatWaitsForAccept(t *testing.T) {
	acceptors(t, func(t *testing.T, l *gio.SocketListener) {
		addr := loopback(t, l, nil)
		cancelAnAccept(t, l)
		peer := dial(t, addr)
		require.NoError(t, l.Close())
		requireEnd(t, peer)
	})
}

// Between the moment when the loop finds nobody waiting and the one when it
// holds the client back, somebody may begin to wait.
func TestClientIsNotHeldBackFromWhoBeginsToWait(t *testing.T) {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addrs := []net.Addr{loopback(t, &svc.SocketListener, nil), loopback(t, &svc.SocketListener, nil)}
	for range 40 {
		const n = 20
		peers := make([]net.Conn, n)
		for i := range peers {
			var err error
			peers[i], err = net.Dial("tcp", addrs[i%2].String())
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		got := 0
		for c, err := range svc.Conns(ctx) {
			require.NoError(t, err, "client %d", got)
			require.NoError(t, c.Close())
			if got++; got == n {
				break
			}
		}
		cancel()
		for _, c := range peers {
			_ = c.Close()
		}
	}
}
