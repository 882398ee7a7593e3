package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/teststream"
	"github.com/glibserve/glibserve/glibloop"
)

// newLoop is a loop that ends with the test.
func newLoop(t testing.TB) *glibloop.Loop {
	t.Helper()
	loop := glibloop.New()
	t.Cleanup(func() { require.NoError(t, loop.Close()) })
	return loop
}

// streamPair makes both ends of a stream of a kind.
func streamPair(t testing.TB, loop *glibloop.Loop, kind string) (a, b *gio.StreamConn) {
	t.Helper()
	before := teststream.Alive()
	p, q, err := teststream.Pair(kind)
	require.NoError(t, err)
	a, b = gio.StreamOf(loop, p), gio.StreamOf(loop, q)
	teststream.Unref(p)
	teststream.Unref(q)
	t.Cleanup(func() {
		_, _ = a.Close(), b.Close()
		require.True(t, eventually(func() bool { return teststream.Alive() <= before }), "a stream is left behind")
	})
	return a, b
}

func eachStream(t *testing.T, f func(t *testing.T, a, b *gio.StreamConn)) {
	for _, kind := range teststream.Kinds {
		t.Run(kind, func(t *testing.T) {
			name := t.Name()
			watchdog := time.AfterFunc(3*patience, func() { panic(name + " hangs") })
			defer watchdog.Stop()
			a, b := streamPair(t, newLoop(t), kind)
			f(t, a, b)
		})
	}
}

func TestStreamIsANetConn(t *testing.T) {
	for _, kind := range teststream.Kinds {
		t.Run(kind, func(t *testing.T) {
			loop := newLoop(t)
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				a, b := streamPair(t, loop, kind)
				return a, b, func() { _, _ = a.Close(), b.Close() }, nil
			})
		})
	}
}

// tlsStreamPair is TLS over a connection, as streams with the library at both
// ends.
func tlsStreamPair(t testing.TB, loop *glibloop.Loop, a *authority, cfg *gio.TLSConfig) (client, server *gio.StreamConn) {
	t.Helper()
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	below := clientOf(t, addr)
	client, err = gio.TLSStream(loop, below, nil, a.client())
	require.NoError(t, err)
	other, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	other.Detach()
	server, err = gio.TLSStream(loop, other, cfg, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = client.Close(), server.Close()
		_, _ = below.Close(), other.Close()
	})
	return client, server
}

func TestTLSStreamIsANetConn(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	loop := newLoop(t)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		client, server := tlsStreamPair(t, loop, a, cfg)
		return client, server, func() { _, _ = client.Close(), server.Close() }, nil
	})
}

func TestStreamCarriesMuchBothWaysAtOnce(t *testing.T) {
	eachStream(t, func(t *testing.T, a, b *gio.StreamConn) { exchange(t, a, b, 4<<20) })
	t.Run("TLS", func(t *testing.T) {
		a := newAuthority(t)
		client, server := tlsStreamPair(t, newLoop(t), a, a.server(t))
		exchange(t, client, server, 4<<20)
	})
}

func TestStreamCloseWakesWaiters(t *testing.T) {
	eachStream(t, func(t *testing.T, a, b *gio.StreamConn) {
		errs := make(chan error, 2)
		go func() {
			_, err := a.Read(make([]byte, 1))
			errs <- err
		}()
		go func() {
			var err error
			for b := make([]byte, 1<<20); err == nil; {
				_, err = a.Write(b)
			}
			errs <- err
		}()
		waiting(t, "giostream.(*Stream).transfer", 2, "select", "syscall")
		require.NoError(t, a.Close())
		for range 2 {
			require.ErrorIs(t, receive(t, errs), net.ErrClosed)
		}
		require.ErrorIs(t, a.Close(), net.ErrClosed)
		_, err := io.Copy(io.Discard, b)
		if err != nil { // a compressed stream that was cut off
			var ge *gio.Error
			require.ErrorAs(t, err, &ge)
		}
	})
}

func TestStreamCloseWriteIsTheOthersEnd(t *testing.T) {
	eachStream(t, func(t *testing.T, a, b *gio.StreamConn) {
		_, err := a.Write([]byte("all"))
		require.NoError(t, err)
		if err := a.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 3)
		_, err = io.ReadFull(b, got)
		require.NoError(t, err)
		require.Equal(t, "all", string(got))
	})
}

func TestStreamEndsWaitsWhenTheLoopHasEnded(t *testing.T) {
	loop := glibloop.New()
	a, _ := streamPair(t, loop, "pipes")
	errs := make(chan error, 1)
	go func() {
		_, err := a.Read(make([]byte, 1))
		errs <- err
	}()
	waiting(t, "giostream.(*Stream).transfer", 1, "select")
	require.NoError(t, loop.Close())
	require.ErrorIs(t, receive(t, errs), glibloop.ErrStopped)
}

func TestStreamAddressesAreTheSocketsIfThereIsOne(t *testing.T) {
	a := newAuthority(t)
	client, server := tlsStreamPair(t, newLoop(t), a, a.server(t))
	require.Equal(t, client.LocalAddr().String(), server.RemoteAddr().String())
	require.Equal(t, "tcp", client.RemoteAddr().Network())
	pipe, _ := streamPair(t, newLoop(t), "pipes")
	require.Equal(t, "stream", pipe.LocalAddr().Network())
	require.Equal(t, "stream", pipe.RemoteAddr().String())
}

func TestStreamOfAGotk4Object(t *testing.T) {
	sc, peer := pair(t, "tcp", "127.0.0.1:0")
	wrapped.Add(1) // gotk4 keeps it
	c, err := gio.NewStreamConn(newLoop(t), sc.Gotk4())
	require.NoError(t, err)
	go func() { _, _ = io.Copy(c, c) }()
	say(t, peer, "hello")
	require.NoError(t, c.Close())
	requireEnd(t, peer)
}

func TestStreamRefusesNil(t *testing.T) {
	_, err := gio.NewStreamConn(newLoop(t), nil)
	require.Error(t, err)
	_, err = gio.NewStreamConn(nil, &gotkgio.IOStream{})
	require.Error(t, err)
}

func TestStreamTellsAGosClientThatItCloses(t *testing.T) {
	a := newAuthority(t)
	svc := gio.NewSocketService(nil)
	t.Cleanup(func() { _ = svc.Close() })
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	peer := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	below, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { _ = below.Close() })
	c, err := gio.TLSStream(newLoop(t), below, a.server(t), nil)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("bye"))
		_ = c.Close()
		done <- err
	}()
	b, err := io.ReadAll(peer)
	require.NoError(t, err)
	require.Equal(t, "bye", string(b))
	require.NoError(t, receive(t, done))
}
