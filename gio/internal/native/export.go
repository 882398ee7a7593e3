package native

// What C calls back for a listener, and for source objects.

/*
#include "listener.h"
*/
import "C"

import "unsafe"

func lookup(id C.uint64_t) ListenerCallbacks {
	l, _ := listeners.Get(uint64(id))
	return l
}

//export gsvGoIncoming
func gsvGoIncoming(id, handler C.uint64_t, in *C.gsv_incoming) C.int {
	l := lookup(id)
	if l == nil {
		return Verdict{ChainUp: true}.pack()
	}
	return l.Incoming(uint64(handler), (*Incoming)(in)).pack()
}

//export gsvGoRun
func gsvGoRun(id, handler C.uint64_t, conn *C.GSocketConnection) C.int {
	l := lookup(id)
	if l == nil {
		return 0
	}
	return l.Run(uint64(handler), unsafe.Pointer(conn)).pack()
}

//export gsvGoRunEnded
func gsvGoRunEnded(id C.uint64_t, conn *C.GSocketConnection) {
	if l := lookup(id); l != nil {
		l.RunEnded(unsafe.Pointer(conn))
	}
}

//export gsvGoFinishEmission
func gsvGoFinishEmission(id C.uint64_t) {
	if l := lookup(id); l != nil {
		l.FinishEmission()
	}
}

//export gsvGoAccepted
func gsvGoAccepted(id C.uint64_t, in *C.gsv_incoming, e *C.gsv_error) {
	l := lookup(id)
	if in == nil {
		err := takeError(e)
		if l != nil {
			l.Accepted(nil, err)
		}
		return
	}
	if l == nil {
		(*Incoming)(in).Connection().Close()
		return
	}
	l.Accepted((*Incoming)(in), nil)
}

//export gsvGoEvent
func gsvGoEvent(id, handler C.uint64_t, event, fd C.int) {
	if l := lookup(id); l != nil {
		l.Event(uint64(handler), int(event), int(fd))
	}
}

//export gsvGoOthersAdded
func gsvGoOthersAdded(id C.uint64_t, first, count C.int) {
	if l := lookup(id); l != nil {
		l.OthersAdded(int(first), int(count))
	}
}

//export gsvGoNotify
func gsvGoNotify(id, handler C.uint64_t) {
	if l := lookup(id); l != nil {
		l.Notify(uint64(handler))
	}
}

//export gsvGoActiveChanged
func gsvGoActiveChanged(id C.uint64_t, active C.int) {
	if l := lookup(id); l != nil {
		l.ActiveChanged(active != 0)
	}
}

//export gsvGoDescriptorsShort
func gsvGoDescriptorsShort(id C.uint64_t) {
	if l := lookup(id); l != nil {
		l.DescriptorsShort()
	}
}

//export gsvGoPaused
func gsvGoPaused(id C.uint64_t) {
	if l := lookup(id); l != nil {
		l.Paused()
	}
}

//export gsvGoFinished
func gsvGoFinished(id C.uint64_t) {
	if l := lookup(id); l != nil {
		l.Finished()
	}
}

//export gsvGoSourceGone
func gsvGoSourceGone(id C.uint64_t) { Sources.Remove(uint64(id)) }
