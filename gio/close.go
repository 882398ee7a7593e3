package gio

import (
	"context"
	"errors"
	"runtime"
	"time"

	gotkglib "github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/gio/internal/netfd"
	"github.com/glibserve/glibserve/glibloop"
)

// closeSockets closes what listens and ends whoever waits for clients. It may
// be called any number of times, on any goroutine, the loop's thread included.
func (l *listener) closeSockets() error {
	l.mu.Lock()
	l.socksClosed = true
	waiters, held := l.pull.waiters, l.pull.held
	l.pull.waiters, l.pull.held = nil, nil
	l.mu.Unlock()
	// Whoever gets there first closes: a second caller must not wait for one
	// that waits for the loop on whose thread it runs.
	err := l.loop.Call(context.Background(), l.closeNative)
	if errors.Is(err, glibloop.ErrStopped) {
		err = l.closeWithoutLoop()
	}
	for _, w := range waiters {
		w.ch <- accepted{err: l.closedError()}
	}
	for _, sc := range held {
		_ = sc.Close()
	}
	return err
}

// closeNative is for the loop's thread.
func (l *listener) closeNative() error {
	if l.nativeClosed {
		return nil
	}
	l.nativeClosed = true
	l.leaveRush()
	l.Settle()
	l.mu.Lock()
	paths, sources := l.paths, l.sources
	l.paths, l.sources = nil, nil
	var connected []uint64
	for _, h := range l.handlers {
		if h.c != 0 {
			connected = append(connected, h.c)
		}
	}
	l.mu.Unlock()
	for _, p := range paths {
		p.Unlink()
	}
	for _, c := range connected {
		l.native.Disconnect(c)
	}
	l.native.Close()
	for _, s := range sources {
		s.release()
	}
	close(l.closing)
	return nil
}

// closeWithoutLoop closes when the loop has been closed before the listener: a
// loop on the same context runs inline when nobody iterates it.
func (l *listener) closeWithoutLoop() error {
	ctx := l.loop.MainContext()
	for {
		select {
		case <-l.closing:
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
	if !l.ending.CompareAndSwap(false, true) {
		if !l.loop.OnLoop() {
			<-l.done
		}
		return nil
	}
	l.stopServing(ErrServiceClosed)
	err := l.closeSockets()
	l.closeLive()
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
	l.closeLive()    // what was on its way to Serve
	l.poller.Close() // connections that live on wait at Go's poller
	// GIO lets go within three iterations. Nobody may iterate the loop.
	patience := finishTime
	if l.ownLoop {
		patience = time.Hour
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-l.finished:
	case <-l.loop.Done():
	case <-timer.C:
	}
	if l.ownLoop {
		_ = l.loop.Close()
	}
	l.mu.Lock()
	l.handlers = make(map[SignalHandle]*handler)
	l.mu.Unlock()
	if debugLeaks {
		a, f := netfd.Counted()
		l.log.Info("gio: closed", "connections", a, "finalized", f, "forgotten", forgottenConns.Load())
	}
	close(l.done)
	l.forget()
}

// Finished is called when GIO has let go of the object, on the loop's thread.
func (l *listener) Finished() {
	close(l.finished)
	l.forget()
}

// forget removes the id once nothing can come from C any more.
func (l *listener) forget() {
	for _, ch := range []chan struct{}{l.finished, l.done} {
		select {
		case <-ch:
		default:
			return
		}
	}
	if l.idle() == nil {
		l.native.Forget()
	}
}
