package gio

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sockaddr"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// NewSocketConnection makes a net.Conn of a GSocketConnection that was made
// elsewhere: by gotk4's GSocketClient or GSocketService, by GDBus, by libsoup, or by
// code in C. It is a *SocketConnection as all others are. It takes a reference of its
// own, and does not block.
//
// The connection belongs to both from then on. Close closes it for both,
// whoever waits on whichever thread, and so does GIO code: then the peer sees the end, and Read and Write, also one that waits, are
// net.ErrClosed within a second. A connection that is forgotten here is not closed:
// the garbage collector gives up this reference alone. Read and Write are safe beside
// the other owner's calls, on any thread; which of two readers gets a byte is for the
// program to decide. It takes a second descriptor.
//
// A GTcpWrapperConnection, which a GSocketClient with "tls" and one behind a proxy
// that speaks TLS make, is read and written through its GTlsConnection: by Go as by
// GIO, bytes are the plain text, and TLS tells of the handshake. On a GTlsConnection
// two readers at once, or two writers, are a mistake, whichever side they are on. Any
// other GSocketConnection whose bytes are not those of its socket is an error:
// NewStreamConn reads those. What is set on the socket stays, TCP_NODELAY among it;
// "graceful-disconnect" of a GTcpConnection counts in Close, as SetGracefulDisconnect
// has it.
//
// Errors are *net.OpError: net.ErrClosed for a connection that is closed,
// syscall.ENOTCONN for one that is not connected yet, syscall.ESOCKTNOSUPPORT for one
// that is no stream.
func NewSocketConnection(conn *gotkgio.SocketConnection) (*SocketConnection, error) {
	defer runtime.KeepAlive(conn)
	fail := func(err error) (*SocketConnection, error) {
		return nil, &net.OpError{Op: "adopt", Net: "GSocketConnection", Err: err}
	}
	address := gobjectOf(conn)
	if address == 0 {
		return fail(errors.New("a nil connection"))
	}
	a, err := native.Adopt(*(*unsafe.Pointer)(unsafe.Pointer(&address))) // C memory: nothing moves
	switch {
	case err == native.ErrOtherBytes:
		return fail(sys.WithMessage(errors.ErrUnsupported, "%v: use NewStreamConn of it", err))
	case err == syscall.ENOTCONN:
		return fail(sys.WithMessage(err, "the socket is not connected"))
	case err != nil:
		return fail(err)
	}
	if err := checkStream(a.FD); err != nil {
		if a.TLS.Valid() {
			a.TLS.Free()
		}
		a.Connection.Unref()
		return fail(err)
	}
	sc := newConnOf(a.Connection, a.FD, a.Peer, true)
	sc.c.given.Store(true)
	if c := sc.c; a.TLS.Valid() {
		c.adopted = true
		c.tls.Store(giostream.AdoptTLS(&c.fd, a.TLS))
		c.share() // TLS moves the bytes by GIO
	}
	if a.Connection.FD() != a.FD { // closed in that moment, and the number perhaps another's
		sc.c.end(false)
		return fail(net.ErrClosed)
	}
	sc.watchForgotten()
	return sc, nil
}

// FileConn makes a connection of the connected TCP or Unix stream socket that f is, as
// net.FileConn does: standard input of a program that inetd or systemd with Accept=yes
// has started, or what SocketConnection.ReceiveFile brought. The descriptor is
// duplicated: f stays the caller's, and closing either changes nothing for the other;
// the peer sees the end when both are closed. Both share one socket, whose options are
// those of both: it is set non-blocking and, with TCP, gets TCP_NODELAY, as package net
// does. Whoever makes it a blocking one again, such as os.File.Fd, holds nobody here.
//
// It does not block. Errors are *net.OpError, and say what f is if it is no connected
// stream socket: syscall.ENOTSOCK, syscall.ESOCKTNOSUPPORT, syscall.EAFNOSUPPORT,
// syscall.ENOTCONN, and syscall.EINVAL for one that listens, for which see AddFile.
func FileConn(f *os.File) (*SocketConnection, error) {
	sc, err := fileConn(f)
	if err != nil {
		op := &net.OpError{Op: "file", Net: "file+net", Err: err}
		if f != nil {
			op.Addr = fileAddr(f.Name())
		}
		return nil, op
	}
	sc.c.share()
	sc.watchForgotten()
	return sc, nil
}

