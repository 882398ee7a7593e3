package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
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
