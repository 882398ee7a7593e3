// Package plaingio shows what GIO does without this library, for the tests of
// the promises that the library keeps and GIO does not.
package plaingio

/*
#cgo pkg-config: gio-2.0
#cgo CFLAGS: -Wall
#include "plaingio.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"syscall"
)

var errScene = errors.New("plaingio: the scene could not be set")

// on runs f on a thread of its own: it pushes a context there.
func on(f func() C.int) (int, error) {
	done := make(chan C.int)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with it
		done <- f()
	}()
	n := int(<-done)
	if n < 0 {
		return 0, errScene
	}
	return n, nil
}

func yes(f func() C.int) (bool, error) {
	n, err := on(f)
	return n > 0, err
}

// StopKeepsTheQueue tells whether a client that is queued when the service is
// stopped is served after it has been started again.
func StopKeepsTheQueue() (bool, error) {
	lost, err := on(func() C.int { return C.plain_stop_loses() })
	return lost == 0, err
}

// StartBeforeAddAccepts tells whether a service that was stopped and started
// before it had an address accepts at the first.
func StartBeforeAddAccepts() (bool, error) {
	return yes(func() C.int { return C.plain_start_before_add_accepts() })
}

// SecondListenerIsServed tells whether a client of the second address is served
// before all the eight that wait at the first.
func SecondListenerIsServed() (bool, error) {
	n, err := on(func() C.int { return C.plain_served_before_second() })
	return n < 8, err
}

// ThreadedGoesOn tells whether a threaded service on a context that is not the
// default one accepts after it was at its limit.
func ThreadedGoesOn() (bool, error) {
	return yes(func() C.int { return C.plain_threaded_goes_on() })
}

// StopHoldsAtMaxThreads tells whether a stop at the limit outlives the end of a
// worker.
func StopHoldsAtMaxThreads() (bool, error) {
	return yes(func() C.int { return C.plain_stop_holds_at_max_threads() })
}

// SetBacklogNotifies tells whether g_socket_listener_set_backlog emits
// "notify::listen-backlog".
func SetBacklogNotifies() (bool, error) {
	return yes(func() C.int { return C.plain_set_backlog_notifies() })
}

// WriteToBrokenPipe tells how a write to a pipe that nobody reads ends on a thread
// that GLib has made, if the process outlives it.
func WriteToBrokenPipe() syscall.Errno {
	n, err := on(func() C.int { return C.plain_write_to_broken_pipe() })
	if err != nil {
		return syscall.EINVAL
	}
	return syscall.Errno(n)
}
