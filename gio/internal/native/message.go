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

// MaxFDs is how many descriptors one message carries at most.
const MaxFDs = C.GSV_FDS_MAX

// NewFDMessage is for descriptors; see AppendFD.
func NewFDMessage() Message { return Message{C.gsv_fd_message()} }

// AppendFD puts a duplicate of fd into a message for descriptors.
func (m Message) AppendFD(fd int) error {
	var e C.gsv_error
	if C.gsv_fd_message_append(m.m, C.int(fd), &e) == 0 {
		return takeError(&e)
	}
	return nil
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
	Plain          bool  // the byte has no descriptor: it was left unread
	Lost           bool  // the kernel had to drop some of what came
	Came           int   // descriptors that came
	FDs            []int // the first of them, the caller's to close; the others are closed
	HasCredentials bool
	HasSender      bool // the kernel knows who sent it, perhaps without an ID here
	Credentials    Credentials
}

// What ReceiveMessage is to look for.
const (
	WantFDs         = C.GSV_WANT_FDS
	WantCredentials = C.GSV_WANT_CREDENTIALS
)

// ReceiveMessage takes one byte and what came with it from a descriptor, without
// ever blocking: of the descriptors no more than max, and none unless those are
// wanted. Where bytes are in messages, it
// leaves those of any other length alone, as Plain. It answers count == 0 at the end of the stream; a failure is an errno.
func ReceiveMessage(fd, want, max int, messages bool) (r Received, count int, errno syscall.Errno) {
	var out C.gsv_received
	var fds [MaxFDs]C.int
	c := C.gsv_receive_message(C.int(fd), C.int(want), C.int(min(max, MaxFDs)), cbool(messages), &fds[0], &out)
	if c < 0 {
		return r, 0, syscall.Errno(-c)
	}
	r = Received{Byte: byte(out.byte), Plain: out.plain != 0, Lost: out.lost != 0, Came: int(out.came)}
	for _, n := range fds[:out.kept] {
		r.FDs = append(r.FDs, int(n))
	}
	if out.has_credentials != 0 {
		r.HasCredentials, r.HasSender = true, out.has_sender != 0
		r.Credentials = Credentials{PID: int(out.pid), UID: int(out.uid), GID: int(out.gid)}
	}
	return r, int(c), 0
}
