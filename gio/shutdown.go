package gio

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/glibloop"
)

// lifecycle is how far the end of a listener has come.
type lifecycle struct {
	closed   atomic.Bool   // the listening sockets are closed, or are being
	ending   atomic.Bool   // Close has been called
	closing  chan struct{} // closed once the listening sockets are
	finished chan struct{} // GIO has let go of the object
	done     chan struct{} // Close has ended

	nativeClosed bool // the C side is; the loop's thread only
	unattended   bool // nobody iterates the loop; written with nativeClosed
}

func newLifecycle() lifecycle {
	return lifecycle{closing: newChan[struct{}](0), finished: newChan[struct{}](0), done: newChan[struct{}](0)}
}

// closeSockets closes what listens and ends whoever waits for clients. It may
// be called any number of times, on any goroutine, the loop's thread included.
func (l *listener) closeSockets() error {
	l.life.closed.Store(true)
	// Whoever gets there first closes: a second caller must not wait for one
	// that waits for the loop on whose thread it runs.
	owner := l.loop.OnLoop() // who owns the context goes on to iterate it
	err := l.loop.Call(context.Background(), func() error {
		first := !l.life.nativeClosed
		err := l.closeNative()
		if first {
			l.life.unattended = !owner && gotkglib.MainDepth() == 0 // Call itself runs it
		}
		return err
	})
	if errors.Is(err, glibloop.ErrStopped) {
		err = l.closeWithoutLoop()
	}
	// Not before: who was accepted meanwhile has its handler.
	requests, pending := l.queue.close()
	for _, r := range requests {
		r.ch <- accepted{err: l.closedError()}
	}
	for _, c := range pending {
		_ = c.sc.Close()
	}
	return err
}

// closeNative is for the loop's thread.
func (l *listener) closeNative() error {
	if l.life.nativeClosed {
		return nil
	}
	l.life.nativeClosed = true
	l.endDirect()
	l.finishEmission()
	if l.mode.retry != nil {
		l.mode.retry.Stop()
	}
	l.active.Store(false)
	if l.kind != native.KindListener {
		l.emitActive(false)
	}
	paths, sources := l.addrs.close()
	for _, p := range paths {
		p.Unlink()
	}
	for _, c := range l.signals.close() {
		l.native.Disconnect(c)
	}
	l.accepted.end(l.native)
	l.native.Close()
	for _, s := range sources {
		s.release()
	}
	close(l.life.closing)
	return nil
}

// closeWithoutLoop closes when the loop has been closed before the listener: a
// loop on the same context runs inline when nobody iterates it.
func (l *listener) closeWithoutLoop() error {
	ctx := l.loop.MainContext()
	for {
		select {
		case <-l.life.closing:
			return nil
		default:
		}
		again := glibloop.Adopt(ctx)
		err := again.Call(context.Background(), func() error {
			err := l.closeNative()
			drain(ctx)
			return err
		})
		_ = again.Close()
		// There is one Loop for a context: somebody else may have closed ours.
		if !errors.Is(err, glibloop.ErrStopped) {
			return err
		}
		runtime.Gosched()
	}
}

// drain lets GIO's cancelled accept finish and the object go.
func drain(ctx *gotkglib.MainContext) {
	for i := 0; i < 8 && ctx.Iteration(false); i++ {
	}
}

// close is Close.
func (l *listener) close() error {
	if !l.life.ending.CompareAndSwap(false, true) {
		if !l.loop.OnLoop() {
			<-l.life.done
		}
		return nil
	}
	l.stopServing(ErrServiceClosed)
	err := l.closeSockets()
	l.closeConns()
	if l.loop.OnLoop() {
		go l.end()
	} else {
		l.end()
	}
	return err
}

// finishTime is how long Close waits for a loop that others iterate, if they do.
const finishTime = 50 * time.Millisecond

// end is the last part of Close, which waits for the loop and for Serve.
func (l *listener) end() {
	l.waitServe()
	l.closeConns()   // what was on its way to Serve
	l.poller.Close() // connections that live on wait with Go's poller
	// GIO lets go within three iterations, if somebody iterates the loop: after
	// g_application_run, nobody does.
	patience := finishTime
	switch {
	case l.ownLoop:
		patience = time.Hour
	case l.life.unattended:
		patience = 0
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.life.finished:
	case <-l.loop.Done():
	case <-timer.C:
	}
	if l.ownLoop {
		_ = l.loop.Close()
	}
	l.signals.clear()
	if debugLeaks {
		a, f := netfd.Counted()
		l.log.Info("gio: closed", "connections", a, "finalized", f, "forgotten", forgottenConns.Load())
	}
	close(l.life.done)
	l.forget()
}

// closeConns closes every connection in the table but the detached ones. Those
// of a plain listener belong to whoever called Accept.
func (l *listener) closeConns() {
	if l.kind == native.KindListener {
		return
	}
	for _, c := range l.conns.attached() {
		c.end(true)
	}
}

// Finished is called when GIO has let go of the object, on the loop's thread.
func (l *listener) Finished() {
	close(l.life.finished)
	l.forget()
}

// forget has no callback come any more, once nothing can come from C.
func (l *listener) forget() {
	for _, ch := range []chan struct{}{l.life.finished, l.life.done} {
		select {
		case <-ch:
		default:
			return
		}
	}
	if l.conns.handlersDone() == nil {
		l.native.Forget()
	}
}

// Shutdown stops accepting and closes the listening sockets, waits for the
// handlers of Serve and of "run" to return, then closes the remaining
// connections as Close does. When ctx ends first, it cancels the handlers'
// contexts, closes their connections, and returns the context's cause. Serve
// returns ErrServiceClosed at once. On the loop's own thread, where it could only
// wait for itself, it is an error.
func (s *SocketService) Shutdown(ctx context.Context) error {
	l := s.l
	if err := l.refuseOnLoop("Shutdown"); err != nil {
		return err
	}
	err := l.closeSockets()
	l.waitServe()
	if idle := l.conns.handlersDone(); idle != nil {
		select {
		case <-idle:
		case <-l.life.done:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if cerr := l.close(); err == nil {
		err = cerr
	}
	return err
}
