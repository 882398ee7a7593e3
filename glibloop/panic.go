package glibloop

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is what [Loop.Call] and [Call] return when their function
// panicked. The panic ended there: the loop goes on.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine that panicked, as [debug.Stack] formats it
}

// Error names the value that was given to panic, without the stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("glibloop: called function panicked: %v", e.Value)
}

// Unwrap is the value given to panic if that is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// guard is deferred around posted functions: current is the one that runs. A
// panic must not reach the C frames below, or a recover beyond them.
func guard(current *item) {
	if current.fn == nil {
		return
	}
	if value := recover(); value != nil {
		crash(fmt.Sprintf("glibloop: posted function panicked: %v\nposted at %s\n\n%s",
			printable(value), place(current.pc), debug.Stack()))
	}
	crashGoexit(current.pc)
}

// protect runs a called function and turns a panic into an error.
func protect(fn func() error, pc uintptr) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil {
			crashGoexit(pc)
		}
		err = &PanicError{Value: value, Stack: debug.Stack()}
	}()
	err = fn()
	returned = true
	return err
}

func crashGoexit(pc uintptr) {
	crash(fmt.Sprintf("glibloop: function left by runtime.Goexit (t.FailNow, or testify's require?), which would leave the main context owned for ever\nposted at %s\n\n%s",
		place(pc), debug.Stack()))
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

// printable adds the type where %v alone would hide it.
func printable(value any) string {
	switch v := value.(type) {
	case error, fmt.Stringer, string:
		return fmt.Sprint(v)
	default:
		return fmt.Sprintf("%v (%T)", v, v)
	}
}

// place formats a return address.
func place(pc uintptr) string {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if frame.PC == 0 {
		return "an unknown place"
	}
	return fmt.Sprintf("%s:%d (%s)", frame.File, frame.Line, frame.Function)
}
