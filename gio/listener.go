package gio

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// ListenerConfig configures a SocketListener. Nil, and a field that is zero, mean the
// defaults that the fields name.
type ListenerConfig struct {
	Loop    *glibloop.Loop // nil: a loop of the listener's own, closed with it
	Backlog int            // listen(2) backlog; 0: the most the system grants, see ServiceConfig
	Logger  *slog.Logger   // nil: slog.Default()

	MultipathTCP bool // as ServiceConfig's
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
// ThreadedSocketService, in parts. Each part has one mutex at most, and none is
// held while user code or C runs, or while something is waited for. Where two are
// held, it is in this order: directAccept, server, conns; the others stand alone.
type listener struct {
	// Immutable.
	kind    int
	loop    *glibloop.Loop
	ownLoop bool
	log     *slog.Logger
	native  native.Listener // methods on the loop's thread only
	cfg     ServiceConfig
	cfgAt   callSite   // of New, for panics in cfg.Incoming
	tls     *serverTLS // nil: plain

	active  atomic.Bool // the property "active": what the user last asked for
	started atomic.Bool // it has been active
	exposed atomic.Bool // others have the GObject, and may take clients

	addrs    addressTable
	signals  signalTable
	queue    acceptQueue
	conns    connTable
	accepted acceptCount
	mode     acceptMode
	workers  workerTable
	poller   netfd.SharedPoller // where connections wait that have seldom waited
	wrappers gotk4Wrappers
	life     lifecycle

	emission emission // the loop's thread only
}

var _ native.ListenerCallbacks = (*listener)(nil)

// NewSocketListener makes a listener with no addresses
// (g_socket_listener_new).
func NewSocketListener(cfg *ListenerConfig) *SocketListener {
	if cfg == nil {
		cfg = &ListenerConfig{}
	}
	return &SocketListener{newListener(native.KindListener, ServiceConfig{
		Loop: cfg.Loop, Backlog: cfg.Backlog, Logger: cfg.Logger, MultipathTCP: cfg.MultipathTCP,
	}, 0, caller())}
}

func newListener(kind int, cfg ServiceConfig, maxThreads int, at callSite) *listener {
	l := &listener{
		kind:    kind,
		loop:    cfg.Loop,
		log:     cfg.Logger,
		cfg:     cfg,
		cfgAt:   at,
		tls:     newServerTLS(cfg.TLS),
		conns:   connTable{limit: cfg.MaxConns},
		workers: workerTable{limit: maxThreads},
		life:    newLifecycle(),
	}
	if l.loop == nil {
		l.loop, l.ownLoop = glibloop.New(), true
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	backlog := cfg.Backlog
	if backlog <= 0 {
		backlog = sys.MaxBacklog()
	}
	active := kind != native.KindListener && !cfg.Inactive
	l.active.Store(active)
	l.started.Store(active)
	l.mode.notified = active
	l.native = native.NewListener(kind, l, l.loop, active, backlog)
	l.update()
	return l
}

// Loop is the loop that the listener accepts on and whose thread handlers are
// called on.
func (l *SocketListener) Loop() *glibloop.Loop { return l.l.loop }

// call runs f on the loop's thread and waits.
func (l *listener) call(f func() error) error {
	err := l.loop.Call(context.Background(), f)
	if errors.Is(err, glibloop.ErrStopped) {
		return l.loopEnded()
	}
	return err
}

// loopEnded is why nothing can be had from the loop any more.
func (l *listener) loopEnded() error {
	if l.life.closed.Load() {
		return l.closedError()
	}
	return sys.WithMessage(glibloop.ErrStopped, "the loop of the listener has ended: %v", glibloop.ErrStopped)
}

// closedError is what is returned after Close.
func (l *listener) closedError() error {
	if l.kind == native.KindListener {
		return net.ErrClosed
	}
	return ErrServiceClosed
}

// refuseOnLoop is for what would wait for the loop on the loop's own thread.
func (l *listener) refuseOnLoop(what string) error {
	if l.loop.OnLoop() {
		return errors.New("gio: " + what + " on the loop's own thread would wait for itself: call it on another goroutine")
	}
	return nil
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
