package glibloop

// #include "cgo.h"
import "C"

import "runtime/cgo"

// glibloopDispatch is Loop.dispatch for the sources: the result is in
// nanoseconds.
//
//export glibloopDispatch
func glibloopDispatch(handle C.uintptr_t) C.gint64 {
	l := cgo.Handle(handle).Value().(*Loop)
	return C.gint64(l.dispatch())
}

//export glibloopOnThread
func glibloopOnThread(handle C.uintptr_t) { cgo.Handle(handle).Value().(func())() }
