package native

// What C calls back for a GSocketClient and a dial.

/*
#include "client.h"
*/
import "C"

//export gsvGoDialed
func gsvGoDialed(id C.uint64_t, in *C.gsv_dialed, e *C.gsv_error) {
	d, _ := dials.Get(uint64(id))
	switch {
	case in == nil:
		err := takeError(e)
		if d != nil {
			d.DialFailed(err)
		}
	case d == nil:
		(*Dialed)(in).Connection().Close()
	default:
		d.Dialed((*Dialed)(in))
	}
}

//export gsvGoDialEnded
func gsvGoDialEnded(id C.uint64_t) {
	if d, ok := dials.Get(uint64(id)); ok {
		dials.Remove(uint64(id))
		d.DialEnded()
	}
}

//export gsvGoClientEvent
func gsvGoClientEvent(id, handler C.uint64_t, e *C.gsv_client_event) {
	if c, ok := clients.Get(uint64(id)); ok {
		c.ClientEvent(uint64(handler), (*ClientEvent)(e))
	}
}

//export gsvGoDialEvent
func gsvGoDialEvent(id C.uint64_t, e *C.gsv_client_event) {
	if d, ok := dials.Get(uint64(id)); ok {
		d.DialEvent((*ClientEvent)(e))
	}
}
