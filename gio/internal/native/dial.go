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

	DialConnectable = C.GSV_DIAL_CONNECTABLE // Connectable: a GSocketConnectable
)

// Target is what a dial connects to.
type Target struct {
	Kind        int
	Family      int // AF_*, 0 for any, FamilyOfClient
	Seqpacket   bool
	Multipath   bool   // Multipath TCP
	LocalPort   uint16 // other than 0: bound first, at any address
	A, B        string
	Port        uint16
	Connectable unsafe.Pointer
	Traced      bool // DialEvent is told
}

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
// DialFailed once, and then DialEnded.
func (n Dial) Start(up DialCallbacks, client Client, loop *glibloop.Loop, t Target) {
	ca := C.CBytes(append([]byte(t.A), 0))
	defer C.free(ca)
	cb := C.CString(t.B)
	defer C.free(unsafe.Pointer(cb))
	target := C.gsv_target{
		kind: C.int(t.Kind), family: C.int(t.Family), local_port: C.int(t.LocalPort), multipath: cbool(t.Multipath),
		a: (*C.char)(ca), b: cb, len: C.int(len(t.A)), port: C.int(t.Port),
		connectable: C.gpointer(t.Connectable), traced: cbool(t.Traced),
	}
	if t.Seqpacket {
		target._type = C.G_SOCKET_TYPE_SEQPACKET
	}
	C.gsv_dial_start(client.p, contextOf(loop), n.p, C.uint64_t(dials.Add(up)), &target)
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

// Connectable is what there is to know of a GSocketConnectable.
type Connectable struct {
	Text     string // g_socket_connectable_to_string
	Identity string // what GIO would check a certificate against, or ""
	Port     uint16
	Proxied  bool   // a GProxyAddress
	Address  []byte // native, empty when it is no address
}

// ConnectableInfo asks a GSocketConnectable, which may be of a user's class, on this
// thread.
func ConnectableInfo(object unsafe.Pointer) Connectable {
	var c C.gsv_connectable
	C.gsv_connectable_info(C.gpointer(object), &c)
	defer C.gsv_connectable_clear(&c)
	return Connectable{
		Text: C.GoString(c.text), Identity: C.GoString(c.identity), Port: uint16(c.port), Proxied: c.proxied != 0,
		Address: C.GoBytes(unsafe.Pointer(&c.native), c.native_len),
	}
}
