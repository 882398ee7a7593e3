package gio

import (
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Bytes move by the system calls that g_socket_receive_with_blocking and
// g_socket_send_with_blocking make, and by these themselves once somebody else may
// have the GSocket: then it is GIO that knows whether it is still open.

// The bounds of a brief call, see package sys, in bytes: some 10 microseconds.
const (
	briefRecv = 64 << 10 // of space; there are seldom as many
	briefSend = 16 << 10
)

// recv never blocks; a failure is an errno. The caller holds life and rmu, and b
// is not empty.
func (c *conn) recv(b []byte) (int, syscall.Errno) {
	if c.shared.Load() {
		return c.native.Recv(b)
	}
	return sys.Recv(int(c.fd), b, len(b) <= briefRecv && c.family != syscall.AF_UNIX)
}

// send is the same for wmu.
func (c *conn) send(b []byte) (int, syscall.Errno) {
	if c.shared.Load() {
		return c.native.Send(b)
	}
	return sys.Send(int(c.fd), b, len(b) <= briefSend && c.family != syscall.AF_UNIX && c.sendsBrief())
}

// sendsBrief is the choice between what all connections move together and how
// long one may have to wait when more threads want a processor than there are:
// see package sys. With one ordinary call in eight most of the gain is left, and
// the slowest hundredth waits a quarter longer than with none but ordinary ones;
// with none at all it would be more than twice as long.
func (c *conn) sendsBrief() bool {
	c.sends++
	return c.sends%8 != 0 || c.poll.file.Load() == nil
}
