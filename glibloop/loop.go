package glibloop

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/glib/v2"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

// ErrStopped is returned for what can no longer run because its loop was closed.
var ErrStopped = errors.New("glibloop: loop is closed")

type kind int

const (
	kindNew kind = iota
	kindDefault
	kindAdopted
)

// Loop is a GLib main loop that any goroutine can hand functions to. There is
// one Loop for a GMainContext. Make it with [New], [Default] or [Adopt]; all
// methods are safe for concurrent use.
type Loop struct {
	kind kind
	core *core
	main *glib.MainContext

	stopping atomic.Bool   // Close was called
	closing  chan struct{} // closed by Close
	done     chan struct{} // closed at the end
	released chan struct{} // the context may be free: one waiting Call looks

	calls     atomic.Int32 // Calls that wait
	assisting atomic.Int32 // threads that own the context for a moment only

	queue queue

	// Guarded by queue.mu.
	timers map[*Timer]struct{}
	frames []*frame // the Runs in progress, innermost last
	latest latestByKey
	thread *frame // the thread of a New loop
	ended  bool   // detached
}

// loops holds the Loop of each context, so that there is one only: two would
// each be in order, but not with one another.
var loops struct {
	sync.Mutex
	byContext map[unsafe.Pointer]*Loop
}

func newLoop(k kind, context unsafe.Pointer) *Loop {
	l := &Loop{kind: k, core: newCore(context)}
	unbubbled(func() {
		l.closing = make(chan struct{})
		l.done = make(chan struct{})
		l.released = make(chan struct{}, 1)
	})
	l.queue.pending = l.core.pending
	l.main = l.core.wrapper()
	l.core.attach(l)
	return l
}

// New makes a loop with a GMainContext of its own, and returns when it runs, on
// an OS thread of its own that has the context as its thread-default. Nobody
// else can iterate it. It lives until Close.
func New() *Loop {
	l := newLoop(kindNew, nil)
	l.thread = newFrame()
	loops.Lock()
	register(l)
	loops.Unlock()
	running := make(chan struct{})
	go l.serve(running)
	<-running
	return l
}

// Default is the loop of the default main context, always the same one. GTK or
// a GApplication iterates it, or [Loop.Run]. It cannot be closed.
func Default() *Loop { return adopt(defaultContext()) }

// ThreadDefault is the loop of the context that the calling thread has pushed as its
// default (g_main_context_get_thread_default), and [Default] where it has none: the
// context on which GIO begins what is asynchronous. In callbacks that a loop
// dispatches it is that loop. As [Adopt], it is the same Loop for one context until that
// is closed, and Close is the caller's to call on one that nobody had before.
//
// Which thread that is depends on the goroutine: one that has pushed a context is
// locked to its thread by [runtime.LockOSThread] for as long, as the pop must be on the
// same one. On any other goroutine ThreadDefault is Default, or, where code in C pushed
// a context on the thread and left it there, chance.
func ThreadDefault() *Loop {
	context := threadDefault()
	defer unrefContext(context)
	return adopt(context)
}

// Adopt is the loop of a context that somebody else iterates. For one context
// it is the same Loop until that is closed, whether it was adopted, made by
// [New] or is [Default]; nil is the default context. The Loop takes a
// reference of its own to the context and keeps it until Close.
//
// Whoever iterates the context should own it all the while, as g_main_loop_run
// and g_application_run do, and from a goroutine, locked to its thread: between
// two bare calls of g_main_context_iteration nobody is the owner, and
// [Loop.Call] may take the context over.
func Adopt(mainContext *glib.MainContext) *Loop {
	l := adopt(native(mainContext))
	runtime.KeepAlive(mainContext)
	return l
}

func adopt(context unsafe.Pointer) *Loop {
	loops.Lock()
	defer loops.Unlock()
	if l, ok := loops.byContext[context]; ok {
		return l
	}
	k := kindAdopted
	if context == defaultContext() {
		k = kindDefault
	}
	l := newLoop(k, context)
	register(l)
	return l
}

func register(l *Loop) {
	if loops.byContext == nil {
		loops.byContext = make(map[unsafe.Pointer]*Loop)
	}
	loops.byContext[l.core.context()] = l
}

// serve is the goroutine of a New loop.
func (l *Loop) serve(running chan<- struct{}) {
	// Never unlocked: the thread ends with the goroutine, and takes with it
	// what others left in it.
	runtime.LockOSThread()
	if onMainThread() {
		// That one is for the program's main goroutine. A successor cannot be
		// on it while this goroutine is.
		next := make(chan struct{})
		go l.serve(next)
		<-next
		close(running)
		runtime.UnlockOSThread()
		return
	}
	l.core.enter()
	close(running)
	normal := false
	defer func() {
		if !normal {
			// Somebody's callback, not a posted function. A panic is on its way
			// to end the program; let it. Goexit has no other witness.
			if value := recover(); value != nil {
				panic(value)
			}
			crash("glibloop: a callback on the loop's thread left it by runtime.Goexit")
		}
	}()
	l.core.iterate(l.thread)
	normal = true
	l.core.leave()
	l.thread.free()
	close(l.done)
}

// MainContext is the loop's GMainContext. The wrapper, and copies of it, hold a
// reference of their own: they stay valid after Close.
func (l *Loop) MainContext() *glib.MainContext { return l.main }

// OnLoop reports whether the calling thread owns the main context, which is
// what g_main_context_is_owner says: true in posted functions, in callbacks
// that the loop dispatches, and while Run has not returned.
func (l *Loop) OnLoop() bool { return l.core.isOwner() }

// Post queues fn to run on the loop's thread. It never runs fn inline, also not
// on that thread, and never blocks. Functions run one after the other in the
// order in which they were posted, at GLib's default priority, for as much time
// as they leave to the other sources of the context; what is more waits below
// GTK's redraw, for up to 10 ms at a time. The queue has no limit: who posts
// faster than the functions run makes it grow, which [Loop.PostLatest] does not.
//
// If fn panics, or leaves by [runtime.Goexit], the program crashes with the
// stack and the place of this call. On a closed loop Post returns [ErrStopped]
// and fn never runs. Post panics if fn is nil.
//
//go:noinline
func (l *Loop) Post(fn func()) error {
	if fn == nil {
		panic("glibloop: Post of a nil function")
	}
	return l.post(fn, callerpc.Get())
}

// Invoke runs fn at once when the calling thread owns the context, overtaking
// what was posted, and is [Loop.Post] otherwise. On a closed loop it returns
// [ErrStopped] and fn never runs. Invoke panics if fn is nil.
//
//go:noinline
func (l *Loop) Invoke(fn func()) error {
	if fn == nil {
		panic("glibloop: Invoke of a nil function")
	}
	if !l.OnLoop() {
		return l.post(fn, callerpc.Get())
	}
	if l.stopping.Load() {
		return ErrStopped
	}
	fn()
	return nil
}

func (l *Loop) post(fn func(), pc uintptr) error {
	wake, ok := l.queue.push(item{fn, pc})
	if !ok {
		return ErrStopped
	}
	if wake {
		l.core.wakeup()
	}
	return nil
}
