package glibloop

import (
	"bytes"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/glibloop/internal/callerpc"
)

// defaultStallLimit is what a callback may take without being told of.
const defaultStallLimit = time.Second

// stallLimit is 0 when GLIBSERVE_DEBUG has no word stall; immutable.
var stallLimit = parseStall(os.Getenv("GLIBSERVE_DEBUG"))

// parseStall looks for stall, or stall=2s, among the words separated by commas.
func parseStall(variable string) time.Duration {
	for _, word := range strings.Split(variable, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(word), "=")
		if name != "stall" {
			continue
		}
		if !given {
			return defaultStallLimit
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			slog.Warn("GLIBSERVE_DEBUG: stall= wants a time such as 2s", "value", value)
			return defaultStallLimit
		}
		return d
	}
	return 0
}

// Watch is for whoever calls somebody's function on the loop's thread from
// outside of the queue, in a signal handler of GTK's for instance: call it
// before the function, and done after it on the same goroutine.
//
//	defer loop.Watch("handler of clicked")()
//
// With the environment variable GLIBSERVE_DEBUG=stall, a function that takes
// longer than a second, or with stall=100ms than that, is logged by
// [log/slog.Default]: what it is, the place of the call of Watch, and the stack;
// and once more at done. Otherwise Watch looks at a flag.
//
//go:noinline
func (l *Loop) Watch(what string) (done func()) {
	if stallLimit == 0 {
		return watchedNothing
	}
	return l.watch(what, callerpc.Get(), nil)
}

// WatchAt is [Loop.Watch] for who knows where the function was registered: pc is
// a return address, as [runtime.Callers] has them. It logs to log, or to
// [log/slog.Default] when that is nil.
func (l *Loop) WatchAt(what string, pc uintptr, log *slog.Logger) (done func()) {
	if stallLimit == 0 {
		return watchedNothing
	}
	return l.watch(what, pc, log)
}

func watchedNothing() {}

// watched is a callback in progress on a loop's thread.
type watched struct {
	loop      *Loop
	what      string  // "posted function"
	pc        uintptr // where it was posted or connected, a return address
	logger    *slog.Logger
	begun     time.Time
	goroutine string   // as in "goroutine 1 [running]"
	outer     *watched // the one it runs inside of, on the same goroutine

	mu       sync.Mutex // protects what follows
	timer    *time.Timer
	answered *atomic.Bool // the loop has run a function since due
	ended    bool
	logged   bool
}

// innermost is the callback that each goroutine is in.
var innermost struct {
	sync.Mutex
	by map[string]*watched
}

func (l *Loop) watch(what string, pc uintptr, log *slog.Logger) (done func()) {
	if log == nil {
		log = slog.Default()
	}
	w := &watched{loop: l, what: what, pc: pc, logger: log, begun: time.Now(), goroutine: goroutine()}
	innermost.Lock()
	if innermost.by == nil {
		innermost.by = make(map[string]*watched)
	}
	w.outer = innermost.by[w.goroutine]
	innermost.by[w.goroutine] = w
	innermost.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(stallLimit, w.due)
	return w.end
}

func (w *watched) end() {
	innermost.Lock()
	if w.outer != nil {
		innermost.by[w.goroutine] = w.outer
	} else {
		delete(innermost.by, w.goroutine)
	}
	innermost.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
	if w.logged {
		w.log("glibloop: the callback that held the main loop has returned")
	}
}

// due is called when the callback has run for longer than the limit. That is no
// stall if it iterates the loop itself, as a modal dialog does: then the loop
// runs a function that is posted now.
func (w *watched) due() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return
	}
	if !w.isInnermost() {
		w.timer.Reset(stallLimit)
		return
	}
	answered := new(atomic.Bool)
	w.answered = answered
	_ = w.loop.Post(func() { answered.Store(true) })
	w.timer = time.AfterFunc(stallLimit/4, w.decide)
}

func (w *watched) decide() {
	stack := ""
	if !w.answered.Load() { // set by due, whose timer this is
		stack = w.stack() // stops the program for a moment
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.ended:
	case stack != "" && w.isInnermost():
		w.logged = true
		w.log("glibloop: a callback holds the main loop", "stack", stack)
	default:
		w.timer = time.AfterFunc(stallLimit, w.due)
	}
}

func (w *watched) log(message string, attrs ...any) {
	frame, _ := runtime.CallersFrames([]uintptr{w.pc}).Next()
	attrs = append([]any{"callback", w.what, "registered", frame.File + ":" + strconv.Itoa(frame.Line),
		"by", frame.Function, "for", time.Since(w.begun).Round(time.Millisecond)}, attrs...)
	w.logger.Warn(message, attrs...)
}

func (w *watched) isInnermost() bool {
	innermost.Lock()
	defer innermost.Unlock()
	return innermost.by[w.goroutine] == w
}

// stack is that of the goroutine that the callback runs on.
func (w *watched) stack() string {
	const most = 64 << 20
	for size := 64 << 10; ; size *= 4 {
		buf := make([]byte, size)
		buf = buf[:runtime.Stack(buf, true)]
		if i := bytes.Index(buf, []byte(w.goroutine+" [")); i >= 0 {
			one, _, whole := bytes.Cut(buf[i:], []byte("\n\n"))
			if whole || len(buf) < size || size >= most {
				return string(one)
			}
		} else if len(buf) < size || size >= most {
			return "not found"
		}
	}
}

// goroutine is the caller's, as stacks name it.
func goroutine() string {
	var buf [64]byte
	s := string(buf[:runtime.Stack(buf[:], false)])
	name, _, _ := strings.Cut(s, " [")
	return name
}
