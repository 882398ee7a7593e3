package gio

import (
	"context"
	"errors"
	"iter"
	"sync"
)

// Handler serves connections; see SocketService.Serve.
type Handler interface {
	ServeConn(ctx context.Context, conn *SocketConnection)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(ctx context.Context, conn *SocketConnection)

// ServeConn calls f.
func (f HandlerFunc) ServeConn(ctx context.Context, conn *SocketConnection) { f(ctx, conn) }

// server is one call of Serve.
type server struct {
	l      *listener
	h      Handler
	at     callSite
	ctx    context.Context // of all its handlers
	cancel context.CancelCauseFunc
	over   chan struct{} // closed once no further handler begins

	mu    sync.Mutex // protects what follows; see listener for the order
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
// One Serve at a time, and not beside Conns or Accept. On the loop's own thread,
// where it could only wait for itself, it is an error.
func (s *SocketService) Serve(ctx context.Context, h Handler) error {
	if f, ok := h.(HandlerFunc); h == nil || (ok && f == nil) {
		return errors.New("gio: Serve with a nil handler")
	}
	l := s.l
	if err := l.refuseOnLoop(kindServe); err != nil {
		return err
	}
	if l.life.closed.Load() {
		return ErrServiceClosed
	}
	sv := &server{l: l, h: h, at: caller(), over: newChan[struct{}](0)}
	sv.ctx, sv.cancel = context.WithCancelCause(ctx)
	pending, err := l.queue.acquire(kindServe, sv)
	if err != nil {
		sv.cancel(err)
		return l.queueError(err)
	}
	l.poller.Start() // now, not when the first client waits: there may be no descriptor then
	for _, c := range pending {
		sv.start(c.sc)
	}
	l.update()

	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
		sv.cancel(err)
	case <-l.life.closing:
		err = ErrServiceClosed
	case <-l.loop.Done():
		if err = l.loopEnded(); err != ErrServiceClosed {
			sv.cancel(err)
		}
	}
	sv.end()
	return err
}

// end lets the next consumer come. When it returns, no further handler begins. It
// does not wait for the loop, whose thread may be waiting for Serve.
func (sv *server) end() {
	sv.l.queue.release(kindServe)
	sv.dismiss()
	close(sv.over)
	sv.l.update()
}

// waitServe waits until Serve, if it is in progress, begins no more handlers.
// The listening sockets are closed. Not for the loop's thread.
func (l *listener) waitServe() {
	current, last := l.queue.servers()
	for _, sv := range []*server{current, last} {
		if sv != nil {
			<-sv.over
		}
	}
}

// maxIdle bounds the goroutines that wait for a next connection: a new one
// would have to grow its stack first.
const maxIdle = 64

// start serves sc on a goroutine that has just served another, or on a new one. It
// answers false when Serve has ended in the same moment.
func (sv *server) start(sc *SocketConnection) bool {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	if sv.ended {
		return false
	}
	sv.l.conns.handles() // under the lock: whoever sees the end counts all of them
	n := len(sv.idle)
	if n == 0 {
		go sv.work(sc)
		return true
	}
	next := sv.idle[n-1]
	sv.idle = sv.idle[:n-1]
	next <- sc
	return true
}

// work serves one connection after the other.
func (sv *server) work(sc *SocketConnection) {
	var next chan *SocketConnection
	for sc != nil {
		sv.conn(sc)
		sc, next = sv.await(next)
	}
}

// await waits for the next connection; nil ends the goroutine.
func (sv *server) await(next chan *SocketConnection) (*SocketConnection, chan *SocketConnection) {
	if next == nil {
		next = newChan[*SocketConnection](1)
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
func (sv *server) dismiss() {
	sv.mu.Lock()
	defer sv.mu.Unlock()
	sv.ended = true
	for _, next := range sv.idle {
		next <- nil
	}
	sv.idle = nil
}

// conn serves one connection.
func (sv *server) conn(sc *SocketConnection) {
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
	current, last := l.queue.servers()
	for _, sv := range []*server{current, last} {
		if sv != nil {
			sv.cancel(cause)
		}
	}
}

// handled is called when a handler of Serve or "run" has returned.
func (l *listener) handled() {
	l.conns.handled()
	if l.life.ending.Load() {
		l.forget() // Close may have been waiting for this one with that
	}
}

// Conns returns the clients one after the other: a range over it waits for the
// next, whose connection is the loop body's to Close. The service accepts only
// as fast as the loop asks. When ctx is done or the service closed, the last
// step has a nil connection and the reason; so it is on the loop's own thread,
// where it could only wait for itself.
func (s *SocketService) Conns(ctx context.Context) iter.Seq2[*SocketConnection, error] {
	l := s.l
	return func(yield func(*SocketConnection, error) bool) {
		err := l.refuseOnLoop(kindConns)
		if err == nil {
			if _, err = l.queue.acquire(kindConns, nil); err != nil {
				err = l.queueError(err)
			}
		}
		if err != nil {
			yield(nil, err)
			return
		}
		defer func() {
			l.queue.release(kindConns)
			l.update()
		}()
		for {
			sc, err := l.next(ctx)
			if !yield(sc, err) || err != nil {
				return
			}
		}
	}
}
