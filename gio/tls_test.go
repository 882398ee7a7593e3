package gio_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
)

// clientOf connects as the library's TLS client, without the handshake.
func clientOf(t testing.TB, addr net.Addr) *gio.SocketConnection {
	t.Helper()
	c, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	defer c.Close()
	sc, err := gio.ClientOf(c)
	require.NoError(t, err)
	t.Cleanup(func() { _ = sc.Close() })
	return sc
}

// tlsPair is a TLS connection with the library at both ends.
func tlsPair(t testing.TB, a *authority, cfg *gio.TLSConfig) (client, server *gio.SocketConnection) {
	t.Helper()
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: cfg})
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	client = clientOf(t, addr)
	server, _, err = svc.Accept(context.Background())
	require.NoError(t, err)
	server.Detach()
	t.Cleanup(func() { _ = server.Close() })
	failed := make(chan error, 1)
	go func() { failed <- server.Handshake(context.Background()) }()
	require.NoError(t, client.StartTLS(context.Background(), a.client()))
	require.NoError(t, receive(t, failed))
	return client, server
}

func TestTLSConnIsANetConn(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		client, server := tlsPair(t, a, cfg)
		return client, server, func() { _ = client.Close(); _ = server.Close() }, nil
	})
}

func TestTLSServesGosClient(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	serve(t, svc, echo)
	c := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	say(t, c, "hello")
	require.NoError(t, c.CloseWrite())
	requireEnd(t, c)
}

// exchange sends n bytes each way at once and compares what arrives.
func exchange(t *testing.T, x, y net.Conn, n int) {
	t.Helper()
	var wg sync.WaitGroup
	sums := make([][2][32]byte, 2)
	for i, c := range []net.Conn{x, y} {
		data := make([]byte, n)
		_, _ = rand.Read(data)
		sums[i][0] = sha256.Sum256(data)
		wg.Add(2)
		go func() {
			defer wg.Done()
			_, _ = c.Write(data)
		}()
		go func() {
			defer wg.Done()
			got := make([]byte, n)
			_, _ = io.ReadFull(c, got)
			sums[1-i][1] = sha256.Sum256(got)
		}()
	}
	wg.Wait()
	for _, s := range sums {
		require.Equal(t, s[0], s[1])
	}
}

func TestTLSCarriesMuchBothWaysAtOnce(t *testing.T) {
	a := newAuthority(t)
	client, server := tlsPair(t, a, a.server(t))
	exchange(t, client, server, 20<<20)
}

func TestTLSCloseWriteLeavesReadingOpen(t *testing.T) {
	a := newAuthority(t)
	client, server := tlsPair(t, a, a.server(t))
	_, err := client.Write([]byte("question"))
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	b, err := io.ReadAll(server)
	require.NoError(t, err)
	require.Equal(t, "question", string(b))
	_, err = server.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, server.Close())
	b, err = io.ReadAll(client)
	require.NoError(t, err, "Close says close_notify")
	require.Equal(t, "answer", string(b))
}

func TestTLSEndWithoutCloseNotifyIsAnError(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	got := make(chan error, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		_, err := io.ReadAll(c)
		got <- err
	})
	plain := dial(t, addr)
	c := tls.Client(plain, &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	_, err := c.Write([]byte("half a mess"))
	require.NoError(t, err)
	require.NoError(t, plain.Close())
	err = receive(t, got)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestTLSWriteAfterATimeoutLosesNothing(t *testing.T) {
	a := newAuthority(t)
	client, server := tlsPair(t, a, a.server(t))
	sent := sha256.New()
	total := 0
	chunk := make([]byte, 100_000)
	_, _ = rand.Read(chunk)
	write := func(b []byte) error {
		n, err := client.Write(b)
		_, _ = sent.Write(b[:n])
		total += n
		return err
	}
	for range 3 {
		require.NoError(t, client.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		for err := error(nil); err == nil; {
			err = write(chunk)
			if err != nil {
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			}
		}
	}
	require.NoError(t, client.SetWriteDeadline(time.Time{}))
	got := make(chan []byte, 1)
	go func() {
		h := sha256.New()
		_, _ = io.Copy(h, server)
		got <- h.Sum(nil)
	}()
	require.NoError(t, write([]byte("the end")))
	require.NoError(t, client.CloseWrite())
	require.Equal(t, sent.Sum(nil), receive(t, got), "of %d bytes", total)
}

func TestTLSFailedHandshakeEndsThatConnectionOnly(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	errs := make(chan error, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		b := make([]byte, 5)
		if _, err := io.ReadFull(c, b); err != nil {
			errs <- err
			return
		}
		_, _ = c.Write(b)
	})
	good := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	require.NoError(t, good.HandshakeContext(t.Context()))
	bad := dial(t, addr)
	_, err := bad.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, bad) // ends
	err = receive(t, errs)
	var ge *gio.Error
	require.ErrorAs(t, err, &ge)
	require.Equal(t, "g-tls-error-quark", ge.Domain)
	require.ErrorContains(t, err, "TLS handshake")
	say(t, good, "still")
}

