package gio

import (
	"runtime"
	"syscall"
)

// SyscallConn returns the descriptor for system calls that this package does
// not offer. It is a duplicate: options and data are the socket's, closing is
// not. Read and Write of the result wait as those of the connection do.
func (sc *SocketConnection) SyscallConn() (syscall.RawConn, error) {
	defer runtime.KeepAlive(sc)
	sc.c.share()
	raw, err := sc.c.fd.RawConn()
	if err != nil {
		return nil, sc.c.opError("raw-control", err)
	}
	return &rawConn{sc, raw}, nil
}

// rawConn keeps the connection from being collected and its errors in order.
type rawConn struct {
	sc  *SocketConnection
	raw syscall.RawConn
}

func (r *rawConn) Control(f func(fd uintptr)) error {
	return r.result("raw-control", r.raw.Control(f))
}

func (r *rawConn) Read(f func(fd uintptr) bool) error {
	return r.result("raw-read", r.raw.Read(f))
}

func (r *rawConn) Write(f func(fd uintptr) bool) error {
	return r.result("raw-write", r.raw.Write(f))
}

func (r *rawConn) result(op string, err error) error {
	if err != nil {
		err = r.sc.c.opError(op, err)
	}
	runtime.KeepAlive(r.sc)
	return err
}
