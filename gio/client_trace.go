package gio

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"runtime"
	"slices"
	"sync"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// DialContext is Dial with a net.Conn for its result, as http.Transport, grpc-go and
// others want it:
//
//	transport := &http.Transport{DialContext: client.DialContext}
//
// The connection is a *SocketConnection. http.Transport asks for proxies and speaks TLS
// itself: give it a client with ClientConfig.DisableProxy and without TLS.
//
// Hooks of httptrace.WithClientTrace are called as far as GIO tells of what they are
// for, on the goroutine that called DialContext: ConnectStart and ConnectDone of each
// address that is tried, that of the proxy where there is one; with ClientConfig.DisableProxy
// also DNSStart and DNSDone of a name, the latter without addresses. (Where there may be a
// proxy, it is perhaps that which looks up the name.) Of an address that was
// tried and not connected to, GIO tells neither when nor why: ConnectDone comes at the
// end of the dial, with its error, or with one that says so when another address
// was connected to. The hooks of TLS are for who does the handshake.
func (c *SocketClient) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	t, err := c.c.parseTarget(ctx, network, address)
	if err != nil {
		return nil, c.c.opError(t, err)
	}
	t.trace = c.c.newTrace(ctx, t)
	sc, err := c.c.dial(ctx, t)
	runtime.KeepAlive(c)
	if err != nil {
		t.trace.end(err)
		return nil, err // not a nil *SocketConnection, which would be a net.Conn
	}
	t.trace.end(errAnotherAddress)
	return sc, nil
}

// errAnotherAddress is for ConnectDone of an address that the dial ended without.
var errAnotherAddress = errors.New("gio: another address was connected to; this one failed or was given up, GIO does not tell which")

// dialTrace passes the events of one dial to the hooks. Nil is none.
type dialTrace struct {
	hooks   *httptrace.ClientTrace
	network string
	name    string // that GIO looks up, or ""
	ready   chan struct{}

	mu    sync.Mutex // protects queue
	queue []tracedEvent

	// Of the goroutine that dials.
	looking, looked bool     // DNSStart and DNSDone were called
	trying          []string // ConnectStart was called, and ConnectDone not yet
}

type tracedEvent struct {
	event ClientEvent
	addr  net.Addr // nil: none
}

func (c *client) newTrace(ctx context.Context, t *dialTarget) *dialTrace {
	hooks := httptrace.ContextClientTrace(ctx)
	if hooks == nil {
		return nil
	}
	tr := &dialTrace{hooks: hooks, network: t.network, ready: newChan[struct{}](1)}
	if t.kind == native.DialName && c.direct {
		tr.name = t.host
	}
	return tr
}

// add is called on the loop's thread.
func (t *dialTrace) add(event ClientEvent, addr net.Addr) {
	t.mu.Lock()
	t.queue = append(t.queue, tracedEvent{event, addr})
	t.mu.Unlock()
	select {
	case t.ready <- struct{}{}:
	default: // it is to look already
	}
}

// arrived tells that there is something to deliver.
func (t *dialTrace) arrived() <-chan struct{} {
	if t == nil {
		return nil
	}
	return t.ready
}

// deliver calls the hooks for what has come.
func (t *dialTrace) deliver() {
	if t == nil {
		return
	}
	t.mu.Lock()
	events := t.queue
	t.queue = nil
	t.mu.Unlock()
	for _, e := range events {
		switch {
		case e.event == ClientResolving && t.name != "" && !t.looking:
			t.looking = true
			if t.hooks.DNSStart != nil {
				t.hooks.DNSStart(httptrace.DNSStartInfo{Host: t.name})
			}
		case e.event == ClientResolved:
			t.resolved(nil)
		case e.event == ClientConnecting && e.addr != nil:
			t.trying = append(t.trying, e.addr.String())
			if t.hooks.ConnectStart != nil {
				t.hooks.ConnectStart(t.network, e.addr.String())
			}
		case e.event == ClientConnected && e.addr != nil:
			if i := slices.Index(t.trying, e.addr.String()); i >= 0 {
				t.trying = slices.Delete(t.trying, i, i+1)
				t.connected(e.addr.String(), nil)
			}
		}
	}
}

func (t *dialTrace) resolved(err error) {
	if t.looking && !t.looked {
		t.looked = true
		if t.hooks.DNSDone != nil {
			t.hooks.DNSDone(httptrace.DNSDoneInfo{Err: err})
		}
	}
}

func (t *dialTrace) connected(addr string, err error) {
	if t.hooks.ConnectDone != nil {
		t.hooks.ConnectDone(t.network, addr, err)
	}
}

// end is the end of the dial: err is what became of what was begun.
func (t *dialTrace) end(err error) {
	if t == nil {
		return
	}
	t.deliver()
	t.resolved(err)
	for _, addr := range t.trying {
		t.connected(addr, err)
	}
}
