package gio_test

import (
	"context"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// fullListener listens with the shortest queue there is. fill takes its places.
func fullListener(t testing.TB) (addr string, fill func()) {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = syscall.Close(fd) })
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, syscall.Listen(fd, 0))
	sa, err := syscall.Getsockname(fd)
	require.NoError(t, err)
	addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(sa.(*syscall.SockaddrInet4).Port))
	return addr, func() {
		t.Helper()
		for range 16 {
			c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
			if err != nil {
				var ne net.Error
				require.ErrorAs(t, err, &ne)
				require.True(t, ne.Timeout(), err)
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
		t.Skip("this kernel never lets a queue of clients be full")
	}
}

// refusedPort is one that nobody listens on.
func refusedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func TestDialErrorsAreThoseOfTheSystem(t *testing.T) {
	refused := refusedPort(t)
	stale := filepath.Join(t.TempDir(), "stale")
	l, err := net.Listen("unix", stale)
	require.NoError(t, err)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	require.NoError(t, l.Close())

	client := newClient(t, nil)
	away := newClient(t, &gio.ClientConfig{LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}})
	dial := func(c *gio.SocketClient, network, address string) func(context.Context) (*gio.SocketConnection, error) {
		return func(ctx context.Context) (*gio.SocketConnection, error) { return c.Dial(ctx, network, address) }
	}
	for _, tt := range []struct {
		name    string
		connect func(context.Context) (*gio.SocketConnection, error)
		is      error
		text    string
	}{
		{"refused", dial(client, "tcp", refused), syscall.ECONNREFUSED, refused},
		{"refused by family", dial(client, "tcp4", "localhost:"+strings.Split(refused, ":")[1]), syscall.ECONNREFUSED, "localhost"},
		{"host refused", everyConnect(client, refused)["ConnectToHost"], syscall.ECONNREFUSED, refused},
		{"URI refused", everyConnect(client, refused)["ConnectToURI"], syscall.ECONNREFUSED, refused},
		{"stale path", dial(client, "unix", stale), syscall.ECONNREFUSED, stale},
		{"no path", dial(client, "unix", stale+"-not"), syscall.ENOENT, stale},
		{"abstract", dial(client, "unix", "@glibserve-nobody"), syscall.ECONNREFUSED, "@glibserve-nobody"},
		{"foreign local address", dial(away, "tcp", refused), syscall.EADDRNOTAVAIL, "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := tt.connect(t.Context())
			require.Nil(t, c)
			require.ErrorIs(t, err, tt.is)
			require.ErrorContains(t, err, tt.text)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.Equal(t, "dial", op.Op)
			require.False(t, op.Timeout())
			var ge *gio.Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, "g-io-error-quark", ge.Domain)
		})
	}
	requireNoDials(t)
}

func TestUnknownNamesAreDNSErrors(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	client := newClient(t, nil)
	for _, tt := range []struct {
		name    string
		connect func(context.Context) (*gio.SocketConnection, error)
		lookup  string
	}{
		{"Dial", func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp", "host.invalid:80")
		}, "host.invalid"},
		{"Dial tcp6", func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.Dial(ctx, "tcp6", "host.invalid:80")
		}, "host.invalid"},
		{"ConnectToHost", func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToHost(ctx, "host.invalid:80", 0)
		}, "host.invalid"},
		{"ConnectToService", func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToService(ctx, "host.invalid", "xmpp-client")
		}, "_xmpp-client._tcp.host.invalid"},
		{"ConnectToURI", func(ctx context.Context) (*gio.SocketConnection, error) {
			return client.ConnectToURI(ctx, "http://host.invalid/", 80)
		}, "host.invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.connect(t.Context())
			var de *net.DNSError
			require.ErrorAs(t, err, &de)
			require.Equal(t, tt.lookup, de.Name)
			require.True(t, de.IsNotFound)
			var ge *gio.Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, "g-resolver-error-quark", ge.Domain)
		})
	}
	requireNoDials(t)
}

