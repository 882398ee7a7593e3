package native

// What the verification of a TLS peer asks of Go, on the thread that waits for the
// handshake.

/*
#include <glib.h>
*/
import "C"

import (
	"crypto/x509"
	"slices"
	"unsafe"
)

// gsvGoCertificateIsFor tells whether a certificate may be used by a server, or by a
// client: by its extended key usage, if it has one (RFC 5280, 4.2.1.12).
//
//export gsvGoCertificateIsFor
func gsvGoCertificateIsFor(der unsafe.Pointer, n C.guint, ofServer C.gboolean) C.gboolean {
	cert, err := x509.ParseCertificate(unsafe.Slice((*byte)(der), n))
	if err != nil {
		return 0
	}
	usage := x509.ExtKeyUsageClientAuth
	if ofServer != 0 {
		usage = x509.ExtKeyUsageServerAuth
	}
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 ||
		slices.Contains(cert.ExtKeyUsage, usage) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return 1
	}
	return 0
}
