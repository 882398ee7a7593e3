package gio

import (
	"net"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

// ClientEvent is a GSocketClientEvent.
type ClientEvent int

// The events of a dial, in the order in which they come. All but the last may
// come several times, or not at all; others may be added.
const (
	ClientResolving        ClientEvent = iota // about to look up the name
	ClientResolved                            // an address was found
	ClientConnecting                          // about to connect to an address
	ClientConnected                           // connected to it
	ClientProxyNegotiating                    // about to ask the proxy there for a connection
	ClientProxyNegotiated                     // the proxy has made it
	ClientTLSHandshaking                      // of GSocketClient's own TLS, see SocketClient.Gotk4
	ClientTLSHandshaked                       // the same
	ClientComplete                            // the dial is about to succeed, or has failed
)

// String returns GIO's name of the event.
func (e ClientEvent) String() string {
	names := [...]string{
		"resolving", "resolved", "connecting", "connected", "proxy-negotiating",
		"proxy-negotiated", "tls-handshaking", "tls-handshaked", "complete",
	}
	if e < 0 || int(e) >= len(names) {
		return "unknown"
	}
	return names[e]
}

type clientEventFunc func(event ClientEvent, target string, remote net.Addr)

// ConnectEvent connects f to the client's "event" signal: f is called as each
// dial goes along. target is what the dial connects to, as
// g_socket_connectable_to_string writes it: "host:port", "address:port" or a
// path. remote is the address that is being connected to, the proxy's if there
// is one, from ClientConnecting on; it is nil before, and in ClientComplete when
// the dial has failed.
//
// f runs on the loop's thread and must return at once. It is also called for
// the rest of a dial that Dial has given up, unless the loop has ended.
// ConnectEvent returns 0, and does nothing, after Close.
func (c *SocketClient) ConnectEvent(f func(event ClientEvent, target string, remote net.Addr)) SignalHandle {
	if f == nil {
		panic("gio: ConnectEvent with a nil function")
	}
	at := caller()
	c.c.mu.Lock()
	defer c.c.mu.Unlock()
	if c.c.ended {
		return 0
	}
	c.c.nextHandle++
	id := c.c.nextHandle
	h := &handler{fn: clientEventFunc(f), at: at}
	c.c.handlers[id] = h
	// No handler runs in here, so holding mu is safe, and Disconnect finds h.c.
	h.c = c.c.native.Connect(uint64(id))
	return id
}

// Disconnect removes a handler (g_signal_handler_disconnect); it is not called
// any more, also in an emission in progress. An unknown handle is ignored.
func (c *SocketClient) Disconnect(h SignalHandle) {
	c.c.mu.Lock()
	defer c.c.mu.Unlock()
	if x := c.c.handlers[h]; x != nil {
		delete(c.c.handlers, h)
		c.c.native.Disconnect(x.c)
	}
}

// ClientEvent calls one handler. No panic leaves it.
func (c *client) ClientEvent(id uint64, e *native.ClientEvent) {
	c.mu.Lock()
	h := c.handlers[SignalHandle(id)]
	c.mu.Unlock()
	select {
	case <-c.loop.Done():
		return // the rest of an abandoned dial, on some other thread
	default:
	}
	if h == nil {
		return
	}
	defer c.loop.WatchAt("ConnectEvent handler", uintptr(h.at), c.log)()
	addr := sockaddr.Decode(e.PeerBytes())
	if u, ok := addr.(*net.UnixAddr); ok && e.Seqpacket() {
		u.Net = "unixpacket"
	}
	callUser(c.log, "ConnectEvent handler", h.at, nil, func() {
		h.fn.(clientEventFunc)(ClientEvent(e.Event()), e.Target(), addr)
	})
}
