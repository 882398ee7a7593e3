package gio

// The calls into C of SocketClient; see cgo.go.

/*
#include <stdlib.h>
#include "client.h"
*/
import "C"

import (
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"

	"github.com/glibserve/glibserve/glibloop"
)

// Which of GSocketClient's functions a dial is, see client.h.
const (
	dialNative   = C.GSV_DIAL_NATIVE
	dialName     = C.GSV_DIAL_NAME
	dialLoopback = C.GSV_DIAL_LOOPBACK
	dialHost     = C.GSV_DIAL_HOST
	dialService  = C.GSV_DIAL_SERVICE
	dialURI      = C.GSV_DIAL_URI
)

// nativeClient is a GSocketClient. Its methods are for any thread, with a
// reference held.
type nativeClient struct{ p *C.GSocketClient }

// newNativeClient makes the GObject; the caller owns one reference. A nil local
// address binds nothing.
func newNativeClient(family int, local []byte, seconds uint, proxy bool, resolver coreglib.Objector, proxyURI string) nativeClient {
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
	return nativeClient{C.gsv_client_new(C.int(family), sa, C.int(len(local)), C.uint(seconds), cbool(proxy), r, uri)}
}

// checkURI reports what GIO's constructors take for a mistake of the program's.
func checkURI(uri string) error {
	var e C.gsv_error
	s := C.CString(uri)
	defer C.free(unsafe.Pointer(s))
	if C.gsv_uri_is_valid(s, &e) != 0 {
		return nil
	}
	return takeError(&e)
}

func (n nativeClient) ref() { objectRef(unsafe.Pointer(n.p)) }

func (n nativeClient) unref() { objectUnref(unsafe.Pointer(n.p)) }

func (n nativeClient) pointer() unsafe.Pointer { return unsafe.Pointer(n.p) }

func (n nativeClient) connect(id, handler uint64) uint64 {
	return uint64(C.gsv_client_connect(n.p, C.uint64_t(id), C.uint64_t(handler)))
}

func (n nativeClient) disconnect(id uint64) { C.gsv_client_disconnect(n.p, C.ulong(id)) }

// nativeDial is the GCancellable of one dial.
type nativeDial struct{ p *C.GCancellable }

// newNativeDial makes the GCancellable; the caller owns one reference.
func newNativeDial() nativeDial { return nativeDial{C.gsv_dial_new()} }

func (n nativeDial) ref() { objectRef(unsafe.Pointer(n.p)) }

func (n nativeDial) unref() { objectUnref(unsafe.Pointer(n.p)) }

// start begins to connect; the loop's thread only. C calls gsvGoDialed with id
// exactly once, later.
func (n nativeDial) start(client nativeClient, loop *glibloop.Loop, id uint64, t *dialTarget) {
	a := C.CBytes(append([]byte(t.a), 0))
	defer C.free(a)
	b := C.CString(t.b)
	defer C.free(unsafe.Pointer(b))
	C.gsv_dial_start(client.p, contextOf(loop), n.p, C.uint64_t(id), C.int(t.kind), C.int(t.family),
		(*C.char)(a), C.int(len(t.a)), b, C.int(t.port))
}

// cancel is for any thread. It does not wait.
func (n nativeDial) cancel(loop *glibloop.Loop) { C.gsv_dial_cancel(contextOf(loop), n.p) }

// drainContext runs what is ready in the context of a loop that was closed;
// false when somebody else iterates it. Any thread.
func drainContext(loop *glibloop.Loop) bool { return C.gsv_drain(contextOf(loop)) != 0 }

func contextOf(loop *glibloop.Loop) *C.GMainContext {
	return (*C.GMainContext)(gextras.StructNative(unsafe.Pointer(loop.MainContext())))
}

// dialsAlive is the number of dials of which GIO still holds something.
func dialsAlive() int { return int(C.gsv_dials_alive()) }

// dialedConn is a connection on its way from C, valid during the call. It brings
// a reference.
type dialedConn C.gsv_dialed

func (n *dialedConn) conn() nativeConn { return nativeConn{n.connection, n.socket} }

func (n *dialedConn) descriptor() int { return int(n.fd) }

func (n *dialedConn) peerBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&n.peer)), int(n.peer_len))
}

// clientEvent is one emission of "event", valid during the call.
type clientEvent C.gsv_client_event

func (e *clientEvent) targetText() string { return C.GoString((*C.gsv_client_event)(e).target) }

func (e *clientEvent) peerBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&e.peer)), int(e.peer_len))
}
