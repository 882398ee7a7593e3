package gio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// ClientConfig configures a SocketClient. Nil, and a field that is zero, mean the
// defaults that the fields name. What is wrong with it, every dial reports.
type ClientConfig struct {
	// Loop is what GIO connects on; nil is one that all such clients share and
	// that ends with the last of them. Somebody has to iterate it.
	Loop *glibloop.Loop

	// Timeout bounds a whole dial, from the first lookup to the last handshake,
	// as net.Dialer's does; 0 is none. GSocketClient:timeout is set as well, for
	// those who use Gotk4: to the next whole second after it. It does not bound
	// what is read and written later: deadlines do.
	Timeout time.Duration

	// Network is "tcp4" or "tcp6" to connect over that family alone, whatever a
	// name has addresses for (GSocketClient:family); "" and "tcp" are both.
	Network string

	// LocalAddr is what sockets are bound to first: a *net.TCPAddr, or for the
	// networks "unix" and "unixpacket" a *net.UnixAddr (GSocketClient:local-address). An IP address
	// also decides the family; without one, or with 0.0.0.0 or "::", it is a port
	// alone, or nothing, as for net.Dialer.
	LocalAddr net.Addr

	// DisableProxy connects directly (GSocketClient:enable-proxy). Otherwise GIO
	// asks the proxy resolver, which by default knows the desktop's settings,
	// and does the handshake with a SOCKS or HTTP proxy itself; the remote
	// address of the connection is then the proxy's.
	DisableProxy bool

	// Proxy is the URI of the proxy for everything, such as
	// "socks5://127.0.0.1:1080" (GSimpleProxyResolver); "" is the default.
	Proxy string

	// ProxyResolver decides instead of the default one and of Proxy
	// (GSocketClient:proxy-resolver). The client takes a reference.
	ProxyResolver gotkgio.ProxyResolverer

	// TLS has the connections speak TLS by GIO (GSocketClient:tls and
	// GSocketClient:tls-validation-flags); nil is plain. The server's
	// certificate must be for the host that was asked for, after
	// ConnectToService for the domain. The dial ends with the handshake, which
	// comes after ClientComplete.
	TLS *ClientTLSConfig

	// MultipathTCP connects with Multipath TCP where the
	// kernel has it, else, or if the server has none, with TCP, as net.Dialer's
	// does. SocketConnection.MultipathTCP tells what it became.
	MultipathTCP bool

	Logger *slog.Logger // nil: slog.Default()
}

// SocketClient makes connections; it wraps GSocketClient. Its methods are for
// any goroutine but the one that iterates the loop: those that connect wait for
// that loop. GIO resolves names and, for one with several addresses, tries them
// side by side (RFC 8305).
//
// The connections are the caller's, and independent of the client. Close gives
// up the client itself; one that is dropped is closed by the garbage collector,
// unless a handler of its events refers to it.
type SocketClient struct {
	c *client
}

// client is the state of a SocketClient, apart from it so that the registry
// does not keep a forgotten one alive.
type client struct {
	// Immutable.
	loop    *glibloop.Loop
	shared  bool // loop is sharedLoop, to be released
	log     *slog.Logger
	timeout time.Duration

	multipath bool

	network string   // "tcp", "tcp4" or "tcp6"
	direct  bool     // no proxy is asked for
	local   net.Addr // nil: none
	// localPort is local where that is a port at any address, else 0.
	localPort uint16
	tls       *clientTLS
	wrong     error           // what is wrong with the configuration
	life      context.Context // until closed
	die       context.CancelFunc

	// mu protects what follows. It is not held while user code runs.
	mu         sync.Mutex
	native     native.Client // one C reference, until closed
	ended      bool
	handlers   map[SignalHandle]*handler
	nextHandle SignalHandle
	wrapper    *gotkgio.SocketClient

	cleanup runtime.Cleanup
}

var _ native.ClientCallbacks = (*client)(nil)

