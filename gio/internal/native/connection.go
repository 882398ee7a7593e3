package gio

// All calls into C. Everything else in the package is Go over these.

/*
#cgo pkg-config: gio-2.0 gio-unix-2.0
#cgo CFLAGS: -Wall -Wno-unused-function
#cgo noescape gsv_recv
#cgo noescape gsv_send
#cgo noescape gsv_sockname
#cgo noescape gsv_peername
#cgo noescape gsv_lane_take
#include <stdlib.h>
#include "cgo.h"
*/
import "C"

import (
	"net"
	"syscall"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"

	"github.com/glibserve/glibserve/glibloop"
)

// The GObject class behind a listener.
const (
	kindListener = C.GSV_LISTENER
	kindService  = C.GSV_SERVICE
	kindThreaded = C.GSV_THREADED
)

// What an emission is answered with, see cgo.h.
const (
	resultHandled = C.GSV_HANDLED
	resultKept    = C.GSV_KEPT
	resultChain   = C.GSV_CHAIN
	pauseShift    = C.GSV_PAUSE_SHIFT

	pauseConsumer    = C.GSV_PAUSE_CONSUMER
	pauseHeld        = C.GSV_PAUSE_HELD
	pauseMaxConns    = C.GSV_PAUSE_MAX_CONNS
	pauseDescriptors = C.GSV_PAUSE_DESCRIPTORS
	pauseMaxThreads  = C.GSV_PAUSE_MAX_THREADS
	pauseRush        = C.GSV_PAUSE_RUSH
)

// native is the C state of a listener. All methods but those marked otherwise
// are for the loop's thread.
type native struct{ st *C.gsv_state }

// newNative makes the GObject, on any thread. The caller owns one reference,
// which close gives up.
func newNative(kind int, id uint64, loop *glibloop.Loop, active bool, backlog, maxThreads int) native {
	ctx := (*C.GMainContext)(gextras.StructNative(unsafe.Pointer(loop.MainContext())))
	return native{C.gsv_new(C.int(kind), C.uint64_t(id), ctx, cbool(active), C.int(backlog), C.int(maxThreads))}
}

func cbool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func (n native) object() unsafe.Pointer { return unsafe.Pointer(C.gsv_object(n.st)) }

func (n native) close() { C.gsv_close(n.st) }

// added are the indices of the sockets that an add brought.
type added struct{ first, count int }

func (n native) addAddress(sa []byte, v6only bool, mode int, source unsafe.Pointer) (added, error) {
	var e C.gsv_error
	p := C.CBytes(sa)
	defer C.free(p)
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	if C.gsv_add_address(n.st, p, C.int(len(sa)), cbool(v6only), C.int(mode), (*C.GObject)(source), &e) != 0 {
		return added{int(e.first), int(e.count)}, nil
	}
	return added{}, takeError(&e)
}

func (n native) addInetPort(port uint16, source unsafe.Pointer) (uint16, added, error) {
	var e C.gsv_error
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	if got := C.gsv_add_inet_port(n.st, C.int(port), (*C.GObject)(source), &e); got != 0 {
		return uint16(got), added{int(e.first), int(e.count)}, nil
	}
	return 0, added{}, takeError(&e)
}

// addFD takes fd over, also when it fails.
func (n native) addFD(fd int, source unsafe.Pointer) (added, error) {
	var e C.gsv_error
	C.gsv_enter(n.st)
	defer C.gsv_leave(n.st)
	if C.gsv_add_fd(n.st, C.int(fd), (*C.GObject)(source), &e) != 0 {
		return added{int(e.first), int(e.count)}, nil
	}
	return added{}, takeError(&e)
}

func (n native) setBacklog(backlog int) { C.gsv_set_backlog(n.st, C.int(backlog)) }

func (n native) backlog() int { return int(C.gsv_get_backlog(n.st)) }

func (n native) setWish(active bool) { C.gsv_set_wish(n.st, cbool(active)) }

func (n native) pause(set, clear uint32) { C.gsv_pause(n.st, C.uint(set), C.uint(clear)) }

func (n native) checkDescriptors() { C.gsv_check_descriptors(n.st) }

func (n native) adoptActive() bool { return C.gsv_adopt_active(n.st) != 0 }

func (n native) expectForeign() { C.gsv_expect_foreign(n.st) }

func (n native) pauses() uint32 { return uint32(C.gsv_pauses(n.st)) }

