// Package stall tells of callbacks that keep a main loop's thread busy. It does
// so when GLIBSERVE_DEBUG has the word stall, or stall=2s for another limit than
// a second, and is otherwise one branch for a callback.
package stall

import (
	"bytes"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// defaultLimit is what a callback may take without being told of.
const defaultLimit = time.Second

// limit is 0 when nobody asked; immutable.
var limit = parse(os.Getenv("GLIBSERVE_DEBUG"))

// parse looks for the word among those separated by commas.
func parse(variable string) time.Duration {
	for _, word := range strings.Split(variable, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(word), "=")
		if name != "stall" {
			continue
		}
		if !given {
			return defaultLimit
		}
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			slog.Warn("GLIBSERVE_DEBUG: stall= wants a time such as 2s", "value", value)
			return defaultLimit
		}
		return d
	}
	return 0
}

// Watching tells whether callbacks are watched: only then call Begin.
func Watching() bool { return limit > 0 }

// Callback is what runs on a loop's thread.
type Callback struct {
	What string             // "posted function"
	PC   uintptr            // where it was posted or connected, a return address
	Post func(func()) error // queues a function on the loop
	Log  *slog.Logger       // nil: slog.Default()
}

// running is a Callback in progress.
type running struct {
	Callback
	begun     time.Time
	goroutine string   // as in "goroutine 1 [running]"
	outer     *running // the one it runs inside of, on the same goroutine

	mu     sync.Mutex // protects what follows
	timer  *time.Timer
	probe  chan struct{} // closed when the loop has run a function since due
	ended  bool
	logged bool
}

// innermost is the callback that each goroutine is in.
var innermost struct {
	sync.Mutex
	by map[string]*running
}

// Begin is called on the loop's thread before the callback, and its result on
// the same goroutine after it.
func Begin(c Callback) (end func()) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	r := &running{Callback: c, begun: time.Now(), goroutine: goroutine()}
	innermost.Lock()
	if innermost.by == nil {
		innermost.by = make(map[string]*running)
	}
	r.outer = innermost.by[r.goroutine]
	innermost.by[r.goroutine] = r
	innermost.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(limit, r.due)
	return r.end
}

func (r *running) end() {
	innermost.Lock()
	if r.outer != nil {
		innermost.by[r.goroutine] = r.outer
	} else {
		delete(innermost.by, r.goroutine)
	}
	innermost.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.timer.Stop()
	if r.logged {
		r.log("glibloop: the callback that held the main loop has returned")
	}
}

// due is called when the callback has run for longer than the limit. That is no
// stall if it iterates the loop itself, as a modal dialog does: then the loop
// runs a function that is posted now.
func (r *running) due() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return
	}
	if !r.isInnermost() {
		r.timer.Reset(limit)
		return
	}
	probe := make(chan struct{})
	r.probe = probe
	_ = r.Post(func() { close(probe) })
	r.timer = time.AfterFunc(limit/4, r.decide)
}

func (r *running) decide() {
	stack := ""
	select {
	case <-r.probe: // set by due, whose timer this is
	default:
		stack = r.stack() // stops the program for a moment
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.ended:
	case stack != "" && r.isInnermost():
		r.logged = true
		r.log("glibloop: a callback holds the main loop", "stack", stack)
	default:
		r.timer = time.AfterFunc(limit, r.due)
	}
}

func (r *running) log(message string, attrs ...any) {
	frame, _ := runtime.CallersFrames([]uintptr{r.PC}).Next()
	attrs = append([]any{"callback", r.What, "registered", frame.File + ":" + strconv.Itoa(frame.Line),
		"by", frame.Function, "for", time.Since(r.begun).Round(time.Millisecond)}, attrs...)
	r.Log.Warn(message, attrs...)
}

func (r *running) isInnermost() bool {
	innermost.Lock()
	defer innermost.Unlock()
	return innermost.by[r.goroutine] == r
}

// stack is that of the goroutine that the callback runs on.
func (r *running) stack() string {
	const most = 64 << 20
	for size := 64 << 10; ; size *= 4 {
		buf := make([]byte, size)
		buf = buf[:runtime.Stack(buf, true)]
		if i := bytes.Index(buf, []byte(r.goroutine+" [")); i >= 0 {
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