// fileAddr is the address of a file that is no connection.
type fileAddr string

func (fileAddr) Network() string  { return "file+net" }
func (f fileAddr) String() string { return string(f) }

func fileConn(f *os.File) (*SocketConnection, error) {
	raw, err := f.SyscallConn() // of nil: os.ErrInvalid
	if err != nil {
		return nil, err
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(n uintptr) { fd, dupErr = sys.Dup(int(n)) }); err != nil {
		return nil, os.ErrClosed // the one reason, and os does not export it
	}
	if dupErr != nil {
		return nil, os.NewSyscallError("fcntl", dupErr)
	}
	if err := checkConnected(fd); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	sc, err := connFromFD(fd)
	if err == nil && sc.c.addrs.family != syscall.AF_UNIX {
		_ = sc.SetNoDelay(true)
	}
	return sc, err
}

// checkConnected refuses what is no connection.
func checkConnected(fd int) error {
	if err := checkStream(fd); err != nil {
		return err
	}
	if listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err == nil && listens != 0 {
		return sys.WithMessage(syscall.EINVAL, "the socket listens: AddFile accepts from it")
	}
	var buf [sockaddr.Max]byte
	if _, err := sys.Peername(fd, buf[:]); err != nil {
		return sys.WithMessage(err, "the socket is not connected: %v", err)
	}
	return nil
}

// streamTypes are the types of sockets that a connection can be.
var streamTypes = map[int]bool{syscall.SOCK_STREAM: true}

// checkStream refuses what has no bytes in order.
func checkStream(fd int) error {
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	switch {
	case err != nil:
		return sys.WithMessage(err, "not a socket: %v", err)
	case !streamTypes[kind]:
		return sys.WithMessage(syscall.ESOCKTNOSUPPORT, "not a stream socket")
	case sockaddr.Local(fd) == nil:
		return sys.WithMessage(syscall.EAFNOSUPPORT, "neither a TCP nor a Unix socket")
	}
	return nil
}

// AddSocket accepts from a GSocket that listens already, made by gotk4 or other code
// (g_socket_listener_add_socket). Its descriptor is duplicated, where GIO would share
// the GSocket itself: socket stays the caller's, and Close of it and of the listener
// change nothing for the other. Close of the listener therefore does not close it:
// clients wait at it until its owner does that, or accepts them. All that
// SocketListener.AddListener says of the socket holds here too.
//
// No ListenerEvent is emitted, and the connections carry source, as with AddAddress.
// Errors are *net.OpError.
func (l *SocketListener) AddSocket(socket *gotkgio.Socket, source any) error {
	defer runtime.KeepAlive(socket)
	address := gobjectOf(socket)
	if address == 0 {
		return listenError(nil, "socket", errors.New("AddSocket with a nil socket"))
	}
	object := *(*unsafe.Pointer)(unsafe.Pointer(&address)) // C memory: nothing moves
	n := native.SocketFD(object)
	if n < 0 {
		return listenError(nil, "socket", sys.WithMessage(net.ErrClosed, "AddSocket of a closed GSocket"))
	}
	fd, err := sys.Dup(n)
	if err != nil {
		return listenError(nil, "socket", os.NewSyscallError("fcntl", err))
	}
	err = checkListening(fd)
	if native.SocketFD(object) != n { // closed in that moment, and the number perhaps another's
		err = net.ErrClosed
	}
	if err != nil {
		_ = syscall.Close(fd)
		return listenError(nil, "socket", fmt.Errorf("AddSocket: %w", err))
	}
	return l.l.addFD(fd, source)
}
