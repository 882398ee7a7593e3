package gio_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// sniServer has a certificate for hosts and tells which name each client sends.
func sniServer(t *testing.T, a *authority, hosts ...string) (net.Addr, <-chan string) {
	t.Helper()
	cert, key := a.issue(t, "server", nil, hosts...)
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	names := make(chan string, 10)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair},
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			names <- h.ServerName
			return nil, nil
		}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go acceptEach(l, func(c net.Conn) {
		_ = c.(*tls.Conn).Handshake()
		_, _ = c.Read(make([]byte, 1))
	})
	return l.Addr(), names
}

// The names of crypto/tls, by its own verdict on the same server.
func TestTLSIdentitiesAreThoseOfCryptoTLS(t *testing.T) {
	a := newAuthority(t)
	addr, sent := sniServer(t, a, "right.test", "*.wild.test", "127.0.0.1", "::1", "fe80::1")
	for _, tt := range []struct {
		name string
		ok   bool
	}{
		{"right.test", true},
		{"right.test.", true},
		{"RIGHT.test", true},
		{"right.test..", false},
		{".right.test", false},
		{"wrong.test", false},
		{"right", false},
		{"a.wild.test", true},
		{"a.wild.test.", true},
		{"a.b.wild.test", false},
		{"wild.test", false},
		{"127.0.0.1", true},
		{"::ffff:127.0.0.1", true},
		{"127.0.0.2", false},
		{"::1", true},
		{"[::1]", true},
		{"0:0:0:0:0:0:0:1", true},
		{"::2", false},
		{"fe80::1%eth0", true},
		{"[fe80::1%eth0]", true},
		{"fe80::2%eth0", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// A zone is refused there.
			theirs := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: strings.Replace(tt.name, "%eth0", "", 1)})
			require.Equal(t, tt.ok, theirs.HandshakeContext(t.Context()) == nil, "by crypto/tls")
			want := receive(t, sent)
			err := clientOf(t, addr).StartTLS(t.Context(), &gio.ClientTLSConfig{RootCAFile: a.file, ServerName: tt.name})
			require.Equal(t, tt.ok, err == nil, "%v", err)
			if got := receive(t, sent); tt.ok {
				require.Equal(t, want, got)
			} else {
				var ce *gio.CertificateError
				require.ErrorAs(t, err, &ce)
				require.ErrorContains(t, err, "identity")
			}
		})
	}
}

func TestTLSIdentityOfANameInUnicode(t *testing.T) {
	a := newAuthority(t)
	addr, sent := sniServer(t, a, "xn--bcher-kva.test")
	for _, name := range []string{"bücher.test", "bücher.test.", "xn--bcher-kva.test"} {
		require.NoError(t, clientOf(t, addr).StartTLS(t.Context(), &gio.ClientTLSConfig{RootCAFile: a.file, ServerName: name}), name)
		require.Equal(t, "xn--bcher-kva.test", receive(t, sent))
	}
}

// An address in a name's place is no address.
func TestTLSAddressMustBeInTheCertificateAsOne(t *testing.T) {
	a := newAuthority(t)
	addr, _ := sniServer(t, a, "*.0.0.1", "*.test")
	var ce *gio.CertificateError
	require.ErrorAs(t, clientOf(t, addr).StartTLS(t.Context(), &gio.ClientTLSConfig{RootCAFile: a.file, ServerName: "127.0.0.1"}), &ce)
}

func TestTLSNamesByEveryWayToNameAServer(t *testing.T) {
	a := newAuthority(t)
	dns := fakedns.Install()
	defer dns.Restore()
	addr, sent := sniServer(t, a, "right.test", "127.0.0.1", "::1")
	port := tcpPort(addr)
	for _, dot := range []string{"", "."} {
		dns.Host("right.test"+dot, "127.0.0.1")
		dns.Service("_echo._tcp.right.test"+dot, "right.test"+dot, int(port))
	}
	proxies := map[string]string{}
	for scheme, handshake := range map[string]proxyHandshake{"socks5": socks5(0), "http": httpConnect(http.StatusOK)} {
		proxies[scheme] = scheme + "://" + startProxy(t, addr.String(), handshake).Addr().String()
	}
	type connect = func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error)
	dial := func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error) {
		return c.Dial(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	}
	for way, tt := range map[string]struct {
		f       connect
		proxy   string
		byNames bool // and no addresses
	}{
		"Dial": {f: dial},
		"ConnectToHost": {f: func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error) {
			return c.ConnectToHost(ctx, net.JoinHostPort(host, fmt.Sprint(port)), 1)
		}},
		"ConnectToHost without a port": {f: func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error) {
			return c.ConnectToHost(ctx, host, port)
		}},
		"ConnectToURI": {f: func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error) {
			return c.ConnectToURI(ctx, "x://"+host+"/y", port)
		}},
		"ConnectToService": {byNames: true, f: func(ctx context.Context, c *gio.SocketClient, host string) (*gio.SocketConnection, error) {
			return c.ConnectToService(ctx, host, "echo")
		}},
		"through a SOCKS proxy":  {f: dial, proxy: proxies["socks5"]},
		"through an HTTP proxy":  {f: dial, proxy: proxies["http"]},
		"StartTLS, after a Dial": {byNames: true},
	} {
		for host, sni := range map[string]string{"right.test": "right.test", "right.test.": "right.test", "127.0.0.1": ""} {
			if tt.byNames && sni == "" {
				continue
			}
			t.Run(way+" "+host, func(t *testing.T) {
				if tt.f == nil {
					require.NoError(t, clientOf(t, addr).StartTLS(t.Context(), &gio.ClientTLSConfig{RootCAFile: a.file, ServerName: host}))
				} else {
					cfg := &gio.ClientConfig{Proxy: tt.proxy, TLS: &gio.ClientTLSConfig{RootCAFile: a.file}}
					c, err := tt.f(t.Context(), newClient(t, cfg), host)
					require.NoError(t, err)
					_ = c.Close()
				}
				require.Equal(t, sni, receive(t, sent))
			})
		}
	}
	t.Run("a dot alone", func(t *testing.T) {
		cfg := &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: a.file, ServerName: "."}}
		_, err := dial(t.Context(), newClient(t, cfg), "127.0.0.1")
		require.ErrorContains(t, err, "ServerName")
	})
}

// The zone tells the way to the server and is no part of its address.
func TestTLSAddressWithAZone(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server", nil, "::1")
	svc, _ := newService(t, &gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
	addr, err := svc.Listen("tcp", "[::1]:0")
	require.NoError(t, err)
	serve(t, svc, echo)
	client := newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: a.file}})
	for _, host := range []string{"::1", "::1%lo"} {
		c, err := client.Dial(t.Context(), "tcp", net.JoinHostPort(host, fmt.Sprint(tcpPort(addr))))
		require.NoError(t, err, host)
		requireEcho(t, c)
	}
}
