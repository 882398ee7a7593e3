package native

/*
#include "listener.h"
*/
import "C"

import (
	"syscall"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Incoming is one accepted connection on its way from C.
type Incoming C.gsv_incoming

// Connection is the accepted one; none when it has no GObjects yet.
func (in *Incoming) Connection() Connection { return Connection{in.connection, in.socket} }

// Pointer is the GSocketConnection, without a reference.
func (in *Incoming) Pointer() unsafe.Pointer { return unsafe.Pointer(in.connection) }

func (in *Incoming) FD() int { return int(in.fd) }

// Listening is the index of the listening socket, or -1 when it is not known.
func (in *Incoming) Listening() int { return int(in.sock) }

// PeerBytes is the peer's native address, empty when the peer has gone already; ok
// is false when it has to be asked for.
func (in *Incoming) PeerBytes() (b []byte, ok bool) {
	if in.peer_len < 0 {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&in.peer)), int(in.peer_len)), true
}

// Accept takes a client for which the rest is filled in already.
func (in *Incoming) Accept(fd int) syscall.Errno {
	if in.mptcp != 0 {
		return in.acceptMPTCP(fd)
	}
	client, n, errno := sys.Accept(fd, unsafe.Slice((*byte)(unsafe.Pointer(&in.peer)), len(in.peer)))
	if errno != 0 {
		return errno
	}
	in.accepted(client, n)
	return 0
}

func (in *Incoming) accepted(client, peerLen int) {
	in.fd, in.peer_len = C.int(client), C.int(peerLen)
	if peerLen > len(in.peer) {
		in.peer_len = -1
	}
}

// acceptMPTCP is for where the receive timeout does not help. It may take some
// milliseconds when others have made the socket a blocking one, so it is a call to C,
// during which Go's scheduler goes on.
func (in *Incoming) acceptMPTCP(fd int) syscall.Errno {
	if fault := sys.AcceptFault.Load(); fault != nil {
		if errno := (*fault)(); errno != 0 {
			return errno
		}
	}
	c := C.gsv_accept_client(C.int(fd))
	if c.fd < 0 {
		return syscall.Errno(-c.fd)
	}
	in.peer = c.peer
	in.accepted(int(c.fd), int(c.peer_len))
	return 0
}

// SourceID is the id in Sources of the Go value given with the listening socket's
// address, 0 for any other GObject.
func (in *Incoming) SourceID() uint64 { return uint64(in.source_id) }

// SourcePointer is the source object, nil when none was given.
func (in *Incoming) SourcePointer() unsafe.Pointer { return unsafe.Pointer(in.source) }

// DropSource gives up the reference to the source that Listener.ListeningDup hands
// over.
func (in *Incoming) DropSource() {
	if in.source != nil {
		C.gsv_unref(C.gpointer(in.source))
	}
}
