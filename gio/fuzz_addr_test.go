package gio_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/glibloop"
)

// loopbackOnly says whether an address stays on this machine. Names are never
// looked up by a target.
func loopbackOnly(network, address string) bool {
	if network == "unix" {
		// Abstract, or a name in the working directory.
		return !strings.Contains(address, "/") && address != "." && address != ".."
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // goes nowhere
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// fuzzLoop is one loop for all the runs of a target: a thread for each would be
// most of its time.
func fuzzLoop(f *testing.F) *glibloop.Loop {
	f.Helper()
	loop := glibloop.New()
	f.Cleanup(func() { require.NoError(f, loop.Close()) })
	return loop
}

// FuzzListen listens on anything that stays on this machine. What it answers
// must be dialable, taken for a second listener, and gone after Close.
func FuzzListen(f *testing.F) {
	for _, seed := range [][2]string{
		{"tcp", "127.0.0.1:0"}, {"tcp4", "127.0.0.2:0"}, {"tcp6", "[::1]:0"}, {"tcp", "[::1%lo]:0"}, {"tcp", "[::ffff:127.0.0.1]:0"},
		{"tcp6", "127.0.0.1:0"}, {"tcp4", "[::1]:0"}, {"tcp", "127.0.0.1:-1"}, {"tcp", "127.0.0.1:65536"}, {"tcp", "127.0.0.1:http"},
		{"tcp", "127.0.0.1"}, {"tcp", ""}, {"unix", "@fuzz"}, {"unix", "fuzz"}, {"unix", ""}, {"unix", "@"}, {"unix", "@a\x00b"},
		{"unix", strings.Repeat("x", 108)}, {"unix", "\xff"}, {"udp", "127.0.0.1:0"}, {"", ""}, {"unix", "a b\n"},
	} {
		f.Add(seed[0], seed[1])
	}
	loop := fuzzLoop(f)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, network, address string) {
		if !loopbackOnly(network, address) {
			t.Skip("not of this machine")
		}
		t.Chdir(dir)
		_, _, resolveErr := sockaddr.Resolve(network, address)
		before := len(descriptors())
		l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
		addr, err := l.Listen(network, address)
		if err != nil {
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			require.NotEmpty(t, err.Error())
		} else {
			require.NoError(t, resolveErr)
			require.Len(t, l.Addrs(), 1)
			c, err := net.Dial(addr.Network(), addr.String())
			require.NoError(t, err)
			require.NoError(t, c.Close())
			_, err = sockaddr.Encode(addr)
			require.NoError(t, err)
			_, err = l.Listen(network, addr.String())
			require.Error(t, err, "taken")
		}
		require.NoError(t, l.Close())
		requireSameDescriptors(t, before)
		if err == nil {
			_, err = net.Dial(addr.Network(), addr.String())
			require.Error(t, err, "closed")
		}
	})
}

// FuzzDial gives anything to the functions that connect. GIO's own parsers read
// hosts and URIs; names are known to a resolver of the test's own, and a client
// that is bound to 127.0.0.1 reaches nothing but this machine.
func FuzzDial(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1:1", "[::1]:1", "localhost:1", "localhost", "localhost:http", ":1", "", ":", "[", "[::1", "[::1]", "[::1%lo]:1", "a:b:c",
		"http://localhost:1/x", "http://[::1]:1", "http://user:pw@localhost:1", "http://", "//", "http:", "ftp://localhost", "x://localhost:99999",
		"localhost:-1", "localhost:70000", "hang.test:1", "none.test:1", "a..b:1", ".:1", "xn--a:1", "bücher.test:1", "a\x00b:1", "\xff:1", "@glibserve-none", "@a\x00b",
		strings.Repeat("a", 300) + ":1", "0x7f.1:1", "127.1:1", "http://%00:1/", "http://%zz:1/", "http://a%2fb:1/",
	} {
		f.Add(byte(0), seed)
		f.Add(byte(2), seed)
		f.Add(byte(4), seed)
		f.Add(byte(5), seed)
		f.Add(byte(6), seed)
	}
	dns := fakedns.Install()
	f.Cleanup(dns.Restore)
	loop := fuzzLoop(f)
	bound := newFuzzClient(f, &gio.ClientConfig{Loop: loop, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, DisableProxy: true})
	free := newFuzzClient(f, &gio.ClientConfig{Loop: loop, DisableProxy: true})
	f.Fuzz(func(t *testing.T, kind byte, s string) {
		client, network := bound, ""
		switch kind %= 7; kind {
		case 0, 1, 2:
			network = []string{"tcp", "tcp4", "tcp6"}[kind]
		case 3:
			client, network = free, "unix"
			if !loopbackOnly(network, s) {
				t.Skip("somebody's file")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var c *gio.SocketConnection
		var err error
		switch kind {
		case 4:
			c, err = client.ConnectToHost(ctx, s, 1)
		case 5:
			c, err = client.ConnectToURI(ctx, s, 1)
		case 6:
			domain, service, _ := strings.Cut(s, "/")
			c, err = client.ConnectToService(ctx, domain, service)
		default:
			_, _, parseErr := client.ParseTarget(network, s)
			c, err = client.Dial(ctx, network, s)
			if parseErr != nil {
				require.Error(t, err)
			}
		}
		require.NoError(t, ctx.Err(), "nothing here takes long")
		if err == nil { // a server on this machine, who knows
			require.NoError(t, c.Close())
			return
		}
		require.Nil(t, c)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "dial", op.Op)
		require.NotEmpty(t, err.Error())
		_ = op.Addr.String()
	})
}

// newFuzzClient wants every attempt gone at the end, with its descriptor.
func newFuzzClient(f *testing.F, cfg *gio.ClientConfig) *gio.SocketClient {
	f.Helper()
	cfg.Timeout = 10 * time.Second
	client := gio.NewSocketClient(cfg)
	f.Cleanup(func() {
		requireNoDials(f)
		require.NoError(f, client.Close())
	})
	return client
}
