package native

/*
#include "adopt.h"
*/
import "C"

import (
	"errors"
	"net"
	"syscall"
	"unsafe"
)

// ErrOtherBytes is for a connection whose streams are neither the socket's own nor
// TLS right above it.
var ErrOtherBytes = errors.New("its bytes are not those of its socket")

// Adopted is a GSocketConnection that was made elsewhere.
type Adopted struct {
	Connection Connection // with one reference
	TLS        Stream     // what it is around, the caller's to Free; the zero value where there is none
	FD         int
	Peer       []byte // the native address, empty when the peer has gone already
}

// Adopt takes a reference to a GSocketConnection, which is somebody else's as well.
// The error is net.ErrClosed, syscall.ENOTCONN or ErrOtherBytes.
func Adopt(object unsafe.Pointer) (Adopted, error) {
	var out C.gsv_adopted
	switch C.gsv_adopt(C.gpointer(object), &out) {
	case C.GSV_ADOPT_CLOSED:
		return Adopted{}, net.ErrClosed
	case C.GSV_ADOPT_NOT_CONNECTED:
		return Adopted{}, syscall.ENOTCONN
	case C.GSV_ADOPT_OTHER_BYTES:
		return Adopted{}, ErrOtherBytes
	}
	return Adopted{
		Connection: Connection{out.connection, out.socket},
		TLS:        Stream{out.tls},
		FD:         int(out.fd),
		Peer:       C.GoBytes(unsafe.Pointer(&out.peer), C.int(out.peer_len)),
	}, nil
}

// Around makes a GTcpWrapperConnection of a stream above n, with n's socket. The
// caller owns one reference.
func (n Connection) Around(stream Stream) Connection {
	return Connection{C.gsv_conn_around(stream.s, n.socket), n.socket}
}

// SocketFD is the descriptor of a GSocket, -1 once that is closed.
func SocketFD(socket unsafe.Pointer) int { return Connection{socket: (*C.GSocket)(socket)}.FD() }
