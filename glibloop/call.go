package glibloop

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

// How long a Call waits before it looks again whether nobody iterates the
// context, and how much of a start it gives the default context's own
// application when it is not on the thread that would run that.
const (
	assistInterval   = 50 * time.Millisecond
	assistFirstDelay = 20 * time.Millisecond
)

// spinTime is twice what an idle loop takes to wake up and run a function.
const spinTime = 50 * time.Microsecond

// spinning is pointless where the loop would wait for the caller's processor.
var spinning = runtime.NumCPU() > 1

// call is one Call in flight. The caller and the queue share it; whoever is
// the last to need it puts it back into the pool.
type call struct {
	loop  *Loop
	ctx   context.Context
	fn    func() error
	pc    uintptr
	err   error // set before done
	done  chan struct{}
	state atomic.Int32
	runFn func() // c.run, bound once for as long as c is reused
}

const (
	callWaiting   = iota
	callStarted   // the queue took it: the caller waits for done
	callAbandoned // the caller left: the queue drops it
)

var calls sync.Pool

func newCall() *call {
	if c, ok := calls.Get().(*call); ok {
		return c
	}
	c := &call{}
	unbubbled(func() { c.done = make(chan struct{}, 1) })
	c.runFn = c.run
	return c
}

func (c *call) recycle() {
	c.loop, c.ctx, c.fn, c.err = nil, nil, nil, nil
	c.state.Store(callWaiting)
	calls.Put(c)
}

// run is the function in the queue.
func (c *call) run() {
	if !c.state.CompareAndSwap(callWaiting, callStarted) {
		c.recycle()
		return
	}
	if c.loop.stopping.Load() {
		c.err = ErrStopped
	} else if c.err = ctxError(c.ctx); c.err == nil {
		c.err = protect(c.fn, c.pc)
	}
	c.done <- struct{}{}
}

// abandon gives up with err unless the function was started.
func (c *call) abandon(err error) error {
	if c.state.CompareAndSwap(callWaiting, callAbandoned) {
		return err
	}
	<-c.done
	return c.finish()
}

func (c *call) finish() error {
	err := c.err
	c.recycle()
	return err
}

// over reports that assisting has no more use for c's caller.
func (c *call) over() bool {
	return len(c.done) > 0 || c.ctx.Err() != nil || c.loop.stopping.Load()
}

// Call runs fn on the loop's thread, waits for it and returns its error.
//
// On the loop's own thread fn runs inline, before anything that was posted. On
// any other it is queued behind what was posted, and Call blocks until it has
// run. When ctx is done before fn was started, fn never runs and Call returns
// the error of ctx, and its cause; once fn was started Call waits for it.
//
// When nobody iterates the context, of [Default] before the application runs
// for instance, Call takes the context over for as long as it needs and runs
// the queue up to fn on the caller's goroutine, locked to its thread. While it
// waits it looks every 50 ms whether that became so. It waits 20 ms before the
// first look when the loop is Default and the caller is not on the process's
// main thread, because g_application_run gives up when it finds the context
// taken ("g_application_run() cannot acquire the default main context because it is
// already acquired by another thread!"): before the application runs, use Call from
// the goroutine that will run it. The loop of [New] is never taken over.
//
// If fn panics, Call returns a [*PanicError]. If it leaves by
// [runtime.Goexit], the program crashes. On a closed loop Call returns
// [ErrStopped], also when the loop is closed before fn was started.
//
// Never call it while the loop's thread waits for the caller. Call panics if
// ctx or fn is nil.
//
//go:noinline
func (l *Loop) Call(ctx context.Context, fn func() error) error {
	if fn == nil {
		panic("glibloop: Call of a nil function")
	}
	return l.call(ctx, fn, callerpc.Get())
}

// Call is [Loop.Call] for a function with a result. The result is the zero
// value whenever the function did not run or panicked.
//
//go:noinline
func Call[T any](ctx context.Context, l *Loop, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("glibloop: Call of a nil function")
	}
	var result T
	err := l.call(ctx, func() (err error) {
		result, err = fn()
		return err
	}, callerpc.Get())
	return result, err
}

func (l *Loop) call(ctx context.Context, fn func() error, pc uintptr) error {
	if ctx == nil {
		panic("glibloop: Call with a nil Context")
	}
	if err := ctxError(ctx); err != nil {
		return err
	}
	if l.OnLoop() {
		if l.stopping.Load() {
			return ErrStopped
		}
		return protect(fn, pc)
	}

	start := time.Now()
	bubbled := inBubble(start)
	c := newCall()
	c.loop, c.ctx, c.fn, c.pc = l, ctx, fn, pc
	if bubbled {
		var forget context.CancelFunc
		c.ctx, forget = unbubbledContext(ctx)
		defer forget()
	}
	if err := l.post(c.runFn, pc); err != nil {
		c.recycle()
		return err
	}

	l.calls.Add(1)
	defer l.calls.Add(-1)
	if !bubbled && l.spin(c, start) {
		return c.finish()
	}

	// On a loop of New these stay nil: nobody has to look after it.
	var ticker *time.Ticker
	var retry <-chan time.Time
	var released <-chan struct{}
	if l.kind != kindNew {
		first := assistInterval
		if l.kind == kindDefault && !onMainThread() {
			first = assistFirstDelay
		} else {
			l.assist(c)
			released = l.released
		}
		ticker = newTicker(first)
		defer ticker.Stop()
		retry = ticker.C
	}
	for {
		select {
		case <-c.done:
			return c.finish()
		case <-ctx.Done():
			return c.abandon(ctxError(ctx))
		case <-l.closing:
			return c.abandon(ErrStopped)
		case <-retry:
			released = l.released
			ticker.Reset(assistInterval)
		case <-released:
		}
		l.assist(c)
	}
}

// spin reports that c was done at once. Parking the goroutine would cost the
// wake-up of a second thread and make the round trip three times as long. It
// is for a Call that is alone: several share their wake-ups, and a spinning one
// would only keep the others' goroutines from the processor.
func (l *Loop) spin(c *call, start time.Time) bool {
	if !spinning {
		return false
	}
	for ; l.calls.Load() == 1 && time.Since(start) < spinTime; runtime.Gosched() {
		select {
		case <-c.done:
			return true
		default:
		}
	}
	return false
}

// assist runs the queue up to c on this goroutine if nobody owns the context.
func (l *Loop) assist(c *call) {
	if c.over() {
		return
	}
	l.own(func() {
		if l.drainUntil(c.over) {
			l.drained()
		}
	})
}

// own runs f as the context's owner, unless another thread is that. It must
// not be used on a thread that owns the context already.
func (l *Loop) own(f func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if !l.core.enter() {
		return
	}
	l.assisting.Add(1)
	defer func() {
		l.assisting.Add(-1)
		l.core.leave()
		l.release()
	}()
	f()
}

// release tells one waiting Call that the context may be free now.
func (l *Loop) release() {
	select {
	case l.released <- struct{}{}:
	default:
	}
}

// ctxError is the error of ctx and, when somebody gave one, its cause.
func ctxError(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != err {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}
