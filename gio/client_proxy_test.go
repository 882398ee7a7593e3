package gio_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// proxyHandshake asks a client where it wants to go.
type proxyHandshake func(c net.Conn, r *bufio.Reader) (string, error)

// proxyServer accepts clients, asks handshake where they want to go, and
// connects them there.
type proxyServer struct {
	net.Listener
	mu    sync.Mutex
	asked []string
}

func (p *proxyServer) wanted() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// target is where everybody gets, whatever they asked for.
func startProxy(t *testing.T, target string, handshake proxyHandshake) *proxyServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxyServer{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go acceptEach(l, func(c net.Conn) {
		r := bufio.NewReader(c)
		asked, err := handshake(c, r)
		p.mu.Lock()
		p.asked = append(p.asked, asked)
		p.mu.Unlock()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer up.Close()
		go func() {
			_, _ = io.Copy(up, r)
			_ = up.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(c, up)
	})
	return p
}

// socks5 does the server's half of RFC 1928 without authentication.
func socks5(reply byte) proxyHandshake {
	return func(c net.Conn, r *bufio.Reader) (string, error) {
		b := make([]byte, 256)
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return "", err
		}
		if _, err := io.ReadFull(r, b[:b[1]]); err != nil {
			return "", err
		}
		if _, err := c.Write([]byte{5, 0}); err != nil {
			return "", err
		}
		if _, err := io.ReadFull(r, b[:4]); err != nil {
			return "", err
		}
		var host string
		switch b[3] {
		case 1:
			_, _ = io.ReadFull(r, b[:4])
			host = net.IP(b[:4]).String()
		case 4:
			_, _ = io.ReadFull(r, b[:16])
			host = net.IP(b[:16]).String()
		case 3:
			_, _ = io.ReadFull(r, b[:1])
			n := b[0]
			_, _ = io.ReadFull(r, b[:n])
			host = string(b[:n])
		}
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return "", err
		}
		asked := net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(b))))
		_, err := c.Write([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0})
		if reply != 0 {
			err = errors.New("refused")
		}
		return asked, err
	}
}

// httpConnect does the server's half of HTTP's CONNECT.
func httpConnect(status int) proxyHandshake {
	return func(c net.Conn, r *bufio.Reader) (string, error) {
		req, err := http.ReadRequest(r)
		if err != nil {
			return "", err
		}
		_, err = fmt.Fprintf(c, "HTTP/1.0 %d %s\r\nA: b\r\n\r\n", status, http.StatusText(status))
		if status != http.StatusOK {
			err = errors.New("refused")
		}
		return req.Host, err
	}
}

func TestDialGoesThroughAProxy(t *testing.T) {
	// A server that talks first: its bytes follow the handshake's at once.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go acceptEach(l, func(c net.Conn) {
		_, _ = c.Write([]byte("welcome\n"))
		echoConn(c)
	})
	for _, tt := range []struct {
		scheme    string
		handshake proxyHandshake
	}{
		{"socks5", socks5(0)},
		{"http", httpConnect(http.StatusOK)},
	} {
		t.Run(tt.scheme, func(t *testing.T) {
			proxy := startProxy(t, l.Addr().String(), tt.handshake)
			client := newClient(t, &gio.ClientConfig{Proxy: tt.scheme + "://" + proxy.Addr().String()})
			var r eventRecorder
			client.ConnectEvent(r.add)
			// The proxy resolves the name, which nobody here could.
			c, err := client.Dial(t.Context(), "tcp", "far.invalid:123")
			require.NoError(t, err)
			require.Equal(t, proxy.Addr().String(), c.RemoteAddr().String())
			b := make([]byte, 8)
			_, err = io.ReadFull(c, b)
			require.NoError(t, err)
			require.Equal(t, "welcome\n", string(b))
			requireEcho(t, c)
			require.Equal(t, []string{"far.invalid:123"}, proxy.wanted())
			var events []gio.ClientEvent
			for _, e := range r.take() {
				events = append(events, e.event)
			}
			require.Equal(t, []gio.ClientEvent{
				gio.ClientResolving, gio.ClientResolved, gio.ClientConnecting, gio.ClientConnected,
				gio.ClientProxyNegotiating, gio.ClientProxyNegotiated, gio.ClientComplete,
			}, events)
			requireNoDials(t)
		})
	}
}

func TestDialOfOneFamilyKeepsTheProxy(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	proxy := startProxy(t, addr.String(), socks5(0))
	client := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + proxy.Addr().String()})
	c, err := client.Dial(t.Context(), "tcp4", "far.invalid:123")
	require.NoError(t, err)
	requireEcho(t, c)
	require.Equal(t, []string{"far.invalid:123"}, proxy.wanted())
}

func TestProxyResolverDecides(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	proxy := startProxy(t, addr.String(), socks5(0))
	resolver := &gotkgio.ProxyResolver{
		Object: coreglib.AssumeOwnership(fakedns.ProxyResolver("socks5://" + proxy.Addr().String())),
	}
	client := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + refusedPort(t), ProxyResolver: resolver})
	c, err := client.Dial(t.Context(), "tcp", "far.invalid:123")
	require.NoError(t, err)
	requireEcho(t, c)
	require.Equal(t, []string{"far.invalid:123"}, proxy.wanted())
}

func TestDisableProxyConnectsDirectly(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	proxy := startProxy(t, addr.String(), socks5(0))
	client := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + proxy.Addr().String(), DisableProxy: true})
	c, err := client.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	requireEcho(t, c)
	require.Empty(t, proxy.wanted())
}

func TestProxyThatRefusesIsAnErrProxy(t *testing.T) {
	for _, tt := range []struct {
		name      string
		proxy     string
		handshake proxyHandshake
	}{
		{"not allowed", "socks5", socks5(2)},
		{"failed", "socks5", socks5(1)},
		{"authentication", "http", httpConnect(http.StatusProxyAuthRequired)},
		{"forbidden", "http", httpConnect(http.StatusForbidden)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proxy := startProxy(t, "", tt.handshake)
			client := newClient(t, &gio.ClientConfig{Proxy: tt.proxy + "://" + proxy.Addr().String()})
			_, err := client.Dial(t.Context(), "tcp", "far.invalid:123")
			require.ErrorIs(t, err, gio.ErrProxy)
			var ge *gio.Error
			require.ErrorAs(t, err, &ge)
			requireNoDials(t)
		})
	}
}

func TestUnreachableProxyIsSaidSo(t *testing.T) {
	refused := refusedPort(t)
	client := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + refused})
	_, err := client.Dial(t.Context(), "tcp", "far.invalid:123")
	require.Error(t, err)
	require.ErrorContains(t, err, "proxy")
	for _, proxy := range []string{"nonsense", "unheard-of://127.0.0.1:1", "socks5://", "socks5://[", ":"} {
		t.Run(proxy, func(t *testing.T) {
			_, err := newClient(t, &gio.ClientConfig{Proxy: proxy}).Dial(t.Context(), "tcp", refused)
			require.Error(t, err)
		})
	}
	requireNoDials(t)
}
