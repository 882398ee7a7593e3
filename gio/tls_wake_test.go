package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// tlsEnd is what both kinds of TLS connection have.
type tlsEnd interface {
	net.Conn
	CloseWrite() error
}

// tlsKinds runs f with each kind of TLS connection, at either end.
func tlsKinds(t *testing.T, f func(t *testing.T, pair func() (x, y tlsEnd))) {
	a := newAuthority(t)
	cfg := a.server(t)
	both := map[string]func(t *testing.T) (client, server tlsEnd){
		"SocketConnection": func(t *testing.T) (client, server tlsEnd) {
			c, s := tlsPair(t, a, cfg)
			return c, s
		},
		"StreamConn": func(t *testing.T) (client, server tlsEnd) {
			c, s := tlsStreamPair(t, newLoop(t), a, cfg)
			shaken := make(chan error, 1)
			go func() { _, err := s.Read(make([]byte, 1)); shaken <- err }()
			_, err := c.Write([]byte("x"))
			require.NoError(t, err)
			require.NoError(t, receive(t, shaken))
			return c, s
		},
	}
	for name, kind := range both {
		t.Run(name+"/client", func(t *testing.T) {
			f(t, func() (x, y tlsEnd) { return kind(t) })
		})
		t.Run(name+"/server", func(t *testing.T) {
			f(t, func() (x, y tlsEnd) { y, x = kind(t); return x, y })
		})
	}
}

// readSlowly reads n bytes one at a time and tells when it is half through.
func readSlowly(c net.Conn, n int, half chan<- struct{}) error {
	for i := range n {
		if i == n/2 {
			close(half)
		}
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			return err
		}
	}
	return nil
}

// close_notify claims the whole connection from GIO: a Read beside it is refused
// without a look at the socket, and here nothing more will come from there, as the
// bytes are inside GIO already.
func TestTLSReadBesideCloseWriteLosesNoBytes(t *testing.T) {
	const record = 4 << 10
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		for range 8 {
			x, y := pair()
			_, err := y.Write(make([]byte, record))
			require.NoError(t, err)
			half, got := make(chan struct{}), make(chan error, 1)
			go func() { got <- readSlowly(x, record, half) }()
			receive(t, half)
			require.NoError(t, x.CloseWrite())
			require.NoError(t, receive(t, got))
			_, _ = x.Close(), y.Close()
		}
	})
}

// The usual proxy: two io.Copy, each ending in CloseWrite.
func TestTLSProxyOfTwoCopiesForgetsNoWakeUp(t *testing.T) {
	a := newAuthority(t)
	upstream, to := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	serve(t, upstream, func(_ context.Context, c *gio.SocketConnection) {
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err == nil {
			_, _ = c.Write(b)
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, c)
		}
	})
	proxy, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	cl := gio.NewSocketClient(&gio.ClientConfig{TLS: a.client()})
	defer cl.Close()
	serve(t, proxy, func(ctx context.Context, c *gio.SocketConnection) {
		u, err := cl.Dial(ctx, "tcp", to.String())
		if err != nil {
			return
		}
		defer u.Close()
		up := make(chan struct{})
		go func() {
			defer close(up)
			_, _ = io.Copy(u, c)
			_ = u.CloseWrite()
		}()
		_, _ = io.Copy(c, u)
		_ = c.CloseWrite()
		<-up
	})
	for range 100 {
		c := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		_, err := io.WriteString(c, "hello")
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "hello", string(b))
		_ = c.Close()
	}
}

// claimed is a TLS connection x that GIO code has to itself, as its close_notify waits
// for y to read; left is how many bytes that are. Over tells of its end.
func claimed(t *testing.T, a *authority, cfg *gio.TLSConfig) (x, y *gio.SocketConnection, left int, over <-chan error) {
	t.Helper()
	for range 5 {
		x, y = tlsPair(t, a, cfg)
		left = fill(t, x)
		ended := make(chan error, 1)
		go func() { ended <- gio.TLSCloseWriteOfOthers(x) }()
		require.Eventually(t, func() bool { return gio.TLSRefusesToRead(x) || len(ended) > 0 }, patience, time.Millisecond)
		// GIO refuses as well while it only tries: what does not end now waits.
		select {
		case <-ended: // the kernel had made room, and close_notify went out
		case <-time.After(100 * time.Millisecond):
			return x, y, left, ended
		}
	}
	require.FailNow(t, "the socket is never full")
	return nil, nil, 0, nil
}

