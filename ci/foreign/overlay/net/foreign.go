//go:build glibserve_foreign

package net

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// ForeignListen and ForeignDial, when set, are asked before Listen, Dial, ListenTCP and the like do
// anything themselves. They return nil and nil for what they leave to package net.
var (
	ForeignListen func(ctx context.Context, network, address string) (Listener, error)
	ForeignDial   func(ctx context.Context, network, address string) (Conn, error)
)

// foreignFD is what a netFD has whose listener or connection is a foreign one, so that a *TCPConn is
// one for every type assertion while each of its methods is the foreign connection's.
type foreignFD struct {
	conn Conn
	ln   Listener
	fd   *netFD
}

func newForeignFD(conn Conn, ln Listener, local, remote Addr) *netFD {
	fd := &netFD{isConnected: conn != nil, net: local.Network(), laddr: local, raddr: remote, sotype: syscall.SOCK_STREAM}
	if fd.net == "unixpacket" {
		fd.sotype = syscall.SOCK_SEQPACKET
	}
	fd.family = familyOf(local)
	fd.pfd.Sysfd = -1 // what is not delegated fails
	fd.foreign = &foreignFD{conn: conn, ln: ln, fd: fd}
	return fd
}

func familyOf(a Addr) int {
	t, ok := a.(*TCPAddr)
	switch {
	case !ok:
		return syscall.AF_UNIX
	case t.IP.To4() != nil:
		return syscall.AF_INET
	}
	return syscall.AF_INET6
}

func newForeignConn(c Conn) Conn {
	fd := newForeignFD(c, nil, c.LocalAddr(), c.RemoteAddr())
	if fd.net == "tcp" {
		return &TCPConn{conn{fd}}
	}
	return &UnixConn{conn{fd}}
}

func newForeignListener(ln Listener) Listener {
	fd := newForeignFD(nil, ln, ln.Addr(), nil)
	if fd.net == "tcp" {
		// newTCPConn would set options that the foreign connection sets itself.
		return &TCPListener{fd: fd, lc: ListenConfig{KeepAlive: -1}}
	}
	return &UnixListener{fd: fd, path: fd.laddr.String()} // whose file the foreign one removes
}

// foreignListen asks for a listener, for ListenTCP and the like.
func foreignListen(ctx context.Context, network, address string) (Listener, error) {
	if ForeignListen == nil {
		return nil, nil
	}
	ln, err := ForeignListen(ctx, network, address)
	if ln == nil || err != nil {
		return nil, err
	}
	return newForeignListener(ln), nil
}

func foreignDial(ctx context.Context, network, address string) (Conn, error) {
	if ForeignDial == nil {
		return nil, nil
	}
	c, err := ForeignDial(ctx, network, address)
	if c == nil || err != nil {
		return nil, err
	}
	return newForeignConn(c), nil
}

// unwrap takes the *OpError off that the caller puts around again, when it is the same one.
func (f *foreignFD) unwrap(op string, err error) error {
	if e, ok := err.(*OpError); ok && e.Op == op && e.Net == f.fd.net && sameAddr(e.Source, f.source()) && sameAddr(e.Addr, f.addr()) {
		return e.Err
	}
	return err
}

func (f *foreignFD) source() Addr {
	if f.conn == nil {
		return nil
	}
	return f.fd.laddr
}

func (f *foreignFD) addr() Addr {
	if f.conn == nil {
		return f.fd.laddr
	}
	return f.fd.raddr
}

func sameAddr(a, b Addr) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Network() == b.Network() && a.String() == b.String()
}

func (f *foreignFD) accept() (*netFD, error) {
	c, err := f.ln.Accept()
	if err != nil {
		return nil, f.unwrap("accept", err)
	}
	return newForeignFD(c, nil, c.LocalAddr(), c.RemoteAddr()), nil
}

func (f *foreignFD) close() error {
	if f.ln != nil {
		return f.unwrap("close", f.ln.Close())
	}
	return f.unwrap("close", f.conn.Close())
}

func (f *foreignFD) shutdown(how int) error {
	half := f.conn.(interface {
		CloseRead() error
		CloseWrite() error
	})
	if how == syscall.SHUT_RD {
		return f.unwrap("close", half.CloseRead())
	}
	return f.unwrap("close", half.CloseWrite())
}

func (f *foreignFD) read(p []byte) (int, error) {
	n, err := f.conn.Read(p)
	return n, f.unwrap("read", err)
}

func (f *foreignFD) write(p []byte) (int, error) {
	n, err := f.conn.Write(p)
	return n, f.unwrap("write", err)
}

// writeBuffers is what Buffers does with connections of other packages.
func (f *foreignFD) writeBuffers(v *Buffers) (n int64, err error) {
	for _, b := range *v {
		nb, err := f.write(b)
		n += int64(nb)
		if err != nil {
			v.consume(n)
			return n, err
		}
	}
	v.consume(n)
	return n, nil
}

// readFrom gives the foreign connection what it would be given without package net's types.
func (f *foreignFD) readFrom(r io.Reader) (int64, error) {
	limited, isLimited := r.(*io.LimitedReader)
	source := r
	if isLimited {
		source = limited.R
	}
	var fd *netFD
	switch v := source.(type) {
	case *TCPConn:
		fd = v.fd
	case tcpConnWithoutWriteTo:
		fd = v.fd
	case *UnixConn:
		fd = v.fd
	}
	if fd != nil && fd.foreign != nil {
		if isLimited {
			limited.R = fd.foreign.conn
			defer func() { limited.R = source }()
		} else {
			r = fd.foreign.conn
		}
	}
	n, err := f.conn.(io.ReaderFrom).ReadFrom(r)
	for _, op := range []string{"readfrom", "write", "read", "splice"} {
		err = f.unwrap(op, err)
	}
	return n, err
}

var errForeign = errors.New("not a method of net.Listener")

func (f *foreignFD) setDeadline(t time.Time, set func(Conn, time.Time) error) error {
	if f.conn == nil {
		return errForeign
	}
	return f.unwrap("set", set(f.conn, t))
}

func (f *foreignFD) dup() (*os.File, error) {
	if f.conn == nil {
		return nil, errForeign
	}
	var n int
	var errDup error
	err := f.control(func(s uintptr) { n, errDup = syscall.Dup(int(s)) })
	if err == nil {
		err = errDup
	}
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(n)
	return newUnixFile(n, f.fd.name()), nil
}

func (f *foreignFD) control(set func(uintptr)) error {
	raw, err := f.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return f.unwrap("raw-control", err)
	}
	return f.unwrap("raw-control", raw.Control(set))
}

func (f *foreignFD) setsockoptInt(level, name, value int) error {
	if f.conn == nil {
		return errForeign
	}
	var errSet error
	if err := f.control(func(s uintptr) { errSet = syscall.SetsockoptInt(int(s), level, name, value) }); err != nil {
		return err
	}
	return wrapSyscallError("setsockopt", errSet)
}

func (f *foreignFD) setNoDelay(on bool) error {
	return f.unwrap("set", f.conn.(interface{ SetNoDelay(bool) error }).SetNoDelay(on))
}

func (f *foreignFD) setKeepAlive(on bool) error {
	return f.unwrap("set", f.conn.(interface{ SetKeepAlive(bool) error }).SetKeepAlive(on))
}

func (f *foreignFD) setLinger(sec int) error {
	return f.unwrap("set", f.conn.(interface{ SetLinger(int) error }).SetLinger(sec))
}

func (f *foreignFD) isMultipathTCP() bool {
	is, err := f.conn.(interface{ MultipathTCP() (bool, error) }).MultipathTCP()
	return is && err == nil
}
