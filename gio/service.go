package gio

import (
	"log/slog"
	"os"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/glibloop"
)

// ServiceConfig configures a service. Nil, and a field that is zero, mean the defaults
// that the fields name.
type ServiceConfig struct {
	// Loop is the loop to accept and to call handlers on. Nil: one of the
	// service's own, closed with it. GTK programs want glibloop.Default().
	Loop *glibloop.Loop

	// Backlog is that of listen(2): how many clients may wait to be accepted. 0 is
	// the most that the system grants (net.core.somaxconn, usually 4096), as with
	// package net; GIO's own default is 10.
	Backlog int

	// MultipathTCP listens with Multipath TCP on TCP addresses where the kernel
	// has it, else with TCP, as net.ListenConfig's does. Clients that don't
	// know it are served all the same; SocketConnection.MultipathTCP tells. It
	// changes nothing for what AddListener and AddFile add.
	MultipathTCP bool

	// Inactive constructs the service with active=FALSE: it accepts after Start.
	Inactive bool

	// MaxConns is how many connections may be open at a time; further clients
	// wait in the kernel. 0: bounded only by file descriptors.
	MaxConns int

	// IdleTimeout is how long a Read or Write of a connection may wait while no byte
	// moves in either direction. Then it fails with an error that is ErrIdleTimeout and
	// os.ErrDeadlineExceeded. The connection stays open, and a later Read waits
	// anew; most handlers return, and Serve closes it. Deadlines count as well:
	// whichever is earlier. 0: no limit.
	//
	// It holds for every connection of the service, also after Detach, but for
	// those that NetListener gives out: net/http and its like set deadlines of
	// their own. SocketConnection.SetIdleTimeout changes it for one connection. A
	// TLS handshake has a limit of its own, TLSConfig.HandshakeTimeout; what is
	// read and written through SyscallConn is not seen.
	//
	// It is no limit for a peer that sends one byte now and then. Only the
	// handler knows what a request is: SetReadDeadline before reading one.
	IdleTimeout time.Duration

	// UnixMode is the mode of the Unix paths that are bound, such as 0o660. It
	// is set before anybody can connect. 0: as the umask leaves it.
	UnixMode os.FileMode

	// TLS has the connections speak TLS by GIO's own backend; see TLSConfig. A
	// certificate that cannot be read is an error of Listen and the Add methods.
	TLS *TLSConfig

	// Incoming overrides the class handler of "incoming" (do_incoming of a
	// subclass in C): it is asked after all connected handlers, on the loop's
	// thread, and must return at once. See ConnectIncoming for ownership.
	Incoming func(conn *SocketConnection, source any) bool

	// Run overrides the class handler of "run" of a ThreadedSocketService; see
	// ConnectRun. Other services ignore it.
	Run func(conn *SocketConnection, source any) bool

	// Logger gets panics of handlers and the lack of descriptors. Nil:
	// slog.Default().
	Logger *slog.Logger
}

func (c *ServiceConfig) unixMode() int {
	if c.UnixMode == 0 {
		return -1
	}
	return int(c.UnixMode.Perm())
}

// SocketService accepts connections and hands them to handlers; it wraps
// GSocketService. Add addresses with Listen or the Add methods of the embedded
// SocketListener, and take the clients in one of three ways: Serve (a goroutine
// each), Conns or Accept (one after the other), or handlers on the main loop as
// in C (ConnectIncoming, ServiceConfig.Incoming).
//
// A service is created active. While nobody would take a client (no handler, no
// Serve, Conns or Accept) it does not accept: clients wait in the kernel, and
// nobody who connects between Listen and Serve is lost.
//
// Its methods are for any goroutine. Start, Stop and what adds addresses wait
// for the loop: never call them while the loop waits for you.
type SocketService struct {
	SocketListener
}

// NewSocketService makes a service without addresses (g_socket_service_new).
// Close it when done.
func NewSocketService(cfg *ServiceConfig) *SocketService {
	return &SocketService{SocketListener{newService(native.KindService, cfg, 0, caller())}}
}

func newService(kind int, cfg *ServiceConfig, maxThreads int, at callSite) *listener {
	if cfg == nil {
		cfg = &ServiceConfig{}
	}
	return newListener(kind, *cfg, maxThreads, at)
}

// Start makes the service accept, after Stop or ServiceConfig.Inactive
// (g_socket_service_start). Before the first address it is remembered and
// applied there. Clients that connected meanwhile are served now. It waits for
// the loop; after Close it does nothing.
func (s *SocketService) Start() { s.SetActive(true) }

// Stop makes clients wait in the kernel's queue until Start
// (g_socket_service_stop). None of them is lost, and connections that exist are
// not touched. When it returns, no further client is accepted. It waits for the
// loop; after Close it does nothing.
func (s *SocketService) Stop() { s.SetActive(false) }

// IsActive tells what was last asked for by Start, Stop, SetActive or
// ServiceConfig.Inactive, or by other code that has the GObject
// (g_socket_service_is_active): it always agrees with the property "active". A
// pause of the library's own, as for ServiceConfig.MaxConns, does not show. After
// Close it is false.
func (s *SocketService) IsActive() bool { return s.l.active.Load() }

// SetActive is Start or Stop (the property "active").
func (s *SocketService) SetActive(active bool) {
	l := s.l
	_ = l.call(func() error {
		if !l.life.nativeClosed {
			l.native.SetActive(active) // which calls ActiveChanged
		}
		return nil
	})
}

// ConnectIncoming connects f to the signal "incoming". Handlers are called on
// the loop's thread in the order in which they were connected, and must return
// at once: no further client is accepted before. The first that returns true
// ends the emission.
//
// f that returns true owns the connection and must Close it, on any goroutine.
// When it returns false, the next handler is asked, then
// ServiceConfig.Incoming, then Serve, Conns or Accept; a connection that nobody
// took is closed, and its methods return net.ErrClosed. source is what was
// given with the address.
//
// A panic in f closes the connection and is logged; the service goes on.
func (s *SocketService) ConnectIncoming(f func(conn *SocketConnection, source any) bool) SignalHandle {
	if f == nil {
		panic("gio: ConnectIncoming with a nil function")
	}
	return s.l.connect("incoming", incomingFunc(f), caller())
}

// ConnectNotifyActive calls f whenever IsActive has changed, on the loop's
// thread (the signal "notify::active").
func (s *SocketService) ConnectNotifyActive(f func(active bool)) SignalHandle {
	if f == nil {
		panic("gio: ConnectNotifyActive with a nil function")
	}
	return s.l.connect("", notifyActiveFunc(f), caller())
}

// Done is closed when Close or Shutdown has ended.
func (s *SocketService) Done() <-chan struct{} { return s.l.life.done }
