package gio

// The calls into C for streams and TLS (native_stream.c).

/*
#include <stdlib.h>
#include "native_stream.h"
*/
import "C"

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/core/gextras"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/glibloop"
)

// nativeStream is a GIOStream. Its owner gives it up by free; methods are for
// any thread, one read and one write at a time.
type nativeStream struct{ s *C.gsv_stream }

// newNativeStream takes a reference of its own on the GIOStream.
func newNativeStream(stream unsafe.Pointer) nativeStream {
	return nativeStream{C.gsv_stream_new(C.gpointer(stream))}
}

func (n nativeStream) free() { C.gsv_stream_free(n.s) }

// traits tells which directions never block, and whether it is TLS.
func (n nativeStream) traits() (pollIn, pollOut, tls bool) {
	t := C.gsv_stream_traits(n.s)
	return t&C.GSV_STREAM_POLL_IN != 0, t&C.GSV_STREAM_POLL_OUT != 0, t&C.GSV_STREAM_TLS != 0
}

// fd is the descriptor of the socket at the bottom, or -1.
func (n nativeStream) fd() int { return int(C.gsv_stream_fd(n.s)) }

// read and write return errWouldBlock when they would. b is not empty. Where
// the stream cannot poll they block, until cancel is cancelled.

func (n nativeStream) read(b []byte, cancel nativeCancellable) (int, error) {
	var e C.gsv_error
	return streamResult(C.gsv_stream_read(n.s, unsafe.Pointer(&b[0]), C.gsize(len(b)), cancel.c, &e), &e)
}

func (n nativeStream) write(b []byte, cancel nativeCancellable) (int, error) {
	var e C.gsv_error
	return streamResult(C.gsv_stream_write(n.s, unsafe.Pointer(&b[0]), C.gsize(len(b)), cancel.c, &e), &e)
}

func streamResult(r C.gssize, e *C.gsv_error) (int, error) {
	switch {
	case r >= 0:
		return int(r), nil
	case r == C.GSV_WOULD_BLOCK:
		return 0, errWouldBlock
	}
	return 0, takeError(e)
}

// errWouldBlock is compared by identity and never reaches a user.
var errWouldBlock error = syscall.EAGAIN

func (n nativeStream) flush(cancel nativeCancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_flush(n.s, cancel.c, &e), &e)
}

func (n nativeStream) writable() bool { return C.gsv_stream_writable(n.s) != 0 }

func (n nativeStream) closeWrite(cancel nativeCancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_close_write(n.s, cancel.c, &e), &e)
}

func (n nativeStream) close(cancel nativeCancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_close(n.s, cancel.c, &e), &e)
}

func boolResult(ok C.int, e *C.gsv_error) error {
	if ok != 0 {
		return nil
	}
	return takeError(e)
}

// watch has streamReady(id) called on the loop's thread once the stream may be
// ready; unwatch ends it.
func (n nativeStream) watch(out bool, loop *glibloop.Loop, id uint64) nativeWatch {
	ctx := (*C.GMainContext)(gextras.StructNative(unsafe.Pointer(loop.MainContext())))
	return nativeWatch{C.gsv_stream_watch(n.s, cbool(out), ctx, C.uint64_t(id))}
}

type nativeWatch struct{ source *C.GSource }

func (w nativeWatch) end() { C.gsv_unwatch(w.source) }

// nativeCancellable is a GCancellable; the zero value is none.
type nativeCancellable struct{ c *C.GCancellable }

func newCancellable() nativeCancellable    { return nativeCancellable{C.gsv_cancellable_new()} }
func (c nativeCancellable) cancel()        { C.gsv_cancellable_cancel(c.c) }
func (c nativeCancellable) unref()         { C.gsv_unref(C.gpointer(c.c)) }
func (c nativeCancellable) valid() bool    { return c.c != nil }
func (n nativeStream) valid() bool         { return n.s != nil }
func (n nativeConn) base() unsafe.Pointer  { return unsafe.Pointer(n.conn) }
func tlsSupported() bool                   { return C.gsv_tls_supported() != 0 }
func (n nativeStream) handshakeDone() bool { return C.gsv_tls_done(n.s) != 0 }

// certErrors is what GIO found wrong with the peer's certificate.
func (n nativeStream) certErrors() gotkgio.TLSCertificateFlags {
	return gotkgio.TLSCertificateFlags(C.gsv_tls_errors(n.s))
}

// handshake blocks.
func (n nativeStream) handshake(cancel nativeCancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_tls_handshake(n.s, cancel.c, &e), &e)
}

// newCertificate and newDatabase return an object that is the caller's.

func newCertificate(certFile, keyFile string) (unsafe.Pointer, error) {
	var e C.gsv_error
	cert, key := C.CString(certFile), C.CString(keyFile)
	defer C.free(unsafe.Pointer(cert))
	defer C.free(unsafe.Pointer(key))
	if p := C.gsv_tls_certificate(cert, key, &e); p != nil {
		return unsafe.Pointer(p), nil
	}
	return nil, takeError(&e)
}

func newDatabase(file string) (unsafe.Pointer, error) {
	var e C.gsv_error
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	if p := C.gsv_tls_database(name, &e); p != nil {
		return unsafe.Pointer(p), nil
	}
	return nil, takeError(&e)
}

// tlsServer and tlsClient put TLS on a connection.

func (n nativeConn) tlsServer(m *tlsMaterial, auth int) (nativeStream, error) {
	var e C.gsv_error
	protocols, free := cstrings(m.protocols)
	defer free()
	s := C.gsv_tls_server(C.gpointer(n.base()), C.gpointer(m.certificate), C.gpointer(m.database), C.int(auth), protocols, &e)
	runtime.KeepAlive(m)
	if s == nil {
		return nativeStream{}, takeError(&e)
	}
	return nativeStream{s}, nil
}

func (n nativeConn) tlsClient(m *tlsMaterial, name string, port int, tolerated gotkgio.TLSCertificateFlags) (nativeStream, error) {
	var e C.gsv_error
	protocols, free := cstrings(m.protocols)
	defer free()
	var cname *C.char
	if name != "" {
		cname = C.CString(name)
		defer C.free(unsafe.Pointer(cname))
	}
	s := C.gsv_tls_client(C.gpointer(n.base()), cname, C.int(port), C.gpointer(m.certificate), C.gpointer(m.database),
		protocols, C.guint(tolerated), &e)
	runtime.KeepAlive(m)
	if s == nil {
		return nativeStream{}, takeError(&e)
	}
	return nativeStream{s}, nil
}

// cstrings is a NULL-terminated array; NULL for none.
func cstrings(all []string) (**C.char, func()) {
	if len(all) == 0 {
		return nil, func() {}
	}
	p := (**C.char)(C.calloc(C.size_t(len(all)+1), C.size_t(unsafe.Sizeof((*C.char)(nil)))))
	list := unsafe.Slice(p, len(all))
	for i, s := range all {
		list[i] = C.CString(s)
	}
	return p, func() {
		for _, s := range list {
			C.free(unsafe.Pointer(s))
		}
		C.free(unsafe.Pointer(p))
	}
}

// facts is what the handshake agreed on.
func (n nativeStream) facts() TLSState {
	var f C.gsv_tls_facts
	C.gsv_tls_info(n.s, &f)
	defer C.gsv_tls_info_clear(&f)
	return TLSState{
		Version:         tlsVersion(int(f.version)),
		CipherSuite:     C.GoString(f.cipher),
		Protocol:        C.GoString(f.protocol),
		PeerCertificate: C.GoBytes(unsafe.Pointer(f.der), C.int(f.der_len)),
	}
}
