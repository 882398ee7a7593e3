package gio

import (
	"io"
	"os"
	"runtime"

	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// ReadFrom sends what r has until its end. A regular file goes by sendfile(2)
// without passing through the program. What comes from another connection of
// this package, or from the same, needs a buffer only while bytes move: none is
// held while it waits. When it comes in bulk it goes by splice(2). Everything
// else, and TLS, goes through Write. io.Copy to a connection calls this.
func (sc *SocketConnection) ReadFrom(r io.Reader) (n int64, err error) {
	defer runtime.KeepAlive(sc)
	src, remain := r, int64(-1)
	lr, limited := r.(*io.LimitedReader)
	if limited {
		src, remain = lr.R, max(lr.N, 0) // less than 0 is no more than 0
	}
	handled := false
	switch src := src.(type) {
	case *SocketConnection:
		n, handled, err = sc.copyFrom(src, remain)
	case *os.File:
		n, handled, err = sc.sendFile(src, remain)
	}
	if limited {
		lr.N -= n
	}
	if handled || err != nil {
		return n, err
	}
	// Hides this method, or io.Copy would call it again.
	return io.Copy(struct{ io.Writer }{sc}, r)
}

// copyFrom answers handled=false when one of the connections speaks TLS.
func (sc *SocketConnection) copyFrom(src *SocketConnection, remain int64) (n int64, handled bool, err error) {
	if sc.c.tls.Load() != nil || src.c.tls.Load() != nil {
		return 0, false, nil
	}
	n, side, err := netfd.Copy(&sc.c.fd, &src.c.fd, remain)
	switch {
	case err == nil:
	case side == netfd.Source:
		err = src.c.opError("read", err)
	default:
		err = sc.c.opError("write", err)
	}
	runtime.KeepAlive(src)
	return n, true, err
}

// sendFile answers handled=false, with nothing sent, when the kernel cannot.
func (sc *SocketConnection) sendFile(f *os.File, remain int64) (sent int64, handled bool, err error) {
	if sc.c.tls.Load() != nil {
		return 0, false, nil
	}
	if !isRegular(f) {
		return 0, false, nil
	}
	sent, handled, err = sc.c.fd.SendFile(f, remain)
	if err != nil {
		err = sc.c.opError("write", err)
	}
	return sent, handled, err
}

func isRegular(f *os.File) bool {
	fi, err := f.Stat()
	return err == nil && fi.Mode().IsRegular()
}
