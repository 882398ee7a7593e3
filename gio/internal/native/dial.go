package native

/*
#include <stdlib.h>
#include "client.h"
*/
import "C"

import (
	"unsafe"

	"github.com/glibserve/glibserve/glibloop"
)

// Which of GSocketClient's functions a dial is, and what Target's A, B and Port are.
const (
	DialNative   = C.GSV_DIAL_NATIVE   // A: a native address
	DialName     = C.GSV_DIAL_NAME     // A: a host name; Port
	DialLoopback = C.GSV_DIAL_LOOPBACK // Port of this machine
	DialHost     = C.GSV_DIAL_HOST     // A: host and port; Port: what is meant without one
	DialService  = C.GSV_DIAL_SERVICE  // A: domain; B: service
	DialURI      = C.GSV_DIAL_URI      // A: URI; Port: what is meant without one
)

// FamilyOfClient, as the family of a dial, is what GSocketClient:family says.
const FamilyOfClient = -1

// Dial is the GCancellable of one dial. The zero value is none.
type Dial struct{ p *C.GCancellable }

var dials Registry[DialCallbacks]

// NewDial makes the GCancellable; the caller owns one reference.
func NewDial() Dial { return Dial{C.gsv_dial_new()} }

func (n Dial) Ref() { ObjectRef(unsafe.Pointer(n.p)) }

func (n Dial) Unref() { ObjectUnref(unsafe.Pointer(n.p)) }

// Start begins to connect; the loop's thread only. Later there, up is told Dialed or
// DialFailed once, and then DialEnded. A localPort other than 0 is bound first, at
// any address.
func (n Dial) Start(up DialCallbacks, client Client, loop *glibloop.Loop, kind, family int, seqpacket, multipath bool, localPort uint16, a, b string, port uint16) {
	ca := C.CBytes(append([]byte(a), 0))
	defer C.free(ca)
	kindOfSocket := C.int(0)
	if seqpacket {
		kindOfSocket = C.G_SOCKET_TYPE_SEQPACKET
	}
	cb := C.CString(b)
	defer C.free(unsafe.Pointer(cb))
	C.gsv_dial_start(client.p, contextOf(loop), n.p, C.uint64_t(dials.Add(up)), C.int(kind), C.int(family),
		kindOfSocket, cbool(multipath), C.int(localPort), (*C.char)(ca), C.int(len(a)), cb, C.int(port))
}

// Cancel is for any thread. It does not wait.
func (n Dial) Cancel(loop *glibloop.Loop) { C.gsv_dial_cancel(contextOf(loop), n.p) }

// DrainContext runs what is ready in the context of a loop that was closed; false
// when somebody else iterates it. Any thread.
func DrainContext(loop *glibloop.Loop) bool { return C.gsv_drain(contextOf(loop)) != 0 }

// DialsAlive is the number of dials of which GIO still holds something.
func DialsAlive() int { return int(C.gsv_dials_alive()) }

// Dialed is a connection on its way from C, valid during the call. It brings a
// reference.
type Dialed C.gsv_dialed

func (n *Dialed) Connection() Connection { return Connection{n.connection, n.socket} }

func (n *Dialed) FD() int { return int(n.fd) }

// PeerBytes is the peer's native address, empty when the peer has gone already.
func (n *Dialed) PeerBytes() []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&n.peer)), int(n.peer_len))
}