func (n native) jobsFull() bool { return C.gsv_jobs_full(n.st) != 0 }

func (n native) accept() { C.gsv_accept(n.st) }

// connect is for any thread, as g_signal_connect is.
func (n native) connect(signal string, handler uint64) uint64 {
	s := C.CString(signal)
	defer C.free(unsafe.Pointer(s))
	return uint64(C.gsv_connect(n.st, s, C.uint64_t(handler)))
}

func (n native) disconnect(id uint64) { C.gsv_disconnect(n.st, C.ulong(id)) }

func (n native) sockCount() int { return int(C.gsv_sock_count(n.st)) }

func (n native) sockAddr(i int) net.Addr { return localAddr(int(C.gsv_sock_fd(n.st, C.int(i)))) }

// nativeLane is Go's reference to a lane, see cgo.h.
type nativeLane struct{ lane *C.gsv_lane }

func newNativeLane(eventFD int) nativeLane { return nativeLane{C.gsv_lane_new(C.int(eventFD))} }

func (n native) attachLane(lane nativeLane) { C.gsv_lane_attach(n.st, lane.lane) }

func (n native) laneBudget(budget int) { C.gsv_lane_budget(n.st, C.int(budget)) }

// lanePushed is how many connections have gone into lanes so far; any thread.
func (n native) lanePushed() uint64 { return uint64(C.gsv_lane_pushed(n.st)) }

func (l nativeLane) off()   { C.gsv_lane_off(l.lane) }
func (l nativeLane) unref() { C.gsv_lane_unref(l.lane) }

// take fills out and returns how many there were.
func (l nativeLane) take(out []incoming) int {
	return int(C.gsv_lane_take(l.lane, (*C.gsv_incoming)(&out[0]), C.int(len(out))))
}

// openDoor returns what is the same for all clients of the i-th socket, and a
// duplicate of that, the caller's to close.
func (n native) openDoor(i int) (from incoming, fd int, err error) {
	var in C.gsv_incoming
	r := C.gsv_door(n.st, C.int(i), &in)
	return incoming(in), int(r), errnoOf(r)
}

// dropSource gives up the reference to the source that take hands over.
func (in *incoming) dropSource() {
	if in.source != nil {
		C.gsv_unref(C.gpointer(in.source))
	}
}

// newSource makes the GObject that carries the Go value with this id through
// GIO; the caller owns one reference.
func newSource(id uint64) unsafe.Pointer { return unsafe.Pointer(C.gsv_source_new(C.uint64_t(id))) }

func objectRef(p unsafe.Pointer)   { C.gsv_ref(C.gpointer(p)) }
func objectUnref(p unsafe.Pointer) { C.gsv_unref(C.gpointer(p)) }

// wrap makes a gotk4 object. gotk4 never gives its toggle reference back; the
// second reference, held for good, keeps it from ever firing, which a program
// under -race or -asan would not survive.
func wrap(p unsafe.Pointer) *coreglib.Object {
	objectRef(p)
	objectRef(p)
	return coreglib.AssumeOwnership(p)
}

// nativeConn is an accepted or connected GSocketConnection. Its owner holds
// one reference. All methods are for any thread.
type nativeConn struct {
	conn   *C.GSocketConnection
	socket *C.GSocket // the connection's own, alive as long as it
}

// newNativeConn makes the GObjects around a connected socket, whose descriptor is
// theirs then. The caller owns one reference.
func newNativeConn(fd int32) (n nativeConn, err error) {
	err = errnoOf(C.gsv_conn_dress(C.int(fd), &n.conn, &n.socket))
	return n, err
}

// recv and send never block; a failure is an errno. b is not empty.

func (n nativeConn) recv(b []byte) (int, syscall.Errno) {
	r := C.gsv_recv(address(n.socket), (*C.uint8_t)(&b[0]), C.gsize(len(b)))
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int(r), 0
}

func (n nativeConn) send(b []byte) (int, syscall.Errno) {
	r := C.gsv_send(address(n.socket), (*C.uint8_t)(&b[0]), C.gsize(len(b)))
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int(r), 0
}

// close closes the stream and the socket and gives up the reference.
func (n nativeConn) close() {
	C.gsv_conn_close(C.uintptr_t(uintptr(unsafe.Pointer(n.conn))), address(n.socket))
}

