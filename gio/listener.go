package gio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// defaultBacklog replaces GIO's own default of 10, which a burst of clients
// overruns.
const defaultBacklog = 128

// ListenerConfig configures a SocketListener. Nil and the zero value are good.
type ListenerConfig struct {
	Loop    *glibloop.Loop // nil: a loop of the listener's own, closed with it
	Backlog int            // listen(2) backlog; 0: 128 (GIO's own default is 10)
	Logger  *slog.Logger   // nil: slog.Default()
}

// SocketListener accepts connections on any number of addresses; it wraps
// GSocketListener. Its methods are for any goroutine. What touches GIO runs on
// the listener's loop, so they wait for the loop: don't call them while the
// loop waits for you.
//
// Close it when done: a listener that is only dropped goes on listening.
type SocketListener struct {
	l *listener
}

// listener is the state of a SocketListener, SocketService or
// ThreadedSocketService.
type listener struct {
	// Immutable.
	kind    int
	loop    *glibloop.Loop
	ownLoop bool
	log     *slog.Logger
	native  native.Listener // methods on the loop's thread only
	cfg     ServiceConfig
	tls     *serverTLS // nil: plain
	cfgAt   place      // of New, for panics in cfg.Incoming

	wish    atomic.Bool // what the user last asked for
	paused  atomic.Uint32
	foreign atomic.Bool // Gotk4 was called: others may take clients

	// sockAddrs are the addresses of GIO's sockets by index, nil where a
	// connection's own may differ. Replaced, never changed.
	sockAddrs atomic.Pointer[[]net.Addr]

	// mu protects what follows, down to the next comment. It is never held
	// while user code or C runs.
	mu          sync.Mutex
	socksClosed bool // the listening sockets are, or are being
	addrs       []net.Addr
	sources     []sourceRef
	paths       []sockaddr.BoundPath
	handlers    map[SignalHandle]*handler
	consumers   int // handlers that may take a client
	nextHandle  SignalHandle
	pull        pull
	rush        *rush    // while goroutines accept in place of the loop
	served      *serving // the Serve that Close or Shutdown ended: its handlers may go on
	binding     net.Addr // of the add under way
	wrapper     *gotkgio.SocketListener
	swrapper    *gotkgio.SocketService
	twrapper    *gotkgio.ThreadedSocketService

	// live protects the books of connections. Taken after mu, if both.
	live struct {
		sync.Mutex
		first    *conn
		n        int
		fromLane uint64        // how many came by a lane so far
		handling int           // Serve's and run's handlers in progress
		idle     chan struct{} // non-nil: closed when handling drops to 0
	}

	// The loop's thread only: the connection of the emission in progress that Go
	// handlers have seen and nobody has taken; its pointer, which it loses when
	// it is closed; whether the C side is closed.
	emitting     *SocketConnection
	emittingPtr  unsafe.Pointer
	nativeClosed bool

	given      int       // clients to who asked, since givenSince; the loop's thread only
	givenSince time.Time // see lookForRush

	runs sync.Map // *GSocketConnection -> *running, while "run" is emitted

	poller netfd.SharedPoller // where connections wait that have seldom waited

	rushAsked atomic.Bool // so many clients have come that there should be a rush

	syncing  atomic.Bool   // a syncNow is posted and has not begun
	ending   atomic.Bool   // Close has been called
	closing  chan struct{} // the listening sockets are closed
	finished chan struct{} // GIO has let go of the object
	done     chan struct{} // Close has ended
}

var _ native.ListenerCallbacks = (*listener)(nil)

// NewSocketListener makes a listener with no addresses
// (g_socket_listener_new).
func NewSocketListener(cfg *ListenerConfig) *SocketListener {
	if cfg == nil {
		cfg = &ListenerConfig{}
	}
	return &SocketListener{newListener(native.KindListener, ServiceConfig{
		Loop: cfg.Loop, Backlog: cfg.Backlog, Logger: cfg.Logger,
	}, 0)}
}