// A Read that GIO refuses is one that nothing wakes but this library.
func TestTLSReadBesideAnOperationOfOthers(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	type outcome struct {
		word string
		err  error
	}
	reading := func(c net.Conn) <-chan outcome {
		got := make(chan outcome, 1)
		go func() {
			b := make([]byte, 4)
			n, err := io.ReadFull(c, b)
			got <- outcome{string(b[:n]), err}
		}()
		waiting(t, "giostream.(*TLS).run", 1, "sleep")
		return got
	}
	t.Run("gets what comes", func(t *testing.T) {
		x, y, left, over := claimed(t, a, cfg)
		got := reading(x)
		_, err := y.Write([]byte("word"))
		require.NoError(t, err)
		requireAll(t, y, left)
		require.NoError(t, receive(t, over))
		require.Equal(t, outcome{"word", nil}, receive(t, got))
	})
	t.Run("deadline", func(t *testing.T) {
		x, _, _, _ := claimed(t, a, cfg)
		got := reading(x)
		require.NoError(t, x.SetReadDeadline(time.Now()))
		require.ErrorIs(t, receive(t, got).err, os.ErrDeadlineExceeded)
	})
	t.Run("CloseRead", func(t *testing.T) {
		x, _, _, _ := claimed(t, a, cfg)
		got := reading(x)
		require.NoError(t, x.CloseRead())
		require.Equal(t, outcome{"", io.EOF}, receive(t, got))
	})
	t.Run("Close", func(t *testing.T) {
		x, _, _, _ := claimed(t, a, cfg)
		got := reading(x)
		require.NoError(t, x.Close())
		require.ErrorIs(t, receive(t, got).err, net.ErrClosed)
	})
}

// gapConn holds back the second half of what is written while cut is set.
type gapConn struct {
	net.Conn
	cut  bool
	left []byte
}

func (c *gapConn) Write(b []byte) (int, error) {
	if !c.cut {
		return c.Conn.Write(b)
	}
	c.left = append(c.left, b[len(b)/2:]...)
	_, err := c.Conn.Write(b[:len(b)/2])
	return len(b), err
}

// A reader that waits costs nothing, also when a record has come by half.
func TestTLSWaitingReadersAreIdle(t *testing.T) {
	const n = 100
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	words := make(chan string, n)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		b := make([]byte, 4)
		for {
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			words <- string(b)
		}
	})
	var gaps []*gapConn
	for i := range n {
		g := &gapConn{Conn: dial(t, addr)}
		c := tls.Client(g, &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
		_, err := io.WriteString(c, "full")
		require.NoError(t, err)
		require.Equal(t, "full", receive(t, words))
		if g.cut = i%2 == 0; g.cut {
			_, err = io.WriteString(c, "half")
			require.NoError(t, err)
			gaps = append(gaps, g)
		}
	}
	parked(t, "giostream.(*TLS).Read", n)
	used := func() time.Duration {
		var u syscall.Rusage
		require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	const interval = time.Second
	time.Sleep(interval) // what is measured, not a wait
	require.Less(t, used()-before, interval/2, "a busy one would use most of it")
	for _, g := range gaps {
		_, err := g.Conn.Write(g.left)
		require.NoError(t, err)
		require.Equal(t, "half", receive(t, words))
	}
}

// GLib ends the process where it needs a descriptor for a wait and there is none.
func TestTLSHandshakesOutliveALackOfDescriptors(t *testing.T) {
	const n = 24 // more than find a main context that was kept
	a := newAuthority(t)
	cfg := a.server(t)
	cfg.MaxHandshakes = n
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	serve(t, svc, echo)
	var clients []*tls.Conn
	for range n {
		clients = append(clients, tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"}))
	}
	gio.WaitForHandlers(t, svc, n)
	free := takeAllDescriptors(t)
	defer free()
	shaken := make(chan error, n)
	for _, c := range clients {
		go func() { shaken <- c.HandshakeContext(t.Context()) }()
	}
	require.True(t, eventually(func() bool {
		return countIn(allStacks(), "native.Stream.Handshake", []string{"syscall"}) >= n-16
	}), "the others wait")
	free()
	for range n {
		require.NoError(t, receive(t, shaken))
	}
	for _, c := range clients {
		say(t, c, "hello")
	}
}
