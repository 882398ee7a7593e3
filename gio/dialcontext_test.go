package gio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/fakedns"
)

// hookLog is what the hooks were called with.
type hookLog struct {
	mu    sync.Mutex
	calls []string
}

func (h *hookLog) add(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, fmt.Sprintf(format, args...))
}

func (h *hookLog) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:     func(i httptrace.DNSStartInfo) { h.add("looking up %s", i.Host) },
		DNSDone:      func(i httptrace.DNSDoneInfo) { h.add("looked up: %v", i.Err) },
		ConnectStart: func(network, addr string) { h.add("trying %s %s", network, addr) },
		ConnectDone:  func(network, addr string, err error) { h.add("tried %s %s: %v", network, addr, err) },
	})
}

func TestHTTPTransportDialsByGIO(t *testing.T) {
	svc, addr := newService(t, nil)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "from "+r.URL.Path)
	})}
	go func() { _ = srv.Serve(svc.NetListener()) }()
	defer srv.Close()
	client := newClient(t, &gio.ClientConfig{DisableProxy: true})
	transport := &http.Transport{DialContext: client.DialContext}
	defer transport.CloseIdleConnections()
	var log hookLog
	req, err := http.NewRequestWithContext(log.context(t.Context()), http.MethodGet, "http://"+addr.String()+"/here", nil)
	require.NoError(t, err)
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, "from /here", string(b))
	require.Equal(t, []string{"trying tcp " + addr.String(), "tried tcp " + addr.String() + ": <nil>"}, log.calls)
}

// hooksOf dials and returns what the hooks were told.
func hooksOf(t *testing.T, client *gio.SocketClient, network, address string) (calls []string, err error) {
	t.Helper()
	var log hookLog
	c, err := client.DialContext(log.context(t.Context()), network, address)
	if err == nil {
		require.IsType(t, (*gio.SocketConnection)(nil), c)
		require.NoError(t, c.Close())
	}
	return log.calls, err
}

func TestDialContextCallsTheHooksThatAreTrue(t *testing.T) {
	dns := fakedns.Install()
	defer dns.Restore()
	dns.Host("name.test", "127.0.0.1")
	tcp := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
	unix := dialEchoServer(t, "unix", t.TempDir()+"/s").String()
	refused := refusedPort(t)
	direct := newClient(t, &gio.ClientConfig{DisableProxy: true})
	name := fmt.Sprintf("name.test:%s", tcp[strings.LastIndexByte(tcp, ':')+1:])
	for what, tt := range map[string]struct {
		network, address string
		want             []string
	}{
		"an address": {"tcp4", tcp, []string{"trying tcp4 " + tcp, "tried tcp4 " + tcp + ": <nil>"}},
		"a name": {"tcp", name, []string{
			"looking up name.test", "looked up: <nil>", "trying tcp " + tcp, "tried tcp " + tcp + ": <nil>"}},
		"a path": {"unix", unix, []string{"trying unix " + unix, "tried unix " + unix + ": <nil>"}},
	} {
		calls, err := hooksOf(t, direct, tt.network, tt.address)
		require.NoError(t, err, what)
		require.Equal(t, tt.want, calls, what)
	}

	calls, err := hooksOf(t, direct, "tcp", refused)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, []string{"trying tcp " + refused, "tried tcp " + refused + ": " + err.Error()}, calls)

	calls, err = hooksOf(t, direct, "tcp", "nobody.test:80")
	var notFound *net.DNSError
	require.ErrorAs(t, err, &notFound)
	require.Equal(t, []string{"looking up nobody.test", "looked up: " + err.Error()}, calls)

	// It would be the proxy that looks the name up.
	proxy := startProxy(t, tcp, socks5(0))
	by := newClient(t, &gio.ClientConfig{Proxy: "socks5://" + proxy.Addr().String()})
	calls, err = hooksOf(t, by, "tcp", "far.invalid:80")
	require.NoError(t, err)
	at := proxy.Addr().String()
	require.Equal(t, []string{"trying tcp " + at, "tried tcp " + at + ": <nil>"}, calls)
	requireNoDials(t)
}

// The dials of one client at the same time: each hears of its own.
func TestDialContextKeepsDialsApart(t *testing.T) {
	client := newClient(t, &gio.ClientConfig{DisableProxy: true})
	var dials sync.WaitGroup
	for range 8 {
		addr := dialEchoServer(t, "tcp", "127.0.0.1:0").String()
		dials.Add(1)
		go func() {
			defer dials.Done()
			for range 20 {
				var log hookLog
				c, err := client.DialContext(log.context(context.Background()), "tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.Close()
				assert.Equal(t, []string{"trying tcp " + addr, "tried tcp " + addr + ": <nil>"}, log.calls)
			}
		}()
	}
	dials.Wait()
	requireNoDials(t)
}

func TestDialContextOfFailureIsANilConn(t *testing.T) {
	client := newClient(t, nil)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for what, f := range map[string]func() (net.Conn, error){
		"refused":   func() (net.Conn, error) { return client.DialContext(t.Context(), "tcp", refusedPort(t)) },
		"malformed": func() (net.Conn, error) { return client.DialContext(t.Context(), "tcp", "no port") },
		"unknown":   func() (net.Conn, error) { return client.DialContext(t.Context(), "tcp9", "127.0.0.1:1") },
		"cancelled": func() (net.Conn, error) { return client.DialContext(cancelled, "tcp", "127.0.0.1:1") },
	} {
		c, err := f()
		require.Error(t, err, what)
		if c != nil { // nor a nil of some type, which require.Nil takes
			t.Errorf("%s: %T", what, c)
		}
	}
}

// What was begun is told to be over, on the caller's own goroutine.
func TestDialContextThatIsGivenUpEndsItsHooks(t *testing.T) {
	addr := silentServer(t)
	client := newClient(t, &gio.ClientConfig{DisableProxy: true})
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("the cause")
	mine := goroutine()
	var got []string
	_, err := client.DialContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectStart: func(string, string) { got = append(got, goroutine()); cancel(cause) },
		ConnectDone: func(_, _ string, err error) {
			got = append(got, goroutine())
			require.ErrorIs(t, err, cause)
		},
	}), "tcp", addr)
	require.ErrorIs(t, err, cause)
	require.Equal(t, []string{mine, mine}, got)
	requireNoDials(t)
}

// goroutine is the name of the calling one.
func goroutine() string {
	b := make([]byte, 64)
	name, _, _ := strings.Cut(string(b[:runtime.Stack(b, false)]), " [")
	return name
}