// NewSocketClient makes a client (g_socket_client_new). It does not block, but
// for reading the files of ClientConfig.TLS.
func NewSocketClient(cfg *ClientConfig) *SocketClient {
	if cfg == nil {
		cfg = &ClientConfig{}
	}
	c := &client{
		loop:      cfg.Loop,
		log:       cfg.Logger,
		timeout:   max(cfg.Timeout, 0),
		multipath: cfg.MultipathTCP,
		network:   "tcp",
		direct:    cfg.DisableProxy,
		handlers:  make(map[SignalHandle]*handler),
	}
	c.life, c.die = context.WithCancel(context.Background())
	if c.log == nil {
		c.log = slog.Default()
	}
	family := 0
	switch cfg.Network {
	case "", "tcp":
	case "tcp4":
		c.network, family = cfg.Network, syscall.AF_INET
	case "tcp6":
		c.network, family = cfg.Network, syscall.AF_INET6
	default:
		c.wrong = net.UnknownNetworkError(cfg.Network)
	}
	local, port, err := localAddress(cfg.LocalAddr)
	if err != nil {
		c.wrong = err
	} else if local != nil || port != 0 {
		c.local, c.localPort = cfg.LocalAddr, port
	}
	proxy := cfg.Proxy
	if proxy != "" {
		err := plainText(proxy)
		if err == nil {
			err = native.CheckURI(proxy)
		}
		if err != nil {
			c.wrong, proxy = fmt.Errorf("ClientConfig.Proxy: %w", uriError(err)), ""
		}
	}
	if c.tls, err = newClientTLS(cfg.TLS); err != nil {
		c.wrong = err
	}
	var seconds uint64
	if c.timeout > 0 {
		// Later than ours: below GLib 2.81 a dial that ends by GIO's own leaks
		// (GLib #3184), as one that is refused late does.
		seconds = min(uint64(c.timeout/time.Second)+1, math.MaxInt32)
	}
	var resolver coreglib.Objector
	if cfg.ProxyResolver != nil {
		resolver = cfg.ProxyResolver // else a nil of another type, which is not nil
	}
	c.native = native.NewClient(c, family, local, uint(seconds), !cfg.DisableProxy, resolver, proxy)
	if c.loop == nil {
		c.loop, c.shared = acquireSharedLoop(), true
	}
	sc := &SocketClient{c}
	c.cleanup = runtime.AddCleanup(sc, func(c *client) { c.close() }, c)
	return sc
}

// localAddress checks and encodes ClientConfig.LocalAddr. Of any address only the
// port counts: GIO would take its family for the one to connect to.
func localAddress(a net.Addr) (sa []byte, port uint16, err error) {
	if a == nil {
		return nil, 0, nil
	}
	sa, err = sockaddr.Encode(a)
	if t, ok := a.(*net.TCPAddr); ok && err == nil && (len(t.IP) == 0 || t.IP.IsUnspecified()) {
		return nil, uint16(t.Port), nil
	}
	return sa, 0, err
}

// sharedLoop is what clients without a Loop connect on, while there are any.
var sharedLoop struct {
	mu    sync.Mutex
	loop  *glibloop.Loop
	users int
}

func acquireSharedLoop() *glibloop.Loop {
	s := &sharedLoop
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		s.loop = glibloop.New()
	}
	s.users++
	return s.loop
}

func releaseSharedLoop() {
	s := &sharedLoop
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 {
		// Not waited for: this may be the loop's own thread, or the one that
		// runs all cleanups of the program.
		go func(l *glibloop.Loop) { _ = l.Close() }(s.loop)
		s.loop = nil
	}
}

// Loop is the loop that the client connects on and whose thread its handlers
// are called on.
func (c *SocketClient) Loop() *glibloop.Loop { return c.c.loop }

// Dial connects to an address as net.Dial does; it wraps
// g_socket_client_connect_async. The network is "tcp", "tcp4", "tcp6",
// "unix" or "unixpacket". The address of the first three is "host:port", with a name or an IP
// address and a port number or service name; no host is this machine, over
// whichever family it answers, and so is "::", which is what Listen returns for
// ":0". That of the others is a path, or an abstract name as for Listen.
//
// It blocks until the connection is made or has failed. When ctx is done first
// it returns at once, with the cause of ctx, and the attempt ends in the
// background. The connection is the caller's to Close; TCP_NODELAY is set, as
// package net does, and reading and writing never time out by themselves.
//
// Errors are *net.OpError and wrap what GIO answered, an *Error. errors.Is finds
// syscall.ECONNREFUSED and its like, os.ErrDeadlineExceeded for
// ClientConfig.Timeout, context.Canceled or context.DeadlineExceeded for ctx,
// ErrProxy for a proxy that refuses, net.ErrClosed after Close,
// glibloop.ErrStopped when the loop has ended; errors.As finds a *net.DNSError
// when a name cannot be resolved.
//
// Never call it on the loop's own thread, in a handler or a posted function:
// that is an error.
func (c *SocketClient) Dial(ctx context.Context, network, address string) (*SocketConnection, error) {
	t, err := c.c.parseTarget(ctx, network, address)
	if err != nil {
		return nil, c.c.opError(t, err)
	}
	sc, err := c.c.dial(ctx, t)
	runtime.KeepAlive(c)
	return sc, err
}

