package gio

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Handler serves connections; see SocketService.Serve.
type Handler interface {
	ServeConn(ctx context.Context, conn *SocketConnection)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, conn *SocketConnection)

// ServeConn calls f.
func (f HandlerFunc) ServeConn(ctx context.Context, conn *SocketConnection) { f(ctx, conn) }

// serving is one call of Serve.
type serving struct {
	l      *listener
	h      Handler
	at     place
	ctx    context.Context // of all its handlers
	cancel context.CancelCauseFunc
	over   chan struct{} // no further handler begins

	leaving bool // Serve is about to return; under listener.mu

	mu    sync.Mutex // protects what follows
	idle  []chan *SocketConnection
	ended bool
}

// Serve calls h.ServeConn for each client on a goroutine of its own, which may
// block, and closes the connection when that returns, unless it was detached.
// A panic in it closes the connection and is logged; the service goes on.
//
// Serve itself blocks until ctx is done or the service is closed. In the first
// case it returns the context's cause: the service pauses and may be served
// again, and the handlers' contexts are cancelled. After Close or Shutdown it
// returns ErrServiceClosed; Shutdown cancels the handlers' contexts only when
// its own ends first. It does not wait for the handlers; Shutdown does.
//
// One Serve at a time, and not beside Conns or Accept.
func (s *SocketService) Serve(ctx context.Context, h Handler) error {
	if f, ok := h.(HandlerFunc); h == nil || (ok && f == nil) {
		return errors.New("gio: Serve with a nil handler")
	}
	l := s.l
	sv := &serving{l: l, h: h, at: caller(), over: make(chan struct{})}
	l.mu.Lock()
	if l.socksClosed {
		l.mu.Unlock()
		return ErrServiceClosed
	}
	if err := l.pull.claim("Serve"); err != nil {
		l.mu.Unlock()
		return err
	}
	sv.ctx, sv.cancel = context.WithCancelCause(ctx)
	l.pull.serve = sv
	held := l.pull.held
	l.pull.held = nil
	l.mu.Unlock()
	for _, sc := range held {
		l.handles()
		go sv.work(sc)
	}
	ln, served, err := sv.attach()
	if err != nil {
		sv.end(nil, nil)
		return err
	}
	l.sync()

	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
		sv.cancel(err)
	case <-l.closing:
		err = ErrServiceClosed
	case <-l.loop.Done():
		select {
		case <-l.closing: // the loop of its own ends with the service
			err = ErrServiceClosed
		default:
			err = l.call(func() error { return nil }) // says that the loop has ended
			sv.cancel(err)
		}
	}
	if err == ErrServiceClosed {
		l.mu.Lock()
		l.served = sv // its handlers go on
		l.mu.Unlock()
	}
	sv.end(ln, served)
	return err
}

// attach opens the way from the loop's thread to the handlers.
func (sv *serving) attach() (*lane, <-chan struct{}, error) {
	ln, err := newLane()
	if err != nil {
		return nil, nil, err
	}
	err = sv.l.call(func() error {
		if sv.l.nativeClosed {
			return ErrServiceClosed
		}
		sv.l.native.AttachLane(ln.native)
		return nil
	})
	// Now, not when the first client waits: there may be no descriptor then.
	sv.l.poller.Start()
	served := make(chan struct{})
	if err != nil {
		close(served)
		ln.off(served)
		ln.native.Unref()
		return nil, nil, err
	}
	go func() {
		defer close(served)
		ln.serve(sv)
	}()
	return ln, served, nil
}

// end undoes attach and lets the next consumer come.
func (sv *serving) end(ln *lane, served <-chan struct{}) {
	l := sv.l
	var rest []*SocketConnection
	l.mu.Lock()
	sv.leaving = true // and no rush begins any more
	l.mu.Unlock()
	l.leaveRush()
	if ln != nil {
		ln.off(served)
	}
	sv.dismiss() // also without a lane: what was held, and the loop, come without
	if ln != nil {
		rest = ln.rest(l)
		_ = l.loop.Invoke(func() {
			if !l.nativeClosed {
				l.native.AttachLane(native.Lane{})
			}
		})
		ln.native.Unref()
	}
	l.mu.Lock()
	l.pull.serve = nil
	closed := l.socksClosed
	if !closed {
		l.pull.held = append(l.pull.held, rest...)
	}
	l.mu.Unlock()
	if closed {
		for _, sc := range rest {
			if l.ending.Load() {
				_ = sc.Close()
				continue
			}
			// Shutdown: it was accepted before, so it is served, and waited for.
			l.handles()
			go sv.work(sc)
		}
	}
	close(sv.over)
	l.sync()
}

