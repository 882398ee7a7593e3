package gio

import (
	"fmt"
	"log/slog"
	"runtime/debug"
)

// callUser calls somebody's function for C, on the loop's thread or on one of
// GIO's pool, and reports whether it returned. A panic must not reach the frames
// of C below: it is logged, and closes sc if there is one. Nor can the goroutine
// end with C still on its stack: that ends the program, with the function's name.
func callUser(log *slog.Logger, what string, at callSite, sc *SocketConnection, f func()) (returned bool) {
	defer func() {
		if returned {
			return
		}
		v := recover()
		if v == nil { // even panic(nil) is something
			crash(fmt.Sprintf("gio: %s left by runtime.Goexit (t.FailNow, or testify's require?), which C below it cannot survive\nregistered at %s\n\n%s",
				what, at, debug.Stack()))
		}
		logPanic(log, what, at, v, sc)
		if sc != nil {
			_ = sc.Close()
		}
	}()
	f()
	return true
}

// crash ends the program. The panic is on a goroutine of its own, where nobody
// can recover it; this one stays where it is, with C frames below it.
func crash(message string) {
	go panic(fatalError(message))
	select {}
}

// fatalError prints as it is, where a string would be quoted.
type fatalError string

func (e fatalError) Error() string { return string(e) }
