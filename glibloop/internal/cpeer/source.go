package cpeer

// #include "cpeer.h"
import "C"

import (
	"runtime"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	"github.com/diamondburned/gotk4/pkg/glib/v2"
)

// Busy is a GSource that is always ready.
type Busy struct{ c *C.cpeer_busy }

// NewBusy attaches one, which ends after limit dispatches; -1: never.
func NewBusy(mainContext *glib.MainContext, priority, limit int) Busy {
	defer runtime.KeepAlive(mainContext)
	context := (*C.GMainContext)(gextras.StructNative(unsafe.Pointer(mainContext)))
	return Busy{C.cpeer_busy_new(context, C.int(priority), C.int(limit))}
}

// Count is how often it was dispatched so far.
func (b Busy) Count() int { return int(C.cpeer_busy_count(b.c)) }

// Free detaches it.
func (b Busy) Free() { C.cpeer_busy_free(b.c) }

// MainContext is the context that l's thread iterates.
func (l Loop) MainContext() *glib.MainContext {
	w := (*glib.MainContext)(gextras.NewStructNative(unsafe.Pointer(C.g_main_context_ref(l.c.context))))
	runtime.SetFinalizer(gextras.StructIntern(unsafe.Pointer(w)),
		func(intern *struct{ C unsafe.Pointer }) {
			C.g_main_context_unref((*C.GMainContext)(intern.C))
		})
	return w
}

// ThreadDefault is the thread-default context of the calling thread, as an
// identity; nil is the default context.
func ThreadDefault() unsafe.Pointer {
	return unsafe.Pointer(C.g_main_context_get_thread_default())
}

// Native is the identity of a context.
func Native(mainContext *glib.MainContext) unsafe.Pointer {
	return gextras.StructNative(unsafe.Pointer(mainContext))
}

// Thread identifies the calling thread.
func Thread() unsafe.Pointer { return unsafe.Pointer(C.g_thread_self()) }
