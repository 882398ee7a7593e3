package native

/*
#include <stdlib.h>
#include "listener.h"
*/
import "C"

import (
	"net"
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
	st *C.gsv_state
	id uint64 // in listeners
}

var listeners Registry[ListenerCallbacks]

// NewListener makes the GObject, on any thread. The caller owns one reference,
// which Close gives up, and calls Forget when nothing can come from C any more.
func NewListener(kind int, up ListenerCallbacks, loop *glibloop.Loop, active bool, backlog, maxThreads int) Listener {
	id := listeners.Add(up)
	return Listener{C.gsv_new(C.int(kind), C.uint64_t(id), contextOf(loop), cbool(active), C.int(backlog), C.int(maxThreads)), id}
}

// Forget has no callback come any more. Any thread; it may be called twice.
func (n Listener) Forget() { listeners.Remove(n.id) }

// OpenListeners is how many listeners have not been forgotten.
func OpenListeners() int { return listeners.Len() }

// Object is the GObject, without a reference; for any thread.
func (n Listener) Object() unsafe.Pointer { return unsafe.Pointer(C.gsv_object(n.st)) }

// Close closes the listening sockets. Finished is told when GIO has let go.
func (n Listener) Close() { C.gsv_close(n.st) }

// Added are the indices of the sockets that an add brought.
type Added struct{ First, Count int }

// AddAddress listens on a native address. mode is that of a Unix path, or -1; source
// is the source object, or nil.
func (n Listener) AddAddress(sa []byte, v6only bool, mode int, source unsafe.Pointer) (Added, error) {
	var e C.gsv_error
	p := C.CBytes(sa)
	defer C.free(p)
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	ok := C.gsv_add_address(n.st, p, C.int(len(sa)), cbool(v6only), C.int(mode), (*C.GObject)(source), &e)
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
		return Added{int(e.first), int(e.count)}, nil
	}
	return Added{}, takeError(e)
}

// SockCount is how many sockets listen.
func (n Listener) SockCount() int { return int(C.gsv_sock_count(n.st)) }

// SockAddr is where the i-th listens, nil when the kernel does not tell.
func (n Listener) SockAddr(i int) net.Addr { return sockaddr.Local(int(C.gsv_sock_fd(n.st, C.int(i)))) }

func (n Listener) SetBacklog(backlog int) { C.gsv_set_backlog(n.st, C.int(backlog)) }

func (n Listener) Backlog() int { return int(C.gsv_get_backlog(n.st)) }

// SetActive is what the user wishes: start or stop.
func (n Listener) SetActive(active bool) { C.gsv_set_wish(n.st, cbool(active)) }

// AdoptActive takes start and stop called on the GObject itself for the user's wish,
// and returns that.
func (n Listener) AdoptActive() bool { return C.gsv_adopt_active(n.st) != 0 }

// Pause adds and removes reasons why the service is not to accept.
func (n Listener) Pause(set, clear Reasons) { C.gsv_pause(n.st, C.uint(set), C.uint(clear)) }

// Pauses are the reasons there are.
func (n Listener) Pauses() Reasons { return Reasons(C.gsv_pauses(n.st)) }

// CheckDescriptors looks whether a pause for lack of descriptors may end.
func (n Listener) CheckDescriptors() { C.gsv_check_descriptors(n.st) }

// ExpectForeign is called once others have the GObject.
func (n Listener) ExpectForeign() { C.gsv_expect_foreign(n.st) }

// JobsFull tells whether every worker of a threaded service is busy.
func (n Listener) JobsFull() bool { return C.gsv_jobs_full(n.st) != 0 }

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

// Direct returns what is the same for all clients of the i-th socket, with one
// reference to the source, and a duplicate of that socket, the caller's to close.
func (n Listener) Direct(i int) (from Incoming, fd int, err error) {
	var in C.gsv_incoming
	r := C.gsv_door(n.st, C.int(i), &in)
	if r < 0 {
		return Incoming{}, -1, syscall.Errno(-r)
	}
	return Incoming(in), int(r), nil
}
