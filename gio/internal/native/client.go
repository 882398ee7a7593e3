package native

/*
#include <stdlib.h>
#include "client.h"
*/
import "C"

import (
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
)

// Client is a GSocketClient. Its methods are for any thread, with a reference held.
// The zero value is none.
type Client struct {
	p  *C.GSocketClient
	id uint64 // in clients
}

var clients Registry[ClientCallbacks]

// NewClient makes the GObject; the caller owns one reference, and calls Forget when
// no event is wanted any more. A nil local address, native, binds nothing; resolver
// may be nil, and proxyURI empty.
func NewClient(up ClientCallbacks, family int, local []byte, seconds uint, proxy bool, resolver coreglib.Objector, proxyURI string) Client {
	var r *C.GObject
	if resolver != nil {
		native := coreglib.BaseObject(resolver).Native()
		r = (*C.GObject)(*(*unsafe.Pointer)(unsafe.Pointer(&native))) // C memory: nothing moves
	}
	var uri *C.char
	if proxyURI != "" {
		uri = C.CString(proxyURI)
		defer C.free(unsafe.Pointer(uri))
	}
	sa := C.CBytes(local)
	defer C.free(sa)
	return Client{
		C.gsv_client_new(C.int(family), sa, C.int(len(local)), C.uint(seconds), cbool(proxy), r, uri),
		clients.Add(up),
	}
}

// Forget has no callback come any more.
func (n Client) Forget() { clients.Remove(n.id) }

// OpenClients is how many clients have not been forgotten.
func OpenClients() int { return clients.Len() }

// CheckURI reports what GIO's constructors take for a mistake of the program's.
func CheckURI(uri string) error {
	var e C.gsv_error
	s := C.CString(uri)
	defer C.free(unsafe.Pointer(s))
	if C.gsv_uri_is_valid(s, &e) != 0 {
		return nil
	}
	return takeError(&e)
}

func (n Client) Ref() { ObjectRef(n.Pointer()) }

func (n Client) Unref() { ObjectUnref(n.Pointer()) }

// Pointer is the GSocketClient, without a reference.
func (n Client) Pointer() unsafe.Pointer { return unsafe.Pointer(n.p) }

// Connect connects a handler to "event", which ClientEvent is told with its id;
// Disconnect takes what it returns.
func (n Client) Connect(handler uint64) uint64 {
	return uint64(C.gsv_client_connect(n.p, C.uint64_t(n.id), C.uint64_t(handler)))
}

func (n Client) Disconnect(id uint64) { C.gsv_client_disconnect(n.p, C.ulong(id)) }

// ClientEvent is one emission of "event", valid during the call.
type ClientEvent C.gsv_client_event

// Event is a GSocketClientEvent.
func (e *ClientEvent) Event() int { return int((*C.gsv_client_event)(e).event) }

// Target is what is connected to, by g_socket_connectable_to_string.
func (e *ClientEvent) Target() string { return C.GoString((*C.gsv_client_event)(e).target) }

// Seqpacket tells whether the connection's socket is SOCK_SEQPACKET.
func (e *ClientEvent) Seqpacket() bool { return e.seqpacket != 0 }

// PeerBytes is the peer's native address, empty when there is no connection.
func (e *ClientEvent) PeerBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&e.peer)), int(e.peer_len))
}
