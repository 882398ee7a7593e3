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

// NewCertificate reads PEM: a certificate with the chain behind it, and its key.
func NewCertificate(text string) (unsafe.Pointer, error) {
	var e C.gsv_error
	pem := C.CString(text)
	defer C.free(unsafe.Pointer(pem))
	if p := C.gsv_tls_certificate(pem, C.gsize(len(text)), &e); p != nil {
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

// CountCertificates reads the certificates in a PEM file.
func CountCertificates(file string) (int, error) {
	var e C.gsv_error
	name := C.CString(file)
	defer C.free(unsafe.Pointer(name))
	n := C.gsv_tls_count(name, &e)
	if n < 0 {
		return 0, takeError(&e)
	}
	return int(n), nil
}

// How a peer is verified: not at all, any certificate that it has, or it must have
// one.
const (
	VerifyNone     = C.GSV_VERIFY_NONE
	VerifySent     = C.GSV_VERIFY_SENT
	VerifyRequired = C.GSV_VERIFY_REQUIRED
)

// TLSOptions are for TLSServer and TLSClient. The caller keeps the objects alive
// meanwhile.
type TLSOptions struct {
	Certificate unsafe.Pointer // GTlsCertificate; nil for a client that has none
	Protocols   []string
	ClientAuth  int // GTlsAuthenticationMode, of a server

	Verify      int
	Authorities unsafe.Pointer // GTlsDatabase; nil: those of the system
	Name, IP    string         // what a server must be; at most one of them
	Tolerated   gotkgio.TLSCertificateFlags
}

// inC is what the functions in C take, and what frees it.
func (o *TLSOptions) inC() (C.gsv_tls_options, func()) {
	list, free := cstrings(o.Protocols)
	c := C.gsv_tls_options{certificate: C.gpointer(o.Certificate), protocols: list, auth: C.int(o.ClientAuth)}
	c.rules.verify = C.int(o.Verify)
	c.rules.authorities = C.gpointer(o.Authorities)
	c.rules.tolerated = C.guint(o.Tolerated)
	if o.Name != "" {
		c.rules.name = C.CString(o.Name)
	}
	if o.IP != "" {
		c.rules.ip = C.CString(o.IP)
	}
	return c, func() {
		free()
		C.free(unsafe.Pointer(c.rules.name))
		C.free(unsafe.Pointer(c.rules.ip))
	}
}

// TLSServer and TLSClient put TLS on a connection.

func (n Connection) TLSServer(o *TLSOptions) (Stream, error) {
	var e C.gsv_error
	c, free := o.inC()
	defer free()
	s := C.gsv_tls_server(C.gpointer(n.Pointer()), &c, &e)
	if s == nil {
		return Stream{}, takeError(&e)
	}
	return Stream{s}, nil
}

func (n Connection) TLSClient(o *TLSOptions) (Stream, error) {
	var e C.gsv_error
	c, free := o.inC()
	defer free()
	s := C.gsv_tls_client(C.gpointer(n.Pointer()), &c, &e)
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

// CertErrors is what is wrong with the peer's certificate; purpose tells whether that
// includes what it may be used for.
func (n Stream) CertErrors() (flags gotkgio.TLSCertificateFlags, purpose bool) {
	var p C.int
	f := C.gsv_tls_errors(n.s, &p)
	return gotkgio.TLSCertificateFlags(f), p != 0
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
