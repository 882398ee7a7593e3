package giostream

import (
	"strings"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// CertificateError is why a TLS handshake failed: the certificate of the peer,
// and what GIO has against it. It unwraps to the *Error of the domain
// "g-tls-error-quark".
type CertificateError struct {
	Flags gotkgio.TLSCertificateFlags // at least one; not all that could be said
	Err   *native.Error

	purpose bool // it must not be used as what it was: with TLSCertificateGenericError
}

// Error names the reasons.
func (e *CertificateError) Error() string {
	var why []string
	for _, f := range certificateFaults {
		switch {
		case e.Flags&f.flag == 0:
		case f.flag == gotkgio.TLSCertificateGenericError && e.purpose:
			why = append(why, "is not for this purpose (extended key usage)")
		default:
			why = append(why, f.text)
		}
	}
	if len(why) == 0 {
		return "TLS handshake: " + e.Err.Message
	}
	return "TLS handshake: " + e.Err.Message + ": it " + strings.Join(why, ", and ")
}

// Unwrap returns the error as GIO reported it.
func (e *CertificateError) Unwrap() error { return e.Err }

var certificateFaults = []struct {
	flag gotkgio.TLSCertificateFlags
	text string
}{
	{gotkgio.TLSCertificateUnknownCa, "is signed by an unknown authority (CA)"},
	{gotkgio.TLSCertificateBadIdentity, "is for another name than that of the server (bad identity)"},
	{gotkgio.TLSCertificateNotActivated, "is not valid yet"},
	{gotkgio.TLSCertificateExpired, "has expired"},
	{gotkgio.TLSCertificateRevoked, "has been revoked"},
	{gotkgio.TLSCertificateInsecure, "uses an insecure algorithm"},
	{gotkgio.TLSCertificateGenericError, "failed a check"},
}