// ConnectToHost connects to a host in GIO's own notation; it wraps
// g_socket_client_connect_to_host_async. hostAndPort is a name or an IP address
// and optionally a port, as "name", "name:port", "[::1]:port" or "::1"; without
// a port defaultPort is used. Otherwise it is as Dial.
func (c *SocketClient) ConnectToHost(ctx context.Context, hostAndPort string, defaultPort uint16) (*SocketConnection, error) {
	host, port := hostAndPort, ""
	if h, p, err := net.SplitHostPort(host); err == nil {
		host, port = h, p
	}
	host = strings.Trim(host, "[]")
	t := &dialTarget{kind: native.DialHost, a: hostAndPort, port: defaultPort, host: host, identity: host, text: hostAndPort}
	return c.connect(ctx, t, host, port)
}

// ConnectToService connects to one of the hosts that offer a service in a
// domain, such as "xmpp-client" in "example.org", by their SRV records for TCP
// and in the order of these; it wraps g_socket_client_connect_to_service_async.
// Otherwise it is as Dial.
func (c *SocketClient) ConnectToService(ctx context.Context, domain, service string) (*SocketConnection, error) {
	record := "_" + service + "._tcp." + domain
	t := &dialTarget{kind: native.DialService, a: domain, b: service, host: record, identity: domain, text: record}
	return c.connect(ctx, t, domain, "")
}

// ConnectToURI connects to the host of a URI; it wraps
// g_socket_client_connect_to_uri_async. Without a port in it defaultPort is
// used: GIO knows no scheme's port. The scheme matters to the proxy resolver
// alone. Errors name no more of the URI than its scheme, host and port. Otherwise it
// is as Dial.
func (c *SocketClient) ConnectToURI(ctx context.Context, uri string, defaultPort uint16) (*SocketConnection, error) {
	text, host, port := withoutSecrets(uri)
	t := &dialTarget{kind: native.DialURI, a: uri, port: defaultPort, host: host, identity: host, text: text}
	return c.connect(ctx, t, host, port)
}

// connect is for what GIO reads; host and port are as far as is known here.
func (c *SocketClient) connect(ctx context.Context, t *dialTarget, host, port string) (*SocketConnection, error) {
	if t.network == "" {
		t.family, t.network = native.FamilyOfClient, c.c.network
	}
	if isAnyIPv6(host) && t.kind != native.DialService {
		if err := c.c.aimAtAny(ctx, t, port); err != nil {
			return nil, c.c.opError(t, err)
		}
	}
	sc, err := c.c.dial(ctx, t)
	runtime.KeepAlive(c)
	return sc, err
}

// Gotk4 returns the client as gotk4's object, to use what this package does not
// wrap. Its methods belong on the loop's thread. Of what is set on it, the
// dials of this client use all but the application proxies and "tls", which is
// an error there: see ClientConfig.TLS. The connections that its own methods return are not
// freed by gotk4. The wrapper lives until the process ends. It returns nil
// after Close.
func (c *SocketClient) Gotk4() *gotkgio.SocketClient {
	c.c.mu.Lock()
	defer c.c.mu.Unlock()
	if c.c.wrapper == nil && !c.c.ended {
		c.c.wrapper = &gotkgio.SocketClient{Object: native.Wrap(c.c.native.Pointer())}
	}
	return c.c.wrapper
}

// Close ends dials in progress with net.ErrClosed, disconnects the handlers and
// gives up the GSocketClient. The connections that were made stay. It does not
// wait, and may be called on any goroutine; closing twice is no error.
func (c *SocketClient) Close() error {
	c.c.cleanup.Stop()
	c.c.close()
	runtime.KeepAlive(c)
	return nil
}

func (c *client) close() {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return
	}
	c.ended = true
	handlers := c.handlers
	c.handlers, c.wrapper = nil, nil
	c.mu.Unlock()
	c.die()
	c.native.Forget()
	for _, h := range handlers {
		c.native.Disconnect(h.c)
	}
	c.native.Unref()
	if c.shared {
		releaseSharedLoop()
	}
}

// ref takes a reference to the GSocketClient, for one dial.
func (c *client) ref() (native.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return native.Client{}, net.ErrClosed
	}
	c.native.Ref()
	return c.native, nil
}

var errOnLoop = errors.New("called on the loop's own thread, which would wait for itself")

// stopped says that the loop has ended.
func stopped(err error) error {
	return sys.WithMessage(err, "the loop of the client has ended: %v", err)
}

// timeoutError is what GIO's own timeout would be.
func (c *client) timeoutError() error {
	return &Error{Domain: native.IODomain, Code: native.CodeTimedOut, Message: fmt.Sprintf("no connection within %v", c.timeout)}
}
