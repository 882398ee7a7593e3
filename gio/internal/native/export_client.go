package gio

// What C calls back for a SocketClient; see export.go.

/*
#include "client.h"
*/
import "C"

//export gsvGoDialed
func gsvGoDialed(id C.uint64_t, in *C.gsv_dialed, e *C.gsv_error) {
	d := lookupDial(uint64(id))
	switch {
	case in == nil:
		err := takeError(e)
		if d != nil {
			d.failed(err)
		}
	case d == nil:
		(*dialedConn)(in).conn().close()
	default:
		d.connected((*dialedConn)(in))
	}
}

//export gsvGoDialEnded
func gsvGoDialEnded(id C.uint64_t) {
	if d := lookupDial(uint64(id)); d != nil {
		d.end()
	}
}

//export gsvGoClientEvent
func gsvGoClientEvent(id, handler C.uint64_t, e *C.gsv_client_event) {
	if c := lookupClient(uint64(id)); c != nil {
		c.event(uint64(handler), ClientEvent(e.event), (*clientEvent)(e))
	}
}
