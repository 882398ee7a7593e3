package gio_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// connectServer does the server's half of CONNECT and keeps what the client wrote.
type connectServer struct {
	mu   sync.Mutex
	line string
	head textproto.MIMEHeader
}

func (p *connectServer) handshake(c net.Conn, r *bufio.Reader) (string, error) {
	text := textproto.NewReader(r)
	line, err := text.ReadLine()
	if err != nil {
		return "", err
	}
	head, err := text.ReadMIMEHeader()
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	p.line, p.head = line, head
	p.mu.Unlock()
	_, err = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\n")
	return line, err
}

// RFC 9110, 9.3.6 and 7.2: an IPv6 address stands in brackets.
func TestHTTPProxyIsAskedForAnIPv6AddressInBrackets(t *testing.T) {
	server := dialEchoServer(t, "tcp", "127.0.0.1:0") // wherever it is asked for
	var raw connectServer
	proxy := startProxy(t, server.String(), raw.handshake)
	client := newClient(t, &gio.ClientConfig{Proxy: "http://user:pass@" + proxy.Addr().String()})
	var r eventRecorder
	client.ConnectEvent(r.add)
	for how, tt := range map[string]struct {
		connect func(ctx context.Context) (*gio.SocketConnection, error)
		want    string
	}{
		"Dial": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", "[2001:db8::1]:8080")
		}, "[2001:db8::1]:8080"},
		"ConnectToHost": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToHost(ctx, "[2001:db8::3]:8080", 1)
		}, "[2001:db8::3]:8080"},
		"ConnectToHost without brackets": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToHost(ctx, "2001:db8::4", 8080)
		}, "[2001:db8::4]:8080"},
		"ConnectToURI": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToURI(ctx, "http://[2001:db8::5]:8080/x", 1)
		}, "[2001:db8::5]:8080"},
		"IPv4": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", "192.0.2.1:8080")
		}, "192.0.2.1:8080"},
		"a name": {func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", "far.invalid:8080")
		}, "far.invalid:8080"},
	} {
		t.Run(how, func(t *testing.T) {
			c, err := tt.connect(t.Context())
			require.NoError(t, err)
			requireEcho(t, c)
			raw.mu.Lock()
			defer raw.mu.Unlock()
			require.Equal(t, "CONNECT "+tt.want+" HTTP/1.0", raw.line)
			require.Equal(t, tt.want, raw.head.Get("Host"))
			require.NotEmpty(t, raw.head.Get("Proxy-Authorization"), "the rest is as it was")
			for _, e := range r.take() {
				require.NotContains(t, e.target, "pass")
				require.NotContains(t, e.target, "[[")
			}
		})
	}
	requireNoDials(t)
}

// SOCKS has a form of its own for an address.
func TestSOCKSProxyIsAskedForAnIPv6Address(t *testing.T) {
	server := dialEchoServer(t, "tcp", "127.0.0.1:0")
	proxy := startProxy(t, server.String(), socks5(0))
	client := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + proxy.Addr().String()})
	for _, connect := range []func() (*gio.SocketConnection, error){
		func() (*gio.SocketConnection, error) { return client.Dial(t.Context(), "tcp", "[2001:db8::1]:80") },
		func() (*gio.SocketConnection, error) { return client.ConnectToHost(t.Context(), "2001:db8::1", 80) },
	} {
		c, err := connect()
		require.NoError(t, err)
		requireEcho(t, c)
	}
	require.Equal(t, []string{"[2001:db8::1]:80", "[2001:db8::1]:80"}, proxy.wanted())
}

// An abandoned dial through the wrapped enumerator leaves nothing.
func TestDialToIPv6ThroughAProxyIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	proxy := startProxy(t, "", func(_ net.Conn, r *bufio.Reader) (string, error) {
		cancel()
		_, err := r.ReadString(0)
		return "", err
	})
	client := newClient(t, &gio.ClientConfig{Proxy: "http://" + proxy.Addr().String()})
	_, err := client.Dial(ctx, "tcp", "[2001:db8::1]:80")
	require.ErrorIs(t, err, context.Canceled)
	_, err = newClient(t, &gio.ClientConfig{Proxy: "http://" + refusedPort(t)}).Dial(t.Context(), "tcp", "[2001:db8::1]:80")
	require.Error(t, err)
	requireNoDials(t)
}

// everyText is what a program may write of an error into its log.
func everyText(err error) string {
	var b strings.Builder
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		b.WriteString(err.Error() + "\n")
		var op *net.OpError
		if errors.As(err, &op) && op.Addr != nil {
			b.WriteString(op.Addr.String() + "\n")
		}
		var dns *net.DNSError
		if errors.As(err, &dns) {
			b.WriteString(dns.Name + "\n")
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				walk(err)
			}
		}
	}
	walk(err)
	return b.String()
}

func TestErrorsShowNoSecretOfAURI(t *testing.T) {
	refused := refusedPort(t)
	client := newClient(t, nil)
	var r eventRecorder
	client.ConnectEvent(r.add)
	for _, uri := range []string{
		"http://user:s3cret@" + refused + "/path?token=s3cret#s3cret",
		"http://user:s3cret@none.invalid/",
		"http://" + refused + "?token=s3cret",
		"http://" + refused + "/s3cret",
		"http://s3cret@" + refused,
		"http://user:s3cret@h:port/", // what cannot be read
		"http://user:s3cret@[::1",
		"http://user:s3cret/x@h/",
		"http://user:1/s3cret@none.invalid/",
		"http://user:%zzs3cret@h/",
		"http://user:s3cret@h:99999/",
		"http:s3cret", "s3cret", "//s3cret", "http://h/\x00s3cret", "http://h/\xffs3cret", ":s3cret",
	} {
		_, err := client.ConnectToURI(t.Context(), uri, 1)
		require.Error(t, err, "%q", uri)
		// A name that stands where the host does is none.
		if uri != "//s3cret" {
			require.NotContains(t, everyText(err), "s3cret", "%q", uri)
		}
	}
	for _, e := range r.take() {
		if e.target != "s3cret:1" {
			require.NotContains(t, e.target, "s3cret")
		}
	}
	_, err := client.ConnectToURI(t.Context(), "http://user:s3cret@"+refused+"/", 1)
	require.ErrorContains(t, err, "http://"+refused, "enough to know which it was")
}

func TestErrorsShowNoSecretOfAProxysURI(t *testing.T) {
	refused := refusedPort(t)
	for _, proxy := range []string{
		"socks5://user:s3cret@" + refused,
		"http://user:s3cret@" + refused + "/?token=s3cret",
		"http://user:s3cret@none.invalid:1",
		"unheard-of://user:s3cret@" + refused,
		"http://user:s3cret@h:port", "http://user:s3cret@[::1", "http://user:%zzs3cret@h", "s3cret", ":s3cret", "http://h/\x00s3cret", "http://h/\xffs3cret",
	} {
		_, err := newClient(t, &gio.ClientConfig{Proxy: proxy}).Dial(t.Context(), "tcp", "192.0.2.1:1")
		require.Error(t, err, "%q", proxy)
		require.NotContains(t, everyText(err), "s3cret", "%q", proxy)
	}
	requireNoDials(t)
}
