package gio

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Credentials identify the process at the other end of a Unix socket, as the
// kernel recorded or checked them: the fields PID, UID and GID, each an int. PID is
// 0 for a process outside of this one's PID namespace, whose UID and GID are right
// all the same.
type Credentials = native.Credentials

// PeerCredentials returns who was at the other end of a Unix socket when it
// connected (g_socket_get_credentials). It does not block. On a TCP connection
// it is an error.
func (sc *SocketConnection) PeerCredentials() (*Credentials, error) {
	return sc.peerCredentials("credentials")
}

func (sc *SocketConnection) peerCredentials(op string) (cred *Credentials, err error) {
	err = sc.use(op, func(n native.Connection) error {
		if sc.c.addrs.family != syscall.AF_UNIX {
			return errNotUnix // the kernel would answer with nobody
		}
		got, err := n.Credentials()
		if err == nil {
			cred = &got
		}
		return err
	})
	return cred, err
}

// SendFile passes a descriptor of f to the peer of a Unix socket, in the form of
// g_unix_connection_send_fd: a zero byte that carries it. The peer takes it by
// ReceiveFile, g_unix_connection_receive_fd or recvmsg(2). f stays the caller's
// and may be closed when SendFile returns; position and status flags are shared
// with the peer's.
//
// It is for any goroutine, waits its turn among Writes and blocks like one, as
// long as the write deadline allows. On a TCP connection it is
// syscall.EOPNOTSUPP.
func (sc *SocketConnection) SendFile(f *os.File) error {
	return sc.sendFiles("send file", []*os.File{f})
}

// ReceiveFile takes a file that the peer of a Unix socket passed by SendFile or
// g_unix_connection_send_fd (g_unix_connection_receive_fd). The file is the
// caller's to Close and is not inherited by programs that this one runs.
//
// It is for any goroutine, waits its turn among Reads and blocks like one, as
// long as the read deadline allows. io.EOF means that the peer has closed,
// ErrNoFile that it sent data instead, which then is still there to Read; when
// it sent several files at once, which are for ReceiveFiles, all are closed and the
// error says so. When the process has no descriptor left, the error is
// syscall.EMFILE and the file stays for a later call. On a TCP connection it is
// syscall.EOPNOTSUPP.
//
// A Read that reaches the byte of a file takes the byte and drops the file.
func (sc *SocketConnection) ReceiveFile() (*os.File, error) {
	const op = "receive file"
	files, came, err := sc.receiveFiles(op, 1)
	if err != nil {
		return nil, err
	}
	if came > 1 {
		_ = files[0].Close()
		return nil, sc.c.opError(op, fmt.Errorf("the peer sent %d files at once: all are closed", came))
	}
	return files[0], nil
}

// SendCredentials tells the peer of a Unix socket who this process is, in the
// form of g_unix_connection_send_credentials: a zero byte with the credentials,
// which the kernel checks. It is for any goroutine, waits its turn among Writes
// and blocks like one, as long as the write deadline allows. On a TCP
// connection it is syscall.EOPNOTSUPP.
func (sc *SocketConnection) SendCredentials() error {
	const op = "send credentials"
	defer runtime.KeepAlive(sc)
	if err := sc.c.needUnix(); err != nil {
		return sc.c.opError(op, err)
	}
	m := native.NewCredentialsMessage()
	defer m.Unref()
	return sc.c.sendMessage(op, m)
}

// ReceiveCredentials takes the byte that the peer of a Unix socket sent by
// SendCredentials or g_unix_connection_send_credentials, and returns who sent
// it (g_unix_connection_receive_credentials). For a byte without credentials it
// is PeerCredentials: who connected. (Before Linux 6.5 that is also the answer for
// who sends from another PID namespace with a user and a group that both have no ID
// here, or are those of nobody.)
//
// It is for any goroutine, waits its turn among Reads and blocks like one, as
// long as the read deadline allows. io.EOF means that the peer has closed. On a
// TCP connection it is syscall.EOPNOTSUPP.
func (sc *SocketConnection) ReceiveCredentials() (*Credentials, error) {
	const op = "receive credentials"
	defer runtime.KeepAlive(sc)
	c := sc.c
	if err := c.needUnix(); err != nil {
		return nil, c.opError(op, err)
	}
	r, err := c.fd.ReceiveCredentials()
	switch {
	case err == io.EOF:
		return nil, err
	case err != nil:
		return nil, c.opError(op, err)
	case r.Plain: // of a "unixpacket" socket
		return nil, c.opError(op, errors.New("the peer sent a message, not credentials: it is left to Read"))
	case r.Came > 0:
		return nil, c.opError(op, fmt.Errorf("the peer sent files (%d), not credentials: all are closed", r.Came))
	case !r.HasCredentials:
		return sc.peerCredentials(op)
	}
	return &r.Credentials, nil
}

// needUnix is the clear error of what only Unix sockets can do.
func (c *conn) needUnix() error {
	if c.tls.Load() != nil {
		return sys.WithMessage(syscall.EOPNOTSUPP, "a TLS connection carries no files or credentials")
	}
	if c.addrs.family == syscall.AF_UNIX {
		return nil
	}
	return errNotUnix
}

var errNotUnix = sys.WithMessage(syscall.EOPNOTSUPP, "not a Unix socket: only those carry files and credentials")

// sendMessage waits like Write until the kernel has taken the message.
func (c *conn) sendMessage(op string, m native.Message) error {
	if err := c.fd.SendMessage(m); err != nil {
		return c.opError(op, err)
	}
	return nil
}

// connFromFD makes a connection of a connected socket, which it takes over also
// when it fails.
func connFromFD(fd int) (*SocketConnection, error) {
	n, err := native.ConnectionFromFD(fd)
	if err != nil {
		return nil, err
	}
	return newConnOf(n, fd, nil, false), nil
}

// SocketPair returns the two ends of a connection without a name (socketpair(2),
// and GUnixConnections around it): to hand one to another process, to GIO code,
// or to a test. Both addresses are the unnamed one, "@" as package net writes
// it. Each end is the caller's to Close. The network is "unix", also when none is
// given, or "unixpacket".
func SocketPair(network ...string) (a, b *SocketConnection, err error) {
	name, kind := "unix", syscall.SOCK_STREAM
	if len(network) > 0 {
		name = network[0]
	}
	fail := func(err error) (a, b *SocketConnection, _ error) {
		return nil, nil, &net.OpError{Op: "socketpair", Net: name, Err: err}
	}
	switch {
	case len(network) > 1:
		return fail(errors.New("SocketPair of more than one network"))
	case name == "unixpacket":
		kind = syscall.SOCK_SEQPACKET
	case name != "unix":
		return fail(net.UnknownNetworkError(name))
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return fail(os.NewSyscallError("socketpair", err))
	}
	if a, err = connFromFD(fds[0]); err != nil {
		_ = syscall.Close(fds[1])
		return fail(err)
	}
	if b, err = connFromFD(fds[1]); err != nil {
		_ = a.Close()
		return fail(err)
	}
	a.watchForgotten()
	b.watchForgotten()
	return a, b, nil
}