func TestTLSHandshakeEndsWithItsTimeLimit(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	cfg.HandshakeTimeout = 20 * time.Millisecond
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	errs := make(chan error, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		_, err := c.Read(make([]byte, 1))
		errs <- err
	})
	requireEnd(t, dial(t, addr))
	err := receive(t, errs)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "handshake")
}

func TestTLSDeadlineLeavesAHandshakeToGoOn(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	c := dial(t, addr)
	sc, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	defer sc.Close()
	require.NoError(t, sc.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = sc.Read(make([]byte, 1))
	requireTimeout(t, err)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	require.ErrorIs(t, sc.Handshake(ctx), why)
	require.NoError(t, sc.SetReadDeadline(time.Time{}))
	go echo(context.Background(), sc)
	say(t, tls.Client(c, &tls.Config{RootCAs: a.pool, ServerName: "localhost"}), "late")
}

// GIO does handshakes on a pool of threads that grows slowly: clients that say
// nothing must not fill it.
func TestTLSSilentClientsKeepNobodyOut(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	serve(t, svc, echo)
	for range 100 {
		dial(t, addr)
	}
	gio.WaitForHandlers(t, svc, 100)
	say(t, tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"}), "hello")
}

func TestTLSCloseEndsAHandshake(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	peer := dial(t, addr)
	sc, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	got := make(chan error, 1)
	go func() {
		_, err := sc.Read(make([]byte, 1))
		got <- err
	}()
	waiting(t, "giostream.(*handshake).wait", 1, "select")
	require.NoError(t, sc.Close())
	require.ErrorIs(t, receive(t, got), net.ErrClosed)
	requireEnd(t, peer)
}

func TestTLSStateTellsWhatWasAgreedOn(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	cfg.Protocols = []string{"glib/1", "glib/0"}
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	states := make(chan gio.TLSState, 1)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		_, before := c.TLS()
		_ = c.Handshake(ctx)
		s, after := c.TLS()
		if !before && after {
			states <- s
		}
		echo(ctx, c)
	})
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := tls.Client(dial(t, addr), &tls.Config{
			RootCAs: a.pool, ServerName: "localhost", NextProtos: []string{"glib/0"}, MinVersion: v, MaxVersion: v,
		})
		say(t, c, "hi")
		s := receive(t, states)
		require.Equal(t, v, s.Version)
		require.Equal(t, "glib/0", s.Protocol)
		require.NotEmpty(t, s.CipherSuite)
		require.Equal(t, "glib/0", c.ConnectionState().NegotiatedProtocol)
	}
}

func init() {
	helpers["no-tls"] = func([]string) error {
		svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: "/nowhere.pem"}})
		defer svc.Close()
		_, err := svc.Listen("tcp", "127.0.0.1:0")
		return err
	}
}

func TestTLSWithoutABackendNamesThePackage(t *testing.T) {
	cmd := helper(t, "no-tls")
	cmd.Env = append(cmd.Env, "GIO_USE_TLS=dummy")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "install glib-networking")
}
