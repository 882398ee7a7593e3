package glibloop

// #cgo pkg-config: glib-2.0
// #include "cgo.h"
import "C"

import (
	"runtime"
	"runtime/cgo"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	"github.com/diamondburned/gotk4/pkg/glib/v2"
)

// core is a Loop's GMainContext and the sources on it. Its methods are safe on
// any thread unless they say otherwise.
type core struct {
	c *C.glibloop_core

	// pending tells GLib that the queue wants a dispatch. It lives in C memory,
	// where prepare and check read it without entering Go.
	pending *int32

	handle cgo.Handle
}

// newCore takes a reference to context, a *GMainContext; nil makes a new one.
func newCore(context unsafe.Pointer) *core {
	c := C.glibloop_core_new((*C.GMainContext)(context))
	k := &core{c: c, pending: (*int32)(unsafe.Pointer(&c.pending))}
	runtime.AddCleanup(k, func(c *C.glibloop_core) { C.glibloop_core_unref(c) }, c)
	return k
}

// attach makes the context dispatch l's queue, until detach.
func (k *core) attach(l *Loop) {
	k.handle = cgo.NewHandle(l)
	C.glibloop_attach(k.c, C.uintptr_t(k.handle))
}

// detach must run on the thread that owns the context: a dispatch elsewhere
// would look up a handle that is gone.
func (k *core) detach() {
	C.glibloop_detach(k.c)
	k.handle.Delete()
}

func (k *core) wakeup() {
	C.glibloop_wakeup(k.c)
	runtime.KeepAlive(k)
}

func (k *core) isOwner() bool {
	owner := C.glibloop_is_owner(k.c) != 0
	runtime.KeepAlive(k)
	return owner
}

// enter acquires the context and makes it the thread's default; false when
// another thread owns it. The caller is locked to its thread until leave.
func (k *core) enter() bool {
	ok := C.glibloop_enter(k.c) != 0
	runtime.KeepAlive(k)
	return ok
}

func (k *core) leave() {
	C.glibloop_leave(k.c)
	runtime.KeepAlive(k)
}

// leaveAbandoned is leave for when iterate was left by a panic or
// runtime.Goexit in somebody's callback. outermost: the thread did not own the
// context before enter.
func (k *core) leaveAbandoned(outermost bool) {
	C.glibloop_leave_abandoned(k.c, gboolean(outermost))
	runtime.KeepAlive(k)
}

// iterate runs the context on this thread, which has entered it, until f is set.
func (k *core) iterate(f *frame) {
	C.glibloop_iterate(k.c, f.c)
	runtime.KeepAlive(k)
}

// quit ends the iterate that f belongs to.
func (k *core) quit(f *frame) {
	C.glibloop_quit(k.c, f.c)
	runtime.KeepAlive(k)
}

// frame is one iterate in progress: a flag in C memory.
type frame struct{ c *C.gint }

func newFrame() *frame {
	return &frame{(*C.gint)(C.g_malloc0(C.sizeof_gint))}
}

func (f *frame) free() { C.g_free(C.gpointer(unsafe.Pointer(f.c))) }

// native is the *GMainContext inside a gotk4 wrapper; nil stands for the
// default context, as everywhere in GLib.
func native(mainContext *glib.MainContext) unsafe.Pointer {
	if mainContext == nil {
		return defaultContext()
	}
	if p := gextras.StructNative(unsafe.Pointer(mainContext)); p != nil {
		return p
	}
	return defaultContext()
}

func defaultContext() unsafe.Pointer {
	return unsafe.Pointer(C.g_main_context_default())
}

// threadDefault is the context that the calling thread has pushed as its default, or
// the default one, with a reference for unrefContext.
func threadDefault() unsafe.Pointer {
	return unsafe.Pointer(C.g_main_context_ref_thread_default())
}

func unrefContext(context unsafe.Pointer) { C.g_main_context_unref((*C.GMainContext)(context)) }

// context is the *GMainContext itself, as an identity.
func (k *core) context() unsafe.Pointer { return unsafe.Pointer(k.c.context) }

// wrapper makes a gotk4 object with a reference of its own, which it gives up
// when it is collected.
func (k *core) wrapper() *glib.MainContext {
	context := C.g_main_context_ref(k.c.context)
	w := (*glib.MainContext)(gextras.NewStructNative(unsafe.Pointer(context)))
	// On the inner struct: that is what copies of *w share.
	runtime.SetFinalizer(gextras.StructIntern(unsafe.Pointer(w)),
		func(intern *struct{ C unsafe.Pointer }) {
			C.g_main_context_unref((*C.GMainContext)(intern.C))
		})
	return w
}

// onThreadOfC calls the func() of handle on a new thread, and waits for it.
func onThreadOfC(handle cgo.Handle) { C.glibloop_on_thread(C.uintptr_t(handle)) }

// onMainThread reports whether this is the process's first thread.
func onMainThread() bool { return C.glibloop_is_main_thread() != 0 }

// depth is the number of GLib dispatches that this thread is inside of.
func depth() int { return int(C.g_main_depth()) }

func gboolean(b bool) C.gboolean {
	if b {
		return C.TRUE
	}
	return C.FALSE
}
