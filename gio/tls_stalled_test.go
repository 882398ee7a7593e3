package gio_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
	"github.com/glibserve/glibserve/gio/internal/test/giotest"
)

// clientHello is the first message of Go's client.
func clientHello(t testing.TB) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: "localhost"}).Handshake()
		_ = near.Close()
	}()
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	require.NoError(t, err)
	return b[:n]
}

// stalls are the ways to begin a handshake and not to go on.
var stalls = []struct {
	name string
	part func(hello []byte) []byte
}{
	{"one byte", func(hello []byte) []byte { return hello[:1] }},
	{"half a ClientHello", func(hello []byte) []byte { return hello[:len(hello)/2] }},
	{"a whole one", func(hello []byte) []byte { return hello }},
}

// threads is how many the process has.
func threads(t testing.TB) (n int) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, after, ok := bytes.Cut(b, []byte("Threads:"))
	require.True(t, ok)
	_, err = fmt.Sscan(string(after), &n)
	require.NoError(t, err)
	return n
}

// handshakes is a client that does a handshake, says a word and wants it back.
func handshakes(a *authority, addr net.Addr) error {
	plain, err := net.DialTimeout(addr.Network(), addr.String(), patience)
	if err != nil {
		return err
	}
	defer plain.Close()
	_ = plain.SetDeadline(time.Now().Add(patience))
	c := tls.Client(plain, &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 5))
	return err
}

// took is how long something took, or that it failed.
func took(f func() error) string {
	began := time.Now()
	if err := f(); err != nil {
		return "failed after " + time.Since(began).Round(time.Second).String()
	}
	return time.Since(began).Round(time.Millisecond).String()
}

// requireSoon wants what took reported below a bound that holds on a busy machine,
// too.
func requireSoon(t *testing.T, bound time.Duration, what ...string) {
	t.Helper()
	for _, w := range what {
		d, err := time.ParseDuration(w)
		require.NoError(t, err, w)
		require.Less(t, d, bound)
	}
}

// Each case has a process of its own, whose pool of threads nobody has made grow.
func TestTLSStalledPeersHoldUpNobody(t *testing.T) {
	for _, stall := range stalls {
		for _, n := range []int{20, 60, 150, 600} {
			t.Run(fmt.Sprintf("%d peers send %s", n, stall.name), func(t *testing.T) {
				if child, output := giotest.InChild(t, noLeakSanitizer); !child {
					t.Log(giotest.LastLines(output))
					return
				}
				serveBesideStalled(t, n, stall.part(clientHello(t)))
			})
		}
	}
}

func serveBesideStalled(t *testing.T, n int, says []byte) {
	a := newAuthority(t)
	dns := fakedns.Install()
	defer dns.Restore()
	dns.UseThreads()
	dns.Host("named.test", "127.0.0.1")
	plain := dialEchoServer(t, "tcp", "127.0.0.1:0")
	client := newClient(t, &gio.ClientConfig{DisableProxy: true})
	byName := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := client.Dial(ctx, "tcp", fmt.Sprintf("named.test:%d", tcpPort(plain)))
		if err != nil {
			return err
		}
		return c.Close()
	}
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	var begun atomic.Int64
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		begun.Add(1)
		echo(ctx, c)
	})
	honest := func() error { return handshakes(a, addr) }
	require.NoError(t, honest())
	require.NoError(t, byName())
	alone := took(byName)
	for range n {
		_, err := dial(t, addr).Write(says)
		require.NoError(t, err)
	}
	require.True(t, eventually(func() bool { return begun.Load() == int64(n)+1 }))
	beside := took(byName)
	clients := []string{took(honest), took(honest), took(honest)}
	all := threads(t)
	t.Logf("%3d peers, %4d bytes each: an honest client takes %s, the next %s, %s; Dial by name %s (%s without them); %d threads",
		n, len(says), clients[0], clients[1], clients[2], beside, alone, all)
	requireSoon(t, 5*time.Second, append(clients, beside)...)
	// Usually it is 10 to 30: Go starts more where the machine is so busy that calls which
	// do not wait are interrupted.
	require.Less(t, all, 64+n/5)
}

// A stream that is no SocketConnection does its handshake by the same rules.
func TestTLSStalledStreamsHoldUpNobody(t *testing.T) {
	if child, output := giotest.InChild(t, noLeakSanitizer); !child {
		t.Log(giotest.LastLines(output))
		return
	}
	a := newAuthority(t)
	cfg := a.server(t)
	loop := newLoop(t)
	svc, addr := newService(t, nil)
	var begun atomic.Int64
	serve(t, svc, func(_ context.Context, below *gio.SocketConnection) {
		begun.Add(1)
		s, err := gio.TLSStream(loop, below, cfg, nil)
		if err != nil {
			return
		}
		defer s.Close()
		_, _ = io.Copy(s, s)
	})
	for _, stall := range stalls {
		for range 50 {
			_, err := dial(t, addr).Write(stall.part(clientHello(t)))
			require.NoError(t, err)
		}
	}
	require.True(t, eventually(func() bool { return begun.Load() == int64(50*len(stalls)) }))
	one, other := took(func() error { return handshakes(a, addr) }), took(func() error { return handshakes(a, addr) })
	t.Logf("an honest client takes %s, the next %s", one, other)
	requireSoon(t, 15*time.Second, one, other) // each handler makes a GTlsConnection first
}

// Servers that accept and say nothing.
func TestTLSStalledServersHoldUpNoClient(t *testing.T) {
	if child, output := giotest.InChild(t, noLeakSanitizer); !child {
		t.Log(giotest.LastLines(output))
		return
	}
	a := newAuthority(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	good := tlsEcho(t, a, "localhost")
	client := newClient(t, &gio.ClientConfig{DisableProxy: true, TLS: a.client()})
	ctx, cancel := context.WithCancel(t.Context())
	const stalled = 60
	errs := make(chan error, stalled)
	for range stalled {
		go func() {
			c, err := client.Dial(ctx, "tcp", silent.Addr().String())
			if err == nil {
				_ = c.Close()
			}
			errs <- err
		}()
	}
	for range stalled {
		c, err := silent.Accept()
		require.NoError(t, err)
		defer c.Close()
	}
	dialGood := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := client.Dial(ctx, "tcp", good.String())
		if err != nil {
			return err
		}
		return c.Close()
	}
	one, other := took(dialGood), took(dialGood)
	t.Logf("a good server is reached in %s, again in %s; %d threads", one, other, threads(t))
	cancel()
	var said []string
	for range stalled {
		said = append(said, receive(t, errs).Error())
	}
	requireSoon(t, 10*time.Second, one, other)
	require.Contains(t, strings.Join(said, "\n"), "others wait")
}
