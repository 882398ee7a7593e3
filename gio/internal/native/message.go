package gio

// The calls into native_unix.c.

/*
#include "native_unix.h"
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// message is a GSocketControlMessage: what goes beside the byte that carries
// it. Its owner holds one reference.
type message struct{ m *C.GSocketControlMessage }

// newFDMessage duplicates fd.
func newFDMessage(fd int) (message, error) {
	var e C.gsv_error
	m := C.gsv_fd_message(C.int(fd), &e)
	if m == nil {
		return message{}, takeError(&e)
	}
	return message{m}, nil
}

func newCredentialsMessage() message { return message{C.gsv_credentials_message()} }

func (m message) unref() { C.gsv_unref(C.gpointer(m.m)) }

// sendMessage and receiveMessage never block; a failure is an errno.

func (n nativeConn) sendMessage(m message) syscall.Errno {
	return syscall.Errno(-C.gsv_send_message(n.socket, m.m))
}

// received is one byte of a Unix socket and what came with it.
type received struct {
	byte        byte
	plain, lost bool
	nfds, fd    int
	credentials *Credentials
}

const (
	wantFD          = C.GSV_WANT_FD
	wantCredentials = C.GSV_WANT_CREDENTIALS
)

// receiveMessage answers n == 0 at the end of the stream.
func (n nativeConn) receiveMessage(want int) (r received, count int, errno syscall.Errno) {
	var out C.gsv_received
	c := C.gsv_receive_message(n.socket, C.int(want), &out)
	if c < 0 {
		return r, 0, syscall.Errno(-c)
	}
	r = received{byte: byte(out.byte), plain: out.plain != 0, lost: out.lost != 0, nfds: int(out.nfds), fd: int(out.fd)}
	if out.has_credentials != 0 {
		r.credentials = &Credentials{PID: int(out.pid), UID: int(out.uid), GID: int(out.gid)}
	}
	return r, int(c), 0
}

// connFromFD makes a connection of a connected socket, which it takes over also
// when it fails.
func connFromFD(fd int) (*SocketConnection, error) {
	var in C.gsv_incoming
	var e C.gsv_error
	if C.gsv_connection_from_fd(C.int(fd), &in, &e) == 0 {
		return nil, takeError(&e)
	}
	return newConn(nil, (*incoming)(&in)), nil
}

func (n nativeConn) isTCP() bool { return C.gsv_is_tcp(n.conn) != 0 }

func (n nativeConn) setGraceful(on bool) { C.gsv_set_graceful(n.conn, cbool(on)) }

func (n nativeConn) graceful() bool { return C.gsv_get_graceful(n.conn) != 0 }

func (n nativeConn) keepAlive() bool { return C.gsv_get_keepalive(n.socket) != 0 }

func (n nativeConn) linger() (int, error) {
	var sec C.int
	err := errnoOf(C.gsv_get_linger(n.socket, &sec))
	return int(sec), err
}

func (n nativeConn) socketPointer() unsafe.Pointer { return unsafe.Pointer(n.socket) }