// With GIO's own resolver, which has no network here or gets the answer that
// RFC 2606 promises.
func TestUnresolvableNameIsADNSError(t *testing.T) {
	_, err := newClient(t, &gio.ClientConfig{Timeout: patience}).Dial(t.Context(), "tcp", "host.invalid:80")
	require.Error(t, err)
	var de *net.DNSError
	require.ErrorAs(t, err, &de)
	require.Equal(t, "host.invalid", de.Name)
	requireNoDials(t)
}

func TestMalformedAddressesAreErrors(t *testing.T) {
	client := newClient(t, nil)
	long := strings.Repeat("x", 200)
	for _, tt := range []struct{ network, address string }{
		{"tcp", ""},
		{"tcp", "127.0.0.1"},
		{"tcp", "127.0.0.1:port"},
		{"tcp", "127.0.0.1:65536"},
		{"tcp", "127.0.0.1:-1"},
		{"tcp", "::1:80"},
		{"tcp", "[::1"},
		{"tcp", "a\x00b:80"},
		{"tcp", "a\xffb:80"},
		{"tcp", "fe80::1%nowhere:80"},
		{"tcp", "[fe80::1%nowhere]:80"},
		{"tcp4", "[::1]:80"},
		{"tcp6", "127.0.0.1:80"},
		{"tcp", "..:80"},
		{"tcp", long + ":80"},
		{"unix", ""},
		{"unix", "a\x00b"},
		{"unix", "/" + long},
		{"udp", "127.0.0.1:80"},
		{"", "127.0.0.1:80"},
	} {
		t.Run(tt.network+" "+tt.address, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := client.Dial(ctx, tt.network, tt.address)
			require.Nil(t, c)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.Equal(t, "dial", op.Op)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	for _, host := range []string{"", "[", "[::1", "a:b:c", "127.0.0.1:x", "127.0.0.1:65536", "a\x00b", "\xff", "[::1]x", ":"} {
		t.Run("host "+host, func(t *testing.T) {
			c, err := client.ConnectToHost(t.Context(), host, 1)
			require.Nil(t, c)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
		})
	}
	for _, uri := range []string{"", "no-uri", "http://", "http://[::1", "http://127.0.0.1:99999/", "a\x00b", "http://\xff/", "mailto:a"} {
		t.Run("URI "+uri, func(t *testing.T) {
			c, err := client.ConnectToURI(t.Context(), uri, 1)
			require.Nil(t, c)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
		})
	}
	for _, s := range [][2]string{{"", ""}, {"a\x00b", "x"}, {"example.invalid", "\xff"}, {strings.Repeat("x.", 200), "y"}} {
		t.Run("service "+s[0], func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c, err := client.ConnectToService(ctx, s[0], s[1])
			require.Nil(t, c)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.NotErrorIs(t, err, context.DeadlineExceeded)
		})
	}
	requireNoDials(t)
}

func TestWrongClientConfigIsAnErrorOfEveryDial(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	for name, cfg := range map[string]*gio.ClientConfig{
		"network":           {Network: "unix"},
		"local address":     {LocalAddr: &net.UDPAddr{}},
		"nil local address": {LocalAddr: (*net.TCPAddr)(nil)},
		"local port":        {LocalAddr: &net.TCPAddr{Port: 70000}},
		"other kind":        {LocalAddr: &net.UnixAddr{Name: "@x", Net: "unix"}},
		"proxy":             {Proxy: "a\x00b"},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, cfg)
			for name, connect := range everyConnect(client, addr) {
				c, err := connect(t.Context())
				require.Nil(t, c, name)
				var op *net.OpError
				require.ErrorAs(t, err, &op, name)
			}
		})
	}
	client := newClient(t, &gio.ClientConfig{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}})
	_, err := client.Dial(t.Context(), "unix", "@x")
	require.ErrorContains(t, err, "mismatched")
}