func newListener(kind int, cfg ServiceConfig, maxThreads int) *listener {
	l := &listener{
		kind:     kind,
		loop:     cfg.Loop,
		log:      cfg.Logger,
		cfg:      cfg,
		tls:      newServerTLS(cfg.TLS),
		handlers: make(map[SignalHandle]*handler),
		closing:  make(chan struct{}),
		finished: make(chan struct{}),
		done:     make(chan struct{}),
	}
	if l.loop == nil {
		l.loop, l.ownLoop = glibloop.New(), true
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	backlog := cfg.Backlog
	if backlog <= 0 {
		backlog = defaultBacklog
	}
	l.wish.Store(kind != native.KindListener && !cfg.Inactive)
	l.native = native.NewListener(kind, l, l.loop, l.wish.Load(), backlog, maxThreads)
	if kind != native.KindListener {
		l.mu.Lock()
		l.consumers += boolInt(cfg.Incoming != nil) + boolInt(kind == native.KindThreaded && cfg.Run != nil)
		l.mu.Unlock()
		l.sync()
	}
	return l
}

// Loop is the loop that the listener accepts on and whose thread handlers are
// called on.
func (l *SocketListener) Loop() *glibloop.Loop { return l.l.loop }

// call runs f on the loop's thread and waits.
func (l *listener) call(f func() error) error {
	err := l.loop.Call(context.Background(), f)
	if errors.Is(err, glibloop.ErrStopped) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.socksClosed {
			return l.closedError()
		}
		return sys.WithMessage(err, "the loop of the listener has ended: %v", err)
	}
	return err
}

// Listen starts to listen and returns the effective address. The network is
// "tcp", "tcp4", "tcp6" or "unix"; the address is as for net.Listen, with port
// 0 for any free one, and "@name" for an abstract Unix socket. A Unix path that
// nobody answers any more is replaced; one that a live server answers is
// EADDRINUSE; anything else at that path is left alone and is an error. It
// wraps g_socket_listener_add_address and may be called for several addresses.
//
// Errors are *net.OpError. Name resolution may block; it never holds the loop.
func (l *SocketListener) Listen(network, address string) (net.Addr, error) {
	addr, v6only, err := sockaddr.Resolve(network, address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			return nil, err
		}
		return nil, &net.OpError{Op: "listen", Net: network, Err: err}
	}
	return l.l.add(addr, network, v6only, nil)
}

// AddAddress listens on a *net.TCPAddr (port 0: any) or *net.UnixAddr, as
// Listen does, and returns the effective address
// (g_socket_listener_add_address). The connections that are accepted there
// carry source: any Go value, which comes back as the same value.
func (l *SocketListener) AddAddress(addr net.Addr, source any) (net.Addr, error) {
	return l.l.add(addr, "", false, source)
}

func (l *listener) add(addr net.Addr, network string, v6only bool, source any) (net.Addr, error) {
	sa, err := sockaddr.Encode(addr)
	if err != nil {
		return nil, listenError(nil, networkName(addr, network), err)
	}
	path := sockaddr.Path(addr)
	ref := takeSource(source)
	var got []net.Addr
	err = l.call(func() error {
		var err error
		got, err = l.addLocked(addr, ref, func() (native.Added, error) {
			got, err := l.native.AddAddress(sa, v6only, l.cfg.unixMode(), ref.ptr)
			if path != "" && errors.Is(err, syscall.EADDRINUSE) {
				if err = sockaddr.ReplaceStale(path, err); err == nil {
					got, err = l.native.AddAddress(sa, v6only, l.cfg.unixMode(), ref.ptr)
				}
			}
			if err == nil && path != "" {
				if p, ok := sockaddr.Remember(path); ok {
					l.mu.Lock()
					l.paths = append(l.paths, p)
					l.mu.Unlock()
				}
			}
			return got, err
		})
		return err
	})
	if err != nil {
		ref.release()
		return nil, listenError(addr, networkName(addr, network), err)
	}
	if len(got) == 0 {
		return addr, nil
	}
	return got[0], nil
}

