package gio_test

import (
	"net"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	objects "github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/test/elsewhere"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// connectable is what a program has of a GSocketConnectable, for the test's time.
func connectable(t testing.TB, object uintptr) gotkgio.SocketConnectabler {
	t.Helper()
	require.NotZero(t, object)
	defer elsewhere.Unref(object) // the wrapper keeps it
	return &gotkgio.SocketConnectable{Object: objects.Wrap(*(*unsafe.Pointer)(unsafe.Pointer(&object)))}
}

// loopbackTarget is a port where nobody is.
func loopbackTarget(t testing.TB) gotkgio.SocketConnectabler {
	return connectable(t, elsewhere.InetAddress("127.0.0.1", 1))
}

func TestConnectReachesEveryKindOfConnectable(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("name.test", "127.0.0.1")
	tcp := dialEchoServer(t, "tcp", "127.0.0.1:0")
	port := tcpPort(tcp)
	dns.Service("_echo._tcp.service.test", "name.test", int(port))
	unix := dialEchoServer(t, "unix", t.TempDir()+"/s")
	proxy := startProxy(t, tcp.String(), socks5(0))
	_, refused, err := net.SplitHostPort(refusedPort(t))
	require.NoError(t, err)
	nobody, err := strconv.Atoi(refused)
	require.NoError(t, err)
	client := newClient(t, nil)
	for name, tt := range map[string]struct {
		object uintptr
		remote string
	}{
		"GNetworkAddress":         {elsewhere.NetworkAddress("name.test", port), tcp.String()},
		"GNetworkService":         {elsewhere.NetworkService("echo", "service.test"), tcp.String()},
		"GInetSocketAddress":      {elsewhere.InetAddress("127.0.0.1", port), tcp.String()},
		"every address":           {elsewhere.InetAddress("::", port), tcp.String()},
		"a name of every address": {elsewhere.NetworkAddress("::", port), tcp.String()},
		"GUnixSocketAddress":      {elsewhere.UnixAddress(unix.String()), unix.String()},
		"GProxyAddress":           {elsewhere.ProxyAddress(tcpPort(proxy.Addr()), "socks5", "far.invalid", 80), proxy.Addr().String()},
		"a class of its own":      {elsewhere.OwnConnectable(port), tcp.String()},
		"the second address":      {elsewhere.OwnConnectable(uint16(nobody), port), tcp.String()},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.Connect(t.Context(), connectable(t, tt.object))
			require.NoError(t, err)
			require.Equal(t, tt.remote, c.RemoteAddr().String())
			requireEcho(t, c)
		})
	}
	require.Equal(t, []string{"far.invalid:80"}, proxy.wanted())
	requireNoDials(t)
}

func TestConnectErrorsNameTheTarget(t *testing.T) {
	_, port, err := net.SplitHostPort(refusedPort(t))
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	client := newClient(t, nil)
	_, err = client.Connect(t.Context(), connectable(t, elsewhere.InetAddress("127.0.0.1", uint16(n))))
	requireOpError(t, err, "dial", "tcp", syscall.ECONNREFUSED)
	require.ErrorContains(t, err, "127.0.0.1:"+port)
	_, err = client.Connect(t.Context(), connectable(t, elsewhere.OwnConnectable(uint16(n))))
	requireOpError(t, err, "dial", "tcp", syscall.ECONNREFUSED)
	_, err = client.Connect(t.Context(), connectable(t, elsewhere.UnixAddress(t.TempDir()+"/none")))
	requireOpError(t, err, "dial", "unix", syscall.ENOENT)
	require.ErrorContains(t, err, "/none")
	var nobody *gotkgio.InetSocketAddress
	for _, none := range []gotkgio.SocketConnectabler{nil, nobody, &gotkgio.NetworkAddress{}} {
		c, err := client.Connect(t.Context(), none)
		require.Nil(t, c)
		require.ErrorContains(t, err, "nil GSocketConnectable")
	}
	require.NoError(t, client.Close())
	_, err = client.Connect(t.Context(), connectable(t, elsewhere.InetAddress("127.0.0.1", uint16(n))))
	require.ErrorIs(t, err, net.ErrClosed)
	requireNoDials(t)
}

// What GIO checks a certificate against.
func TestConnectWithTLSChecksTheConnectablesIdentity(t *testing.T) {
	a := newAuthority(t)
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("right.test", "127.0.0.1")
	dns.Host("wrong.test", "127.0.0.1")
	addr := tlsEcho(t, a, "right.test", "service.test", "127.0.0.1", "far.invalid")
	port := tcpPort(addr)
	dns.Service("_echo._tcp.service.test", "wrong.test", int(port))
	dns.Service("_echo._tcp.wrong.test", "right.test", int(port))
	proxy := startProxy(t, addr.String(), httpConnect(http.StatusOK))
	client := newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{RootCAFile: a.file}})
	proxied := func(host string) uintptr {
		return elsewhere.ProxyAddress(tcpPort(proxy.Addr()), "http", host, 443)
	}
	for name, tt := range map[string]struct {
		right, wrong uintptr
	}{
		"name":    {elsewhere.NetworkAddress("right.test", port), elsewhere.NetworkAddress("wrong.test", port)},
		"service": {elsewhere.NetworkService("echo", "service.test"), elsewhere.NetworkService("echo", "wrong.test")},
		"proxy":   {proxied("far.invalid"), proxied("other.invalid")},
		"address": {elsewhere.InetAddress("127.0.0.1", port), 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.Connect(t.Context(), connectable(t, tt.right))
			require.NoError(t, err)
			_, ok := c.TLS()
			require.True(t, ok)
			requireEcho(t, c)
			if tt.wrong != 0 {
				_, err = client.Connect(t.Context(), connectable(t, tt.wrong))
				var ce *gio.CertificateError
				require.ErrorAs(t, err, &ce)
			}
		})
	}
	_, err := client.Connect(t.Context(), connectable(t, elsewhere.OwnConnectable(port)))
	require.ErrorContains(t, err, "ServerName")
	requireNoDials(t)
}