// address passes a C object to the functions that take it as a number.
func address(s *C.GSocket) C.uintptr_t { return C.uintptr_t(uintptr(unsafe.Pointer(s))) }

// unref gives up the reference alone.
func (n nativeConn) unref() { C.gsv_unref(C.gpointer(n.conn)) }

func (n nativeConn) pointer() unsafe.Pointer { return unsafe.Pointer(n.conn) }

func (n nativeConn) isConnected() bool { return C.gsv_conn_is_connected(n.conn) != 0 }

func (n nativeConn) shutdown(rd, wr bool) error {
	return errnoOf(C.gsv_shutdown(n.socket, cbool(rd), cbool(wr)))
}

func (n nativeConn) setOption(level, name, value int) error {
	return errnoOf(C.gsv_set_option(n.socket, C.int(level), C.int(name), C.int(value)))
}

func (n nativeConn) option(level, name int) (int, error) {
	var v C.int
	err := errnoOf(C.gsv_get_option(n.socket, C.int(level), C.int(name), &v))
	return int(v), err
}

func (n nativeConn) setKeepAlive(on bool) { C.gsv_set_keepalive(n.socket, cbool(on)) }

func (n nativeConn) credentials() (*Credentials, error) {
	var pid C.int
	var uid, gid C.uint
	var e C.gsv_error
	if C.gsv_credentials(n.socket, &pid, &uid, &gid, &e) == 0 {
		return nil, takeError(&e)
	}
	return &Credentials{PID: int(pid), UID: int(uid), GID: int(gid)}, nil
}

func (n nativeConn) count() { C.gsv_count(n.conn) }

// counted tells how many connections were counted and how many of those GObject
// has finalized; one that ended without GObjects is both.
func counted() (accepted, finalized uint64) {
	var a, f C.uint64_t
	C.gsv_counted(&a, &f)
	return uint64(a) + uint64(bareCounts.begun.Load()), uint64(f) + uint64(bareCounts.ended.Load())
}

func errnoOf(r C.int) error {
	if r < 0 {
		return syscall.Errno(-r)
	}
	return nil
}

func sockname(fd int, buf []byte) (int, error) {
	n := C.int(len(buf))
	err := errnoOf(C.gsv_sockname(C.int(fd), unsafe.Pointer(&buf[0]), &n))
	return int(n), err
}

func peername(fd int, buf []byte) (int, error) {
	n := C.int(len(buf))
	err := errnoOf(C.gsv_peername(C.int(fd), unsafe.Pointer(&buf[0]), &n))
	return int(n), err
}

// takeError copies a GError and frees it.
func takeError(e *C.gsv_error) *Error {
	err := &Error{errno: syscall.Errno(e.sys_errno)}
	if e.error == nil {
		err.Domain, err.Code, err.Message = "g-io-error-quark", codeFailed, "unknown error"
		return err
	}
	err.Domain = C.GoString(C.gsv_error_domain(e))
	err.Code = int(e.error.code)
	err.Message = C.GoString((*C.char)(e.error.message))
	C.gsv_error_clear(e)
	return err
}

// incoming is one accepted connection on its way from C.
type incoming C.gsv_incoming

func (in *incoming) conn() nativeConn { return nativeConn{in.connection, in.socket} }

func (in *incoming) pointer() unsafe.Pointer { return unsafe.Pointer(in.connection) }

func (in *incoming) descriptor() int { return int(in.fd) }

// accept takes a client for which the rest is filled in already.
func (in *incoming) accept(fd int) syscall.Errno {
	client, n, errno := accept4(fd, unsafe.Slice((*byte)(unsafe.Pointer(&in.peer)), len(in.peer)))
	if errno != 0 {
		return errno
	}
	in.fd, in.peer_len = C.int(client), C.int(n)
	if n > len(in.peer) {
		in.peer_len = -1
	}
	return 0
}

// sock is the index of the listening socket, or -1.
func (in *incoming) listening() int { return int(in.sock) }

// peerBytes is the peer's native address; ok is false when it has to be asked
// for.
func (in *incoming) peerBytes() (b []byte, ok bool) {
	if in.peer_len < 0 {
		return nil, false
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&in.peer)), int(in.peer_len)), true
}

// sourceValue is the Go value given with the listening socket's address.
func (in *incoming) sourceValue() any {
	if in.source == nil {
		return nil
	}
	return sourceValue(uint64(in.source_id), unsafe.Pointer(in.source))
}
