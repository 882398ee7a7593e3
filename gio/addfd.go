package gio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// AddListener accepts from what ln listens on (g_socket_listener_add_socket):
// a socket made elsewhere, such as one with SO_REUSEPORT. ln is a
// *net.TCPListener, a *net.UnixListener, or anything else with a SyscallConn
// whose descriptor is a listening TCP or Unix socket; what only wraps such a
// listener, as package tls does, is an error.
//
// The descriptor is duplicated: ln stays the caller's, and closing either
// changes nothing for the other. As long as both accept, each gets some of the
// clients. A Unix path is not removed on Close: whoever bound it does that.
//
// The socket is set non-blocking, and gets the least SO_RCVTIMEO that there is, so
// that nothing waits in accept(2) when others change its mode and take the client.
// Both are the socket's, not the duplicate's: a program that accepts from it as
// well sees EAGAIN when it doesn't wait by poll(2), and TCP connections that it
// accepts inherit the timeout. With Multipath TCP, which net.Listen has by default,
// the timeout does nothing, and SIGURG ends such a wait.
//
// No ListenerEvent is emitted, and the connections carry source, as with
// AddAddress. Errors are *net.OpError.
func (l *SocketListener) AddListener(ln net.Listener, source any) error {
	if ln == nil {
		return listenError(nil, "socket", errors.New("AddListener with a nil listener"))
	}
	c, ok := ln.(syscall.Conn)
	if !ok {
		return listenError(nil, "socket", fmt.Errorf(
			"a listener of type %T has no descriptor: want *net.TCPListener, *net.UnixListener or another with a SyscallConn method", ln))
	}
	fd, err := dupListening(c)
	if err != nil {
		// Addr of a nil *net.TCPListener would crash.
		return listenError(nil, "socket", fmt.Errorf("AddListener of %T: %w", ln, err))
	}
	return l.l.addFD(fd, source)
}

// AddFile accepts from the listening TCP or Unix socket that f is, such as one
// that came by socket activation (g_socket_listener_add_socket). All that
// AddListener says holds here: f stays the caller's to close. Its descriptor is
// set non-blocking, which every duplicate of it shares.
func (l *SocketListener) AddFile(f *os.File, source any) error {
	if f == nil {
		return listenError(nil, "socket", errors.New("AddFile with a nil file"))
	}
	fd, err := dupListening(f)
	if err != nil {
		return listenError(nil, "socket", fmt.Errorf("AddFile of %s: %w", f.Name(), err))
	}
	return l.l.addFD(fd, source)
}

// dupListening returns a descriptor of our own for the listening socket that c
// is.
func dupListening(c syscall.Conn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err // a nil pointer inside the interface, too
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(s uintptr) { fd, dupErr = sys.Dup(int(s)) }); err != nil {
		if _, ok := c.(*os.File); ok {
			return -1, os.ErrClosed // the one reason, and os does not export it
		}
		return -1, err
	}
	if dupErr != nil {
		return -1, os.NewSyscallError("fcntl", dupErr)
	}
	if err := checkListening(fd); err != nil {
		_ = syscall.Close(fd)
		return -1, err
	}
	return fd, nil
}

// checkListening refuses what GIO would take and never accept from.
func checkListening(fd int) error {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	if err != nil {
		return sys.WithMessage(err, "not a socket: %v", err)
	}
	if kind != syscall.SOCK_STREAM && kind != syscall.SOCK_SEQPACKET {
		return sys.WithMessage(syscall.ESOCKTNOSUPPORT, "not a stream socket")
	}
	if a := sockaddr.Local(fd); a == nil || kind == syscall.SOCK_SEQPACKET && !sockaddr.IsSeqpacket(a) {
		return sys.WithMessage(syscall.EAFNOSUPPORT, "neither a TCP nor a Unix socket")
	}
	listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return os.NewSyscallError("getsockopt", err)
	}
	if listens == 0 {
		return sys.WithMessage(syscall.EINVAL, "the socket does not listen")
	}
	return nil
}

// addFD takes fd over, also when it fails.
func (l *listener) addFD(fd int, source any) error {
	addr := sockaddr.Local(fd)
	if addr.Network() == "tcp" {
		// Accepted sockets inherit it, as from the sockets that Listen makes.
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	}
	given := false
	_, err := l.add(addr, source, true, func(source sourceRef) (native.Added, error) {
		given = true
		return l.native.AddFD(fd, source.ptr)
	})
	if err != nil && !given {
		_ = syscall.Close(fd)
	}
	return listenError(addr, "", err)
}