func networkName(addr net.Addr, network string) string {
	if network != "" {
		return network
	}
	switch addr.(type) { // a nil pointer inside has no Network method
	case nil:
		return ""
	case *net.TCPAddr:
		return "tcp"
	case *net.UnixAddr:
		return "unix"
	}
	return addr.Network()
}

// addLocked brackets one of GIO's add functions on the loop's thread and
// returns the addresses that it brought. A handler of "event" may add another
// in the middle of it.
func (l *listener) addLocked(addr net.Addr, ref sourceRef, f func() (native.Added, error)) ([]net.Addr, error) {
	l.mu.Lock()
	closed, outer := l.socksClosed, l.binding
	l.binding = addr
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.binding = outer
		l.mu.Unlock()
	}()
	if closed {
		return nil, l.closedError()
	}
	if l.tls != nil && l.tls.err != nil {
		return nil, l.tls.err
	}
	l.leaveRush()
	new, err := f()
	l.sync()
	if err != nil {
		return nil, err
	}
	got := make([]net.Addr, new.Count)
	hints := make([]net.Addr, l.native.SockCount())
	if old := l.sockAddrs.Load(); old != nil {
		copy(hints, *old)
	}
	for i := range got {
		for tries := 0; got[i] == nil && tries < 10; tries++ {
			got[i] = l.native.SockAddr(new.First + i)
		}
		if got[i] == nil {
			got[i] = addr // never a nil one: what was asked for
		}
		if sockaddr.Fixed(got[i]) {
			hints[new.First+i] = got[i]
		}
	}
	l.sockAddrs.Store(&hints)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.addrs = append(l.addrs, got...)
	l.sources = append(l.sources, ref)
	return got, nil
}

// addrOf is what connections accepted at the i-th socket have for their own
// address, nil when that differs or is not known.
func (l *listener) addrOf(i int) net.Addr {
	if l == nil { // of a client's connection or a pair
		return nil
	}
	if hints := l.sockAddrs.Load(); hints != nil && i >= 0 && i < len(*hints) {
		return (*hints)[i]
	}
	return nil
}

func (l *listener) closedError() error {
	if l.kind == native.KindListener {
		return net.ErrClosed
	}
	return ErrServiceClosed
}

// AddInetPort listens on a TCP port of every address of the machine, IPv6 and
// IPv4 (g_socket_listener_add_inet_port). Port 0 is an error: see
// AddAnyInetPort.
func (l *SocketListener) AddInetPort(port uint16, source any) error {
	if port == 0 {
		return listenError(nil, "tcp", errors.New("port 0: use AddAnyInetPort for any free port"))
	}
	_, err := l.l.addInetPort(port, source)
	return err
}

// AddAnyInetPort listens on a free TCP port of every address of the machine
// and returns it (g_socket_listener_add_any_inet_port).
func (l *SocketListener) AddAnyInetPort(source any) (uint16, error) {
	return l.l.addInetPort(0, source)
}

func (l *listener) addInetPort(port uint16, source any) (uint16, error) {
	addr := &net.TCPAddr{IP: net.IPv6unspecified, Port: int(port)}
	ref := takeSource(source)
	err := l.call(func() error {
		_, err := l.addLocked(addr, ref, func() (got native.Added, err error) {
			port, got, err = l.native.AddInetPort(port, ref.ptr)
			return got, err
		})
		return err
	})
	if err != nil {
		ref.release()
		return 0, listenError(addr, "tcp", err)
	}
	return port, nil
}

// Addrs returns the addresses in the order in which they were added.
func (l *SocketListener) Addrs() []net.Addr {
	l.l.mu.Lock()
	defer l.l.mu.Unlock()
	return append([]net.Addr(nil), l.l.addrs...)
}

// Close closes the listening sockets (g_socket_service_stop,
// g_socket_listener_close), removes the Unix paths that were bound here and, on
// a service, closes the connections that Serve, Conns, Accept and handlers
// hold, but for those that were detached. A loop that New made for it ends with
// it. Accept, Serve and Conns return; later calls of the listener fail with
// net.ErrClosed. Closing twice is no error.
//
// On the loop's own thread Close does not wait; Done of a service tells the end.
func (l *SocketListener) Close() error { return l.l.close() }
