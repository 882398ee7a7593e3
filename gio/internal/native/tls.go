package native

/*
#include <stdlib.h>
#include "connection.h"
#include "tls.h"
*/
import "C"

import (
	"time"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
)

// TLSSupported tells whether GIO has a backend for TLS.
func TLSSupported() bool { return C.gsv_tls_supported() != 0 }

// NewCertificate and NewDatabase return an object that is the caller's.

func NewCertificate(certFile, keyFile string) (unsafe.Pointer, error) {
	var e C.gsv_error
	cert, key := C.CString(certFile), C.CString(keyFile)
	defer C.free(unsafe.Pointer(cert))
	defer C.free(unsafe.Pointer(key))
	if p := C.gsv_tls_certificate(cert, key, &e); p != nil {
		return unsafe.Pointer(p), nil
	}
	return nil, takeError(&e)
}

func NewDatabase(file string) (unsafe.Pointer, error) {
	var e C.gsv_error
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	if p := C.gsv_tls_database(name, &e); p != nil {
		return unsafe.Pointer(p), nil
	}
	return nil, takeError(&e)
}

// TLSServer and TLSClient put TLS on a connection. The caller keeps the objects
// alive meanwhile; each may be nil, but for a server's certificate.

func (n Connection) TLSServer(certificate, database unsafe.Pointer, auth int, protocols []string) (Stream, error) {
	var e C.gsv_error
	list, free := cstrings(protocols)
	defer free()
	s := C.gsv_tls_server(C.gpointer(n.Pointer()), C.gpointer(certificate), C.gpointer(database), C.int(auth), list, &e)
	if s == nil {
		return Stream{}, takeError(&e)
	}
	return Stream{s}, nil
}

// TLSClient wants the server to be name, unless that is empty.
func (n Connection) TLSClient(certificate, database unsafe.Pointer, name string, port int, protocols []string,
	tolerated gotkgio.TLSCertificateFlags) (Stream, error) {
	var e C.gsv_error
	list, free := cstrings(protocols)
	defer free()
	var cname *C.char
	if name != "" {
		cname = C.CString(name)
		defer C.free(unsafe.Pointer(cname))
	}
	s := C.gsv_tls_client(C.gpointer(n.Pointer()), cname, C.int(port), C.gpointer(certificate), C.gpointer(database),
		list, C.guint(tolerated), &e)
	if s == nil {
		return Stream{}, takeError(&e)
	}
	return Stream{s}, nil
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

// Handshake blocks until cancel is cancelled.
func (n Stream) Handshake(cancel Cancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_tls_handshake(n.s, cancel.c, &e), &e)
}

// IsTLSServer tells whether it is a GTlsServerConnection.
func (n Stream) IsTLSServer() bool { return C.gsv_tls_is_server(n.s) != 0 }

// HandshakeWaits tells for how long the handshake in progress has waited for bytes
// of the peer, 0 if it does not; false where that cannot be seen.
func (n Stream) HandshakeWaits() (time.Duration, bool) {
	us := C.gsv_tls_waits(n.s)
	return time.Duration(max(us, 0)) * time.Microsecond, us != C.GSV_TLS_UNKNOWN
}

// HandshakeDone tells whether there was one.
func (n Stream) HandshakeDone() bool { return C.gsv_tls_done(n.s) != 0 }

// CertErrors is what GIO found wrong with the peer's certificate.
func (n Stream) CertErrors() gotkgio.TLSCertificateFlags {
	return gotkgio.TLSCertificateFlags(C.gsv_tls_errors(n.s))
}

// TLSFacts is what a handshake agreed on.
type TLSFacts struct {
	Version         int // GTlsProtocolVersion
	CipherSuite     string
	Protocol        string
	PeerCertificate []byte // DER
}

// TLSFacts is for after the handshake.
func (n Stream) TLSFacts() TLSFacts {
	var f C.gsv_tls_facts
	C.gsv_tls_info(n.s, &f)
	defer C.gsv_tls_info_clear(&f)
	return TLSFacts{
		Version:         int(f.version),
		CipherSuite:     C.GoString(f.cipher),
		Protocol:        C.GoString(f.protocol),
		PeerCertificate: C.GoBytes(unsafe.Pointer(f.der), C.int(f.der_len)),
	}
}
