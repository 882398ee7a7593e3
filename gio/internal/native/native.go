// Package native is the one package of gio with import "C", and all of the C: what
// has to happen inside libgio's own calls and callbacks. No C type stands in a
// signature of it. Objects go by value, in structs whose zero value is none; C calls
// up through the interfaces in callbacks.go, which the packages above implement.
package native

/*
#cgo pkg-config: gio-2.0 gio-unix-2.0
#cgo CFLAGS: -Wall -Wno-unused-function
#include "object.h"
*/
import "C"

import (
	"syscall"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"

	"github.com/glibserve/glibserve/glibloop"
)

// Before main, and before any GSocket that Go makes.
func init() { C.gsv_handle_sigpipe() }

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// errnoOf reads what the C here answers: a negative errno, or 0 and more.
func errnoOf(r C.int) syscall.Errno {
	if r < 0 {
		return syscall.Errno(-r)
	}
	return 0
}

func contextOf(loop *glibloop.Loop) *C.GMainContext {
	return (*C.GMainContext)(gextras.StructNative(unsafe.Pointer(loop.MainContext())))
}
