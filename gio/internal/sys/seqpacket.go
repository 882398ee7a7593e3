package sys

import "syscall"

// IsSeqpacket tells whether fd is a SOCK_SEQPACKET socket: a connection of messages.
func IsSeqpacket(fd int) bool {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	return err == nil && kind == syscall.SOCK_SEQPACKET
}
