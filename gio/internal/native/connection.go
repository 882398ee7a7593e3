package native

/*
#cgo noescape gsv_recv
#cgo noescape gsv_send
#include "connection.h"
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// Connection is an accepted or connected GSocketConnection. Its owner holds one
// reference. All methods are for any thread. The zero value is none.
type Connection struct {
	conn   *C.GSocketConnection
	socket *C.GSocket // the connection's own, alive as long as it
}

// NewConnection makes the GObjects around a connected socket, whose descriptor is
// theirs then. The caller owns one reference. When it fails, fd is the caller's as
// before; the error is a bare errno.
func NewConnection(fd int) (n Connection, err error) {
	if errno := errnoOf(C.gsv_conn_new_for_fd(C.int(fd), &n.conn, &n.socket)); errno != 0 {
		return Connection{}, errno
	}
	return n, nil
}

// ConnectionFromFD makes a connection of a connected socket, which it takes over
// also when it fails. The caller owns one reference.
func ConnectionFromFD(fd int) (n Connection, err error) {
	var e C.gsv_error
	if C.gsv_conn_take_fd(C.int(fd), &n.conn, &n.socket, &e) == 0 {
		return Connection{}, takeError(&e)
	}
	return n, nil
}

// Valid tells whether there is one.
func (n Connection) Valid() bool { return n.conn != nil }

// FD is the descriptor, -1 once the GSocket is closed.
func (n Connection) FD() int { return int(C.gsv_socket_fd(n.socket)) }

// Recv and Send never block; a failure is an errno. b is not empty.

func (n Connection) Recv(b []byte) (int, syscall.Errno) {
	r := C.gsv_recv(address(n.socket), (*C.uint8_t)(&b[0]), C.gsize(len(b)))
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int(r), 0
}

func (n Connection) Send(b []byte) (int, syscall.Errno) {
	r := C.gsv_send(address(n.socket), (*C.uint8_t)(&b[0]), C.gsize(len(b)))
	if r < 0 {
		return 0, syscall.Errno(-r)
	}
	return int(r), 0
}

// Close closes the stream and the socket and gives up the reference.
func (n Connection) Close() {
	C.gsv_conn_close(C.uintptr_t(uintptr(unsafe.Pointer(n.conn))), address(n.socket))
}

// address passes a C object to the functions that take it as a number.
func address(s *C.GSocket) C.uintptr_t { return C.uintptr_t(uintptr(unsafe.Pointer(s))) }

// Ref takes one more reference.
func (n Connection) Ref() { ObjectRef(n.Pointer()) }

// Unref gives up the reference alone: the connection stays open for who has another.
func (n Connection) Unref() { ObjectUnref(n.Pointer()) }

// Pointer is the GSocketConnection, without a reference.
func (n Connection) Pointer() unsafe.Pointer { return unsafe.Pointer(n.conn) }

// SocketPointer is the GSocket, without a reference.
func (n Connection) SocketPointer() unsafe.Pointer { return unsafe.Pointer(n.socket) }

func (n Connection) IsConnected() bool { return C.gsv_conn_is_connected(n.conn) != 0 }

func (n Connection) IsTCP() bool { return C.gsv_is_tcp(n.conn) != 0 }

// Shutdown is shutdown(2) by GIO.
func (n Connection) Shutdown(rd, wr bool) syscall.Errno {
	return errnoOf(C.gsv_shutdown(n.socket, cbool(rd), cbool(wr)))
}

// SetOption and Option are setsockopt(2) and getsockopt(2) of an int, by GIO.

func (n Connection) SetOption(level, name, value int) syscall.Errno {
	return errnoOf(C.gsv_set_option(n.socket, C.int(level), C.int(name), C.int(value)))
}

func (n Connection) Option(level, name int) (int, syscall.Errno) {
	var v C.int
	errno := errnoOf(C.gsv_get_option(n.socket, C.int(level), C.int(name), &v))
	return int(v), errno
}

func (n Connection) SetKeepAlive(on bool) { C.gsv_set_keepalive(n.socket, cbool(on)) }

func (n Connection) KeepAlive() bool { return C.gsv_get_keepalive(n.socket) != 0 }

// Linger is SO_LINGER in seconds, -1 for the system's default.
func (n Connection) Linger() (int, syscall.Errno) {
	var sec C.int
	errno := errnoOf(C.gsv_get_linger(n.socket, &sec))
	return int(sec), errno
}

// SetGraceful sets the property "graceful-disconnect" of a GTcpConnection; others
// have none.
func (n Connection) SetGraceful(on bool) { C.gsv_set_graceful(n.conn, cbool(on)) }

func (n Connection) Graceful() bool { return C.gsv_get_graceful(n.conn) != 0 }

// Credentials identify the process at the other end of a Unix socket, as the
// kernel recorded or checked them.
type Credentials struct {
	PID int
	UID int
	GID int
}

// Credentials asks the kernel for the peer's.
func (n Connection) Credentials() (Credentials, error) {
	var pid C.int
	var uid, gid C.uint
	var e C.gsv_error
	if C.gsv_credentials(n.socket, &pid, &uid, &gid, &e) == 0 {
		return Credentials{}, takeError(&e)
	}
	return Credentials{PID: int(pid), UID: int(uid), GID: int(gid)}, nil
}

// Count has Counted count the connection.
func (n Connection) Count() { C.gsv_count(n.conn) }

// Counted tells how many connections were counted and how many of those GObject has
// finalized.
func Counted() (accepted, finalized uint64) {
	var a, f C.uint64_t
	C.gsv_counted(&a, &f)
	return uint64(a), uint64(f)
}
