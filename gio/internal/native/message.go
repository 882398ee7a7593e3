package native

/*
#include "connection.h"
#include "message.h"
*/
import "C"

import "syscall"

// Message is a GSocketControlMessage: what goes beside the byte that carries it.
// Its owner holds one reference. The zero value is none.
type Message struct{ m *C.GSocketControlMessage }

// NewFDMessage duplicates fd.
func NewFDMessage(fd int) (Message, error) {
	var e C.gsv_error
	m := C.gsv_fd_message(C.int(fd), &e)
	if m == nil {
		return Message{}, takeError(&e)
	}
	return Message{m}, nil
}

// NewCredentialsMessage has this process's own.
func NewCredentialsMessage() Message { return Message{C.gsv_credentials_message()} }

func (m Message) Unref() { C.gsv_unref(C.gpointer(m.m)) }

// SendMessage never blocks; a failure is an errno.

func (n Connection) SendMessage(m Message) syscall.Errno {
	return errnoOf(C.gsv_send_message(n.socket, m.m))
}

// Received is one byte of a Unix socket and what came with it.
type Received struct {
	Byte           byte
	Plain          bool // the byte has no descriptor: it was left unread
	Lost           bool // the kernel had to drop some of what came
	FDs            int  // descriptors that came; all but a single one are closed
	FD             int  // the single one, the caller's to close; or -1
	HasCredentials bool
	HasSender      bool // the kernel knows who sent it, perhaps without an ID here
	Credentials    Credentials
}

// What ReceiveMessage is to look for.
const (
	WantFD          = C.GSV_WANT_FD
	WantCredentials = C.GSV_WANT_CREDENTIALS
)

// ReceiveMessage takes one byte and what came with it from a descriptor, without
// ever blocking. It answers count == 0 at the end of the stream; a failure is an
// errno.
func ReceiveMessage(fd, want int) (r Received, count int, errno syscall.Errno) {
	var out C.gsv_received
	c := C.gsv_receive_message(C.int(fd), C.int(want), &out)
	if c < 0 {
		return r, 0, syscall.Errno(-c)
	}
	r = Received{Byte: byte(out.byte), Plain: out.plain != 0, Lost: out.lost != 0, FDs: int(out.nfds), FD: int(out.fd)}
	if out.has_credentials != 0 {
		r.HasCredentials, r.HasSender = true, out.has_sender != 0
		r.Credentials = Credentials{PID: int(out.pid), UID: int(out.uid), GID: int(out.gid)}
	}
	return r, int(c), 0
}
