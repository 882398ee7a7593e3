package native

/*
#include <stdlib.h>
#include "listener.h"
*/
import "C"

import (
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/glibloop"
)

// The GObject class behind a listener.
const (
	KindListener = C.GSV_LISTENER
	KindService  = C.GSV_SERVICE
	KindThreaded = C.GSV_THREADED
)

// Listener is the C state of a GSocketListener, a GSocketService or a
// GThreadedSocketService. All methods but those marked otherwise are for the loop's
// thread.
type Listener struct {
	st       *C.gsv_state
	id       uint64  // in listeners
	accepted *uint64 // inside st
}

var listeners Registry[ListenerCallbacks]

// NewListener makes the GObject, on any thread. The caller owns one reference,
// which Close gives up, and calls Forget when nothing can come from C any more.
func NewListener(kind int, up ListenerCallbacks, loop *glibloop.Loop, active bool, backlog int) Listener {
	id := listeners.Add(up)
	st := C.gsv_new(C.int(kind), C.uint64_t(id), contextOf(loop), cbool(active), C.int(backlog))
	return Listener{st, id, (*uint64)(unsafe.Pointer(C.gsv_accepted_count(st)))}
}

// Emitted is how many clients a service has had an emission of "incoming" for. Any
// thread, but not after Close.
func (n Listener) Emitted() uint64 { return atomic.LoadUint64(n.accepted) }

// Forget has no callback come any more. Any thread; it may be called twice.
func (n Listener) Forget() { listeners.Remove(n.id) }

// OpenListeners is how many listeners have not been forgotten.
func OpenListeners() int { return listeners.Len() }

// Object is the GObject, without a reference; for any thread.
func (n Listener) Object() unsafe.Pointer { return unsafe.Pointer(C.gsv_object(n.st)) }

// Close closes the listening sockets. Finished is told when GIO has let go.
func (n Listener) Close() { C.gsv_close(n.st) }

// Added is what an add brought: the indices of its sockets and, where it bound a
// Unix path, the file that this made.
type Added struct {
	First, Count int
	Dev, Ino     uint64 // Ino 0: none
}

// AddAddress listens on a native address, for messages if seqpacket, with
// Multipath TCP if multipath. mode is that of a Unix path, or -1; source
// is the source object, or nil.
func (n Listener) AddAddress(sa []byte, seqpacket, multipath, v6only bool, mode int, source unsafe.Pointer) (Added, error) {
	var e C.gsv_error
	p := C.CBytes(sa)
	defer C.free(p)
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	ok := C.gsv_add_address(n.st, p, C.int(len(sa)), cbool(seqpacket), cbool(multipath), cbool(v6only), C.int(mode), (*C.GObject)(source), &e)
	return addResult(ok, &e)
}

// AddInetPort listens on a port of every address, 0 for any free one, and returns
// it.
func (n Listener) AddInetPort(port uint16, source unsafe.Pointer) (uint16, Added, error) {
	var e C.gsv_error
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	got := C.gsv_add_inet_port(n.st, C.int(port), (*C.GObject)(source), &e)
	a, err := addResult(got, &e)
	return uint16(got), a, err
}

// AddFD takes fd over, also when it fails.
func (n Listener) AddFD(fd int, source unsafe.Pointer) (Added, error) {
	var e C.gsv_error
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	return addResult(C.gsv_add_fd(n.st, C.int(fd), (*C.GObject)(source), &e), &e)
}

func addResult(ok C.int, e *C.gsv_error) (Added, error) {
	if ok != 0 {
		return Added{int(e.first), int(e.count), uint64(e.dev), uint64(e.ino)}, nil
	}
	return Added{}, takeError(e)
}

// SocketCount is how many sockets listen.
func (n Listener) SocketCount() int { return int(C.gsv_sock_count(n.st)) }

// SocketAddr is where the i-th listens, nil when the kernel does not tell.
func (n Listener) SocketAddr(i int) net.Addr {
	return sockaddr.Local(int(C.gsv_sock_fd(n.st, C.int(i))))
}

func (n Listener) SetBacklog(backlog int) { C.gsv_set_backlog(n.st, C.int(backlog)) }

func (n Listener) Backlog() int { return int(C.gsv_get_backlog(n.st)) }

// SetActive is the user's start or stop (g_socket_service_start and _stop). It does
// nothing on a service that is that already.
func (n Listener) SetActive(active bool) { C.gsv_set_active(n.st, cbool(active)) }

// IsActive is the property "active".
func (n Listener) IsActive() bool { return C.gsv_is_active(n.st) != 0 }

// Pause keeps GIO from accepting, of which the property "active" shows nothing. It
// answers false when GIO may still accept until ListenerCallbacks.Paused is called.
func (n Listener) Pause() bool { return C.gsv_pause(n.st) != 0 }

// Resume undoes Pause.
func (n Listener) Resume() { C.gsv_resume(n.st) }

// DescriptorsShort looks, during a pause, whether there are descriptors again, and
// accept works; it takes clients to find out.
func (n Listener) DescriptorsShort() bool { return C.gsv_descriptors_short(n.st) != 0 }

// Reclaim is called on the loop's thread after "active" has changed: a start on
// another thread may have GIO accept where nobody iterates.
func (n Listener) Reclaim() { C.gsv_reclaim(n.st) }

// Expose is called once, when others get the GObject.
func (n Listener) Expose() { C.gsv_expose(n.st) }

// OthersListen tells whether other code has connected a handler to "incoming".
func (n Listener) OthersListen() bool { return C.gsv_others_listen(n.st) != 0 }

// Emit emits "incoming" for a connection that was accepted before, with the source
// object of its address, and tells whether it was handled.
func (n Listener) Emit(conn Connection, source unsafe.Pointer) bool {
	return C.gsv_emit(n.st, conn.conn, (*C.GObject)(source)) != 0
}

// Accept begins the one accept of a plain listener, unless one is outstanding;
// Accepted is told its end.
func (n Listener) Accept() { C.gsv_accept(n.st) }

// Connect connects a handler to a signal, for any thread, as g_signal_connect is.
// Disconnect takes what it returns.
func (n Listener) Connect(signal string, handler uint64) uint64 {
	s := C.CString(signal)
	defer C.free(unsafe.Pointer(s))
	return uint64(C.gsv_connect(n.st, s, C.uint64_t(handler)))
}

func (n Listener) Disconnect(id uint64) { C.gsv_disconnect(n.st, C.ulong(id)) }

// Block and Unblock count as g_signal_handler_block and _unblock do; of id 0 they do
// nothing. Unblock is for a handler that is blocked.
func (n Listener) Block(id uint64)   { C.gsv_block(n.st, C.ulong(id)) }
func (n Listener) Unblock(id uint64) { C.gsv_unblock(n.st, C.ulong(id)) }

// ListeningDup returns what is the same for all clients of the i-th socket, with
// one reference to the source, and a duplicate of that socket, the caller's to
// close.
func (n Listener) ListeningDup(i int) (from Incoming, fd int, err error) {
	var in C.gsv_incoming
	r := C.gsv_listening_dup(n.st, C.int(i), &in)
	if r < 0 {
		return Incoming{}, -1, syscall.Errno(-r)
	}
	return Incoming(in), int(r), nil
}
