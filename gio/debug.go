package gio

import (
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// debugLeaks is GLIBSERVE_DEBUG=leaks: connections that were forgotten are
// logged, and every connection is counted until GObject finalizes it.
var debugLeaks = debugFlag("leaks")

func init() { netfd.CountConnections.Store(debugLeaks) }

// debugFlag looks for one of the comma-separated words of GLIBSERVE_DEBUG.
func debugFlag(name string) bool {
	for _, w := range strings.Split(os.Getenv("GLIBSERVE_DEBUG"), ",") {
		if strings.TrimSpace(w) == name {
			return true
		}
	}
	return false
}

// forgottenConns counts the connections that the garbage collector closed.
var forgottenConns atomic.Int64

// forgotten is the cleanup of a SocketConnection that nobody closed. It runs on
// a goroutine that serves every cleanup of the program, so it must not wait.
func forgotten(c *conn) {
	if c.closed() {
		return
	}
	if c.fd.Exposed() {
		// GIO code may have it: the last reference closes it.
		go c.end(false)
		return
	}
	forgottenConns.Add(1)
	if debugLeaks {
		attrs := []any{"remote", c.addrs.remoteAddr().String(), "local", c.localAddr().String()}
		log := slog.Default()
		if c.owner != nil {
			log = c.owner.log
		}
		log.Warn("gio: a connection was forgotten: nobody closed it", attrs...)
	}
	go c.end(true)
}

// callSite is where a callback was registered, for the report of its panic.
type callSite uintptr

// caller is the place that called the exported function that called it.
func caller() callSite {
	var pc [1]uintptr
	runtime.Callers(3, pc[:])
	return callSite(pc[0])
}

func (p callSite) String() string {
	f, _ := runtime.CallersFrames([]uintptr{uintptr(p)}).Next()
	if f.File == "" {
		return "unknown"
	}
	return f.File + ":" + strconv.Itoa(f.Line)
}

// logPanic reports a recovered panic the way net/http does: the program goes on.
func logPanic(log *slog.Logger, what string, at callSite, v any, sc *SocketConnection) {
	attrs := []any{"panic", v, "registered", at.String(), "stack", string(debug.Stack())}
	if sc != nil {
		attrs = append(attrs, "remote", sc.RemoteAddr().String())
	}
	log.Error("gio: panic in "+what, attrs...)
}
