package gio

import (
	"context"
	"net"
	"os"
	"runtime"
	"syscall"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Socket is a connected GSocket without the stream around it, for system calls
// and for GIO code that wants the socket itself. Its methods are for any
// goroutine and don't block.
//
// Whoever owns it must Close it, or Close its Connection: that is the same.
type Socket struct {
	sc *SocketConnection
}

var _ syscall.Conn = (*Socket)(nil)

// AcceptSocket waits for the next client, as Accept does, and returns its socket
// and the source that was given with the address
// (g_socket_listener_accept_socket).
func (l *SocketListener) AcceptSocket(ctx context.Context) (*Socket, any, error) {
	sc, err := l.l.accept(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &Socket{sc}, sc.Source(), nil
}

// Socket returns the socket below the connection
// (g_socket_connection_get_socket). It stays the connection's: closing either
// closes both.
func (sc *SocketConnection) Socket() *Socket { return &Socket{sc} }

// Connection returns the stream over the socket
// (g_socket_connection_factory_create_connection): always the same one.
func (s *Socket) Connection() *SocketConnection { return s.sc }

// SyscallConn gives access to the descriptor, a duplicate of the socket's; see
// SocketConnection.SyscallConn.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return s.sc.SyscallConn() }

// File returns a duplicate of the descriptor (g_socket_get_fd and dup(2)), the
// caller's to Close. It works on after Close of the socket: to hand it to
// another process, or to net.FileConn.
func (s *Socket) File() (f *os.File, err error) {
	sc := s.sc
	defer runtime.KeepAlive(sc)
	sc.c.share()
	sc.c.shares.Store(true)
	fd, derr := -1, error(nil)
	err = sc.c.fd.Control(func(n int) { fd, derr = sys.Dup(n) })
	if err == nil && derr != nil {
		err = os.NewSyscallError("fcntl", derr)
	}
	if err != nil {
		return nil, sc.c.opError("file", err)
	}
	return os.NewFile(uintptr(fd), "socket"), nil
}

// LocalAddr is a *net.TCPAddr or *net.UnixAddr, also after Close
// (g_socket_get_local_address).
func (s *Socket) LocalAddr() net.Addr { return s.sc.LocalAddr() }

// RemoteAddr is a *net.TCPAddr or *net.UnixAddr, also after Close, and never nil
// (g_socket_get_remote_address).
func (s *Socket) RemoteAddr() net.Addr { return s.sc.RemoteAddr() }

// Close closes the socket and its connection (g_socket_close). Later calls
// return net.ErrClosed and do nothing.
func (s *Socket) Close() error { return s.sc.Close() }

// Gotk4 returns the socket as gotk4's object. The wrapper is made at the first
// call and lives until the process ends, and so does the GSocket, though Close still closes it; ask only when
// you need it. It returns nil after Close, or when GIO makes no object.
func (s *Socket) Gotk4() *gotkgio.Socket {
	defer runtime.KeepAlive(s)
	c := s.sc.c
	c.given.Store(true)
	n, release, err := c.expose()
	if err != nil {
		return nil
	}
	defer release()
	c.wrappers.mu.Lock()
	defer c.wrappers.mu.Unlock()
	if c.wrappers.socket == nil {
		// The end of the stream would close the socket, which GIO code may use for
		// as long as nobody calls Close.
		n.Ref()
		c.wrappers.stream = n
		o := native.Wrap(n.SocketPointer())
		c.wrappers.socket = &gotkgio.Socket{
			Object:        o,
			DatagramBased: gotkgio.DatagramBased{Object: o},
			Initable:      gotkgio.Initable{Object: o},
		}
	}
	return c.wrappers.socket
}
