package gio_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// tlsEcho is a service with a certificate for hosts, that echoes.
func tlsEcho(t *testing.T, a *authority, hosts ...string) net.Addr {
	t.Helper()
	cert, key := a.issue(t, "server", nil, hosts...)
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
	t.Cleanup(func() { _ = svc.Close() })
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	return addr
}

func TestClientWithTLSChecksTheNameThatWasAskedFor(t *testing.T) {
	a := newAuthority(t)
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("right.test", "127.0.0.1")
	dns.Host("wrong.test", "127.0.0.1")
	addr := tlsEcho(t, a, "right.test", "service.test", "127.0.0.1")
	port := tcpPort(addr)
	dns.Service("_echo._tcp.service.test", "wrong.test", int(port)) // the domain counts
	dns.Service("_echo._tcp.wrong.test", "right.test", int(port))
	client := newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: a.file}})
	type connect = func(ctx context.Context) (*gio.SocketConnection, error)
	dial := func(host string) connect {
		return func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", fmt.Sprintf("%s:%d", host, port))
		}
	}
	host := func(host string) connect {
		return func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToHost(ctx, host, port)
		}
	}
	uri := func(uri string) connect {
		return func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToURI(ctx, uri, port)
		}
	}
	service := func(domain string) connect {
		return func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToService(ctx, domain, "echo")
		}
	}
	for name, f := range map[string]connect{
		"Dial": dial("right.test"), "Dial IP": dial("127.0.0.1"), "host": host("right.test"),
		"host and port": host(fmt.Sprintf("right.test:%d", port)), "bracketed": host("[right.test]"),
		"URI": uri("any://right.test/x"), "URI IP": uri("any://127.0.0.1/x"), "service": service("service.test"),
	} {
		t.Run("right "+name, func(t *testing.T) {
			c, err := f(t.Context())
			require.NoError(t, err)
			state, ok := c.TLS()
			require.True(t, ok)
			require.NotEmpty(t, state.PeerCertificate)
			requireEcho(t, c)
		})
	}
	for name, f := range map[string]connect{
		"Dial": dial("wrong.test"), "localhost": dial("localhost"), "host": host("wrong.test"),
		"URI": uri("any://wrong.test/x"), "service": service("wrong.test"),
	} {
		t.Run("wrong "+name, func(t *testing.T) {
			_, err := f(t.Context())
			var ce *gio.CertificateError
			require.ErrorAs(t, err, &ce)
			require.ErrorContains(t, err, "identity")
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.Equal(t, "dial", op.Op)
		})
	}
	requireNoDials(t)
}

func TestClientWithTLSGoesThroughAProxy(t *testing.T) {
	a := newAuthority(t)
	addr := tlsEcho(t, a, "far.invalid")
	for scheme, handshake := range map[string]proxyHandshake{"socks5": socks5(0), "http": httpConnect(http.StatusOK)} {
		t.Run(scheme, func(t *testing.T) {
			proxy := startProxy(t, addr.String(), handshake)
			client := newClient(t, &gio.ClientConfig{
				Proxy: scheme + "://" + proxy.Addr().String(),
				TLS:   &gio.ClientTLSConfig{RootCAFile: a.file},
			})
			c, err := client.Dial(t.Context(), "tcp", "far.invalid:443")
			require.NoError(t, err)
			requireEcho(t, c)
			require.Equal(t, []string{"far.invalid:443"}, proxy.wanted())
		})
	}
}

func TestClientTLSThatCannotBeIsAnErrorOfEveryDial(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	client := newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: t.TempDir() + "/none"}})
	_, err := client.Dial(t.Context(), "tcp", addr.String())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestClientTLSNeedsANameToCheck(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server", nil, "localhost")
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
	defer svc.Close()
	path := t.TempDir() + "/s"
	_, err := svc.Listen("unix", path)
	require.NoError(t, err)
	go func() { _ = svc.Serve(context.Background(), gio.HandlerFunc(echo)) }()
	cfg := &gio.ClientTLSConfig{RootCAFile: a.file}
	_, err = newClient(t, &gio.ClientConfig{TLS: cfg}).Dial(t.Context(), "unix", path)
	require.ErrorContains(t, err, "ServerName")
	cfg.ServerName = "localhost"
	c, err := newClient(t, &gio.ClientConfig{TLS: cfg}).Dial(t.Context(), "unix", path)
	require.NoError(t, err)
	requireEcho(t, c)
	c, err = newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{InsecureSkipVerify: true}}).Dial(t.Context(), "unix", path)
	require.NoError(t, err)
	requireEcho(t, c)

	tcp := tlsEcho(t, a, "localhost")
	c, err = newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: a.file}}).
		Dial(t.Context(), "tcp4", fmt.Sprintf(":%d", tcpPort(tcp)))
	require.NoError(t, err)
	requireEcho(t, c)
}

// silentTLS accepts clients and says nothing.
func silentTLS(t *testing.T) (addr net.Addr, accepted <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ch := make(chan net.Conn, 1)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			ch <- c
		}
	}()
	return l.Addr(), ch
}

func TestDialEndsDuringATLSHandshake(t *testing.T) {
	a := newAuthority(t)
	config := func() *gio.ClientConfig { return &gio.ClientConfig{TLS: a.client()} }
	cause := errors.New("the cause")
	for name, tt := range map[string]struct {
		timeout time.Duration
		end     func(client *gio.SocketClient, cancel context.CancelCauseFunc)
		want    error
	}{
		"cancel":  {0, func(_ *gio.SocketClient, cancel context.CancelCauseFunc) { cancel(nil) }, context.Canceled},
		"cause":   {0, func(_ *gio.SocketClient, cancel context.CancelCauseFunc) { cancel(cause) }, cause},
		"close":   {0, func(c *gio.SocketClient, _ context.CancelCauseFunc) { _ = c.Close() }, net.ErrClosed},
		"timeout": {200 * time.Millisecond, func(*gio.SocketClient, context.CancelCauseFunc) {}, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			addr, accepted := silentTLS(t)
			cfg := config()
			cfg.Timeout = tt.timeout
			client := newClient(t, cfg)
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			errc := make(chan error, 1)
			go func() {
				_, err := client.Dial(ctx, "tcp", addr.String())
				errc <- err
			}()
			peer := receive(t, accepted)
			defer peer.Close()
			b := make([]byte, 1<<16)
			n, err := peer.Read(b) // its hello: the handshake goes on
			require.NoError(t, err)
			require.NotZero(t, n)
			tt.end(client, cancel)
			require.ErrorIs(t, receive(t, errc), tt.want)
			requireEnd(t, peer)
			requireNoDials(t)
		})
	}
}

// GSocketClient's own TLS hides its stream: reading the socket below it would
// be reading cipher text.
func TestDialRefusesWhatGSocketClientWraps(t *testing.T) {
	a := newAuthority(t)
	addr := tlsEcho(t, a, "localhost")
	client := newClient(t, nil)
	require.NoError(t, client.Loop().Call(t.Context(), func() error {
		client.Gotk4().SetTLS(true)
		client.Gotk4().SetTLSValidationFlags(0)
		return nil
	}))
	for _, network := range []string{"tcp", "tcp4"} {
		_, err := client.Dial(t.Context(), network, fmt.Sprintf("localhost:%d", tcpPort(addr)))
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	requireNoDials(t)
}
