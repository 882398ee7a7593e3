package glibloop

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// Run iterates the context on the calling goroutine, locked to its thread and
// with the context as the thread-default, until ctx is done or Quit is called.
// It returns nil after Quit, the cause of ctx, [ErrStopped] when the loop was
// closed, or an error at once: for a loop of [New], which runs already, and
// when another thread iterates the context. A posted function may call Run for
// a nested loop.
func (l *Loop) Run(ctx context.Context) error {
	if l.kind == kindNew {
		return errors.New("glibloop: Run of a loop made by New, which runs on a thread of its own")
	}
	if l.stopping.Load() {
		return ErrStopped
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	outermost := !l.OnLoop()
	if err := l.acquire(ctx); err != nil {
		return err
	}
	f := newFrame()
	normal := false
	defer func() {
		l.popFrame(f)
		if normal {
			l.core.leave()
		} else {
			l.core.leaveAbandoned(outermost)
		}
		l.release()
	}()
	if !l.pushFrame(f) {
		normal = true
		return ErrStopped
	}
	defer context.AfterFunc(ctx, func() { l.quitFrame(f) })()
	l.core.iterate(f)
	normal = true
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case l.stopping.Load():
		return ErrStopped
	}
	return nil
}

// acquire enters the context for Run. Others own it for a moment now and then:
// a Call that assists, g_main_context_invoke.
func (l *Loop) acquire(ctx context.Context) error {
	const patience, interval = time.Second, time.Millisecond
	if l.core.enter() {
		return nil
	}
	ticker := newTicker(interval)
	defer ticker.Stop()
	for start := <-ticker.C; !l.core.enter(); {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-ticker.C:
			if l.assisting.Load() > 0 {
				start = now
			}
			if now.Sub(start) > patience {
				return errors.New("glibloop: Run: another thread iterates this main context")
			}
		}
	}
	return nil
}

// Quit ends the Run in progress, the innermost one if they are nested, once
// what is dispatched at the moment returned. Without one it does nothing, and
// a later Run knows nothing of it. It does not block.
func (l *Loop) Quit() {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if n := len(l.frames); n > 0 {
		l.core.quit(l.frames[n-1])
	}
}

// pushFrame registers a Run; false on a loop that has ended.
func (l *Loop) pushFrame(f *frame) bool {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	if l.ended {
		return false
	}
	l.frames = append(l.frames, f)
	return true
}

// quitFrame ends one Run if it is still in progress.
func (l *Loop) quitFrame(f *frame) {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	for _, g := range l.frames {
		if g == f {
			l.core.quit(f)
		}
	}
}

func (l *Loop) popFrame(f *frame) {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	for i, g := range l.frames {
		if g == f {
			l.frames = append(l.frames[:i], l.frames[i+1:]...)
			break
		}
	}
	f.free()
}
