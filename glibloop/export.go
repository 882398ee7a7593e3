package glibloop

// #include "cgo.h"
import "C"

import "runtime/cgo"

// glibloopDispatch is Loop.dispatch for the sources: the result is in
// microseconds.
//
//export glibloopDispatch
func glibloopDispatch(handle C.uintptr_t, t C.int) C.gint64 {
	l := cgo.Handle(handle).Value().(*Loop)
	return C.gint64(l.dispatch(turn(t)).Microseconds())
}

//export glibloopOnThread
func glibloopOnThread(handle C.uintptr_t) { cgo.Handle(handle).Value().(func())() }