// waitServe waits until Serve, if it is in progress, begins no more handlers.
// The listening sockets are closed. Not for the loop's thread.
func (l *listener) waitServe() {
	l.mu.Lock()
	sv := l.pull.serve
	l.mu.Unlock()
	if sv != nil {
		<-sv.over
	}
}

// maxIdle bounds the goroutines that wait for a next connection: a new one
// would have to grow its stack first.
const maxIdle = 64

// start serves sc on a goroutine that has just served another, or on a new one.
func (sv *serving) start(sc *SocketConnection) {
	sv.mu.Lock()
	n := len(sv.idle)
	if n == 0 {
		sv.mu.Unlock()
		go sv.work(sc)
		return
	}
	next := sv.idle[n-1]
	sv.idle = sv.idle[:n-1]
	sv.mu.Unlock()
	next <- sc
}

// work serves one connection after the other.
func (sv *serving) work(sc *SocketConnection) {
	var next chan *SocketConnection
	for sc != nil {
		sv.conn(sc)
		sc, next = sv.await(next)
	}
}

// await waits for the next connection; nil ends the goroutine.
func (sv *serving) await(next chan *SocketConnection) (*SocketConnection, chan *SocketConnection) {
	if next == nil {
		next = make(chan *SocketConnection, 1)
	}
	sv.mu.Lock()
	if sv.ended || len(sv.idle) == maxIdle {
		sv.mu.Unlock()
		return nil, nil
	}
	sv.idle = append(sv.idle, next)
	sv.mu.Unlock()
	return <-next, next
}

// dismiss ends the goroutines that wait.
func (sv *serving) dismiss() {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.ended = true
	for _, next := range sv.idle {
		next <- nil
	}
	sv.idle = nil
}

// conn serves one connection.
func (sv *serving) conn(sc *SocketConnection) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(sv.l.log, "Serve handler", sv.at, v, sc)
			_ = sc.Close()
		} else if !sc.c.detached.Load() {
			_ = sc.Close()
		}
		sv.l.handled()
	}()
	if f, ok := sv.h.(HandlerFunc); ok {
		f(sv.ctx, sc) // a frame less on the stack of each idle connection
	} else {
		sv.h.ServeConn(sv.ctx, sc)
	}
}

// stopServing cancels the contexts of all handlers.
func (l *listener) stopServing(cause error) {
	l.mu.Lock()
	all := [...]*serving{l.pull.serve, l.served}
	l.mu.Unlock()
	for _, sv := range all {
		if sv != nil {
			sv.cancel(cause)
		}
	}
}

// Conns returns the clients one after the other: a range over it waits for the
// next, whose connection is the loop body's to Close. The service accepts only
// as fast as the loop asks. When ctx is done or the service closed, the last
// step has a nil connection and the reason.
func (s *SocketService) Conns(ctx context.Context) iter.Seq2[*SocketConnection, error] {
	l := s.l
	return func(yield func(*SocketConnection, error) bool) {
		l.mu.Lock()
		err := l.pull.claim("Conns")
		if err == nil {
			l.pull.conns++
		}
		l.mu.Unlock()
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() {
			l.mu.Lock()
			l.pull.conns--
			l.mu.Unlock()
			l.sync()
		}()
		for {
			sc, err := l.next(ctx)
			if !yield(sc, err) || err != nil {
				return
			}
		}
	}
}

// Shutdown stops accepting and closes the listening sockets, waits for the
// handlers of Serve and of "run" to return, then closes the remaining
// connections as Close does. When ctx ends first, it cancels the handlers'
// contexts, closes their connections, and returns the context's cause. Serve
// returns ErrServiceClosed at once. Not for the loop's thread, where it could
// only wait for itself.
func (s *SocketService) Shutdown(ctx context.Context) error {
	l := s.l
	err := l.closeSockets()
	l.waitServe()
	if idle := l.idle(); idle != nil {
		select {
		case <-idle:
		case <-l.done:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if cerr := l.close(); err == nil {
		err = cerr
	}
	return err
}
