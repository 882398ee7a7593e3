package gio

// What C calls back. No panic leaves these functions: it would unwind through
// libgio's frames.

/*
#include "cgo.h"
*/
import "C"

import "unsafe"

//export gsvGoIncoming
func gsvGoIncoming(id, handler C.uint64_t, in *C.gsv_incoming) C.int {
	l := lookup(uint64(id))
	if l == nil {
		return resultChain
	}
	return C.int(l.incoming(uint64(handler), (*incoming)(in)))
}

//export gsvGoRun
func gsvGoRun(id, handler C.uint64_t, conn *C.GSocketConnection) C.int {
	l := lookup(uint64(id))
	if l == nil {
		return 0
	}
	return C.int(l.run(uint64(handler), unsafe.Pointer(conn)))
}

//export gsvGoRunEnded
func gsvGoRunEnded(id C.uint64_t, conn *C.GSocketConnection, full C.int) {
	if l := lookup(uint64(id)); l != nil {
		l.runEnded(unsafe.Pointer(conn), full != 0)
	}
}

//export gsvGoSettle
func gsvGoSettle(id C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.settle()
	}
}

//export gsvGoAccepted
func gsvGoAccepted(id C.uint64_t, in *C.gsv_incoming, e *C.gsv_error) {
	l := lookup(uint64(id))
	if in == nil {
		if l != nil {
			l.accepted(nil, takeError(e))
		}
		return
	}
	if l == nil {
		(*incoming)(in).conn().close()
		return
	}
	l.accepted((*incoming)(in), nil)
}

//export gsvGoEvent
func gsvGoEvent(id, handler C.uint64_t, event, fd C.int) {
	if l := lookup(uint64(id)); l != nil {
		l.event(uint64(handler), ListenerEvent(event), int(fd))
	}
}

//export gsvGoNotify
func gsvGoNotify(id, handler C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.notify(uint64(handler))
	}
}

//export gsvGoForeignActive
func gsvGoForeignActive(id C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.foreignActive()
	}
}

//export gsvGoDescriptors
func gsvGoDescriptors(id C.uint64_t, out C.int) {
	if l := lookup(uint64(id)); l != nil {
		l.descriptors(out != 0)
	}
}

//export gsvGoFull
func gsvGoFull(id C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.paused.Or(pauseMaxConns)
		l.syncNow()
	}
}

//export gsvGoRush
func gsvGoRush(id C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.rushAsked.Store(true)
		_ = l.loop.Post(l.syncNow) // not inside the emission
	}
}

//export gsvGoFinished
func gsvGoFinished(id C.uint64_t) {
	if l := lookup(uint64(id)); l != nil {
		l.finish()
	}
}

//export gsvGoSourceGone
func gsvGoSourceGone(id C.uint64_t) { sourceGone(uint64(id)) }
