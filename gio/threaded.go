package gio

import (
	"github.com/glibserve/glibserve/gio/internal/native"
)

// ThreadedSocketService serves each client on a thread of GIO's pool; it wraps
// GThreadedSocketService. It is there for interoperation: goroutines (Serve) do
// the same at a fraction of the cost.
type ThreadedSocketService struct {
	SocketService
	maxThreads int // immutable
}

// defaultMaxThreads is that of the property "max-threads".
const defaultMaxThreads = 10

// NewThreadedSocketService makes a service that runs at most maxThreads
// handlers at a time (g_threaded_socket_service_new); further clients wait in
// the kernel. 0 is GIO's default of 10, -1 no limit.
func NewThreadedSocketService(maxThreads int, cfg *ServiceConfig) *ThreadedSocketService {
	if maxThreads == 0 {
		maxThreads = defaultMaxThreads
	}
	l := newService(native.KindThreaded, cfg, maxThreads, caller())
	return &ThreadedSocketService{SocketService{SocketListener{l}}, maxThreads}
}

// MaxThreads is how many "run" handlers may be in progress at a time, -1 for
// any number. The GObject's own property "max-threads" is always -1: at a limit
// GIO stops and starts the service by itself, and so loses its loop or the
// user's Stop; this package counts instead.
func (t *ThreadedSocketService) MaxThreads() int { return t.maxThreads }

// ConnectRun connects f to the signal "run": it is called on a thread of GIO's
// pool for each client that no handler of "incoming", nor Serve, Conns or
// Accept took, and may block. The first handler that returns true ends the
// emission, owns the connection and must Close it; when all return false, the
// connection is closed.
func (t *ThreadedSocketService) ConnectRun(f func(conn *SocketConnection, source any) bool) SignalHandle {
	if f == nil {
		panic("gio: ConnectRun with a nil function")
	}
	return t.l.connect("run", runFunc(f), caller())
}
