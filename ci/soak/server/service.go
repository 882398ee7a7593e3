//go:build linux

package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/gio"
)

// service is one of the server's services: the same addresses again each time
// that it is opened.
type service struct {
	id       int
	name     string
	consume  consume
	maxConns int
	threads  int  // more than 0: a ThreadedSocketService
	reopens  bool // may be closed and opened again
	shutdown bool // its Shutdown waits for the handlers
	panics   bool // its handlers may panic: somebody of the library's recovers
	tls      *gio.TLSConfig
	places   []place

	now *opening
}

// place is where a service listens.
type place struct{ network, address string }

// opening is a service from its being opened to its being closed.
type opening struct {
	*service
	svc     *gio.SocketService
	run     func(handle handle) // of a threaded service
	cancel  context.CancelFunc
	ctx     context.Context
	handler gio.SignalHandle // of "incoming", while there is one
	idle    func()           // ends the consumer and waits for that
	closing atomic.Bool      // Close has been called: what handlers meet now is no failure
	server  *Server
}

// open opens the service and fills in the ports that it has got.
func (s *service) open(srv *Server) error {
	// With a longer queue than usual a burst waits in it, and not for the
	// seconds after which TCP tries again.
	cfg := &gio.ServiceConfig{MaxConns: s.maxConns, Backlog: 1024, TLS: s.tls, Logger: slog.New(&srv.book)}
	o := &opening{service: s, server: srv}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	if s.threads > 0 {
		t := gio.NewThreadedSocketService(s.threads, cfg)
		o.svc = &t.SocketService
		o.run = func(handle handle) {
			t.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
				defer c.Close()
				handle(o, c)
				return true
			})
		}
	} else {
		o.svc = gio.NewSocketService(cfg)
	}
	o.begin(s.consume)
	for i := range s.places {
		p := &s.places[i]
		addr, err := o.svc.Listen(p.network, p.address)
		if err != nil {
			o.close()
			return fmt.Errorf("service %s: %w", s.name, err)
		}
		p.address = addr.String()
	}
	s.now = o
	return nil
}

// close closes the service with its connections.
func (o *opening) close() error {
	o.closing.Store(true)
	o.cancel()
	return o.svc.Close()
}

// reopen closes the service, or shuts it down, and opens it again.
func (s *service) reopen(srv *Server, graceful bool, pause time.Duration) error {
	if !s.reopens || graceful && !s.shutdown {
		return fmt.Errorf("service %s is none that can be asked for this", s.name)
	}
	o := s.now
	var err error
	if graceful {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err = o.svc.Shutdown(ctx)
		cancel()
		o.cancel()
	} else {
		err = o.close()
	}
	if err != nil {
		return fmt.Errorf("closing %s: %w", s.name, err)
	}
	time.Sleep(pause)
	return s.open(srv)
}
