package native

/*
#include "object.h"
*/
import "C"

import (
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
)

// ObjectRef and ObjectUnref are g_object_ref and g_object_unref, on any thread.

func ObjectRef(p unsafe.Pointer)   { C.gsv_ref(C.gpointer(p)) }
func ObjectUnref(p unsafe.Pointer) { C.gsv_unref(C.gpointer(p)) }

// Wrap makes a gotk4 object. gotk4 never gives its toggle reference back; the
// second reference, held for good, keeps it from ever firing, which a program
// under -race or -asan would not survive.
func Wrap(p unsafe.Pointer) *coreglib.Object {
	ObjectRef(p)
	ObjectRef(p)
	return coreglib.AssumeOwnership(p)
}

// Sources holds the Go values that were given as source objects: each travels
// through GIO as a tiny GObject with its id, see NewSource, and is removed when GIO
// drops the last reference to that, if not before.
var Sources Registry[any]

// NewSource makes the GObject that carries the value with this id in Sources
// through GIO; the caller owns one reference.
func NewSource(id uint64) unsafe.Pointer { return unsafe.Pointer(C.gsv_source_new(C.uint64_t(id))) }
