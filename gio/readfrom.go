package gio

import (
	"io"
	"os"
	"runtime"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// ReadFrom sends what r has until its end. A regular file goes by sendfile(2)
// without passing through the program, also in a struct that embeds it and does
// not have a Read of its own. What comes from another connection of
// this package, or from the same, needs a buffer only while bytes move: none is
// held while it waits. When it comes in bulk it goes by splice(2). Everything
// else, and TLS, goes through Write. So does all that goes to or comes from a
// "unixpacket" socket: each Read becomes one message, and a message of more than
// 32 KiB from there ends the copy with io.ErrShortBuffer. io.Copy to a connection calls this.
func (sc *SocketConnection) ReadFrom(r io.Reader) (n int64, err error) {
	// No defer, and a small frame, as in Read: an idle client of a server that copies
	// to and fro stays on the stack that its goroutine began with.
	src, ok := r.(*SocketConnection)
	if !ok || !bytewise(sc, src) {
		return sc.readFromOther(r)
	}
	n, side, err := netfd.Copy(&sc.c.fd, &src.c.fd, -1)
	return n, copyError(sc, src, side, err)
}

// readFromOther is ReadFrom for what is no connection, or one with TLS.
func (sc *SocketConnection) readFromOther(r io.Reader) (n int64, err error) {
	defer runtime.KeepAlive(sc)
	n, handled, err := sc.readFrom(r, -1)
	if handled || err != nil {
		return n, err
	}
	if _, ok := r.(syscall.Conn); ok {
		// WriteTo may be promoted from a file inside, past a Read of r's own.
		r = struct{ io.Reader }{r}
	}
	// Hides this method, or io.Copy would call it again.
	return io.Copy(struct{ io.Writer }{sc}, r)
}

// readFrom sends at most remain bytes, if that is not negative. It answers
// handled=false, with nothing sent, for what goes through Write.
func (sc *SocketConnection) readFrom(r io.Reader, remain int64) (n int64, handled bool, err error) {
	switch src := r.(type) {
	case *SocketConnection:
		return sc.copyFrom(src, remain)
	case *io.LimitedReader:
		limit := max(src.N, 0) // less than 0 is no more than 0
		if remain >= 0 {
			limit = min(limit, remain)
		}
		n, handled, err = sc.readFrom(src.R, limit)
		src.N -= n
		return n, handled, err
	}
	if f := fileOf(r); f != nil {
		return sc.sendFile(f, remain)
	}
	return 0, false, nil
}

// bytewise tells whether neither connection speaks TLS or keeps messages apart.
func bytewise(dst, src *SocketConnection) bool {
	return dst.c.tls.Load() == nil && src.c.tls.Load() == nil && !dst.c.addrs.packet && !src.c.addrs.packet
}

// copyFrom answers handled=false when the connections are not both bytewise.
func (sc *SocketConnection) copyFrom(src *SocketConnection, remain int64) (n int64, handled bool, err error) {
	if !bytewise(sc, src) {
		return 0, false, nil
	}
	n, side, err := netfd.Copy(&sc.c.fd, &src.c.fd, remain)
	return n, true, copyError(sc, src, side, err)
}

// copyError is that of netfd.Copy as a connection's. It keeps both from being
// collected until here.
func copyError(dst, src *SocketConnection, side netfd.Side, err error) error {
	switch {
	case err == nil:
	case side == netfd.Source:
		err = src.c.opError("read", err)
	default:
		err = dst.c.opError("write", err)
	}
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	return err
}

// sendFile answers handled=false, with nothing sent, when the kernel cannot.
func (sc *SocketConnection) sendFile(f *os.File, remain int64) (sent int64, handled bool, err error) {
	if sc.c.tls.Load() != nil || sc.c.addrs.packet {
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
