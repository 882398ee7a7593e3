package gio

import (
	"errors"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// TLSConfig has a service speak TLS by GIO's own backend (GTlsServerConnection;
// the package glib-networking has to be installed). Handlers get connections
// whose Read and Write are the decrypted bytes. The handshake is done by the
// first Read or Write, or by SocketConnection.Handshake, never on the loop.
//
// The plain way to serve TLS in Go works as well and needs no backend:
// tls.NewListener over NetListener.
type TLSConfig struct {
	// CertFile and KeyFile are PEM files: the certificate with the chain behind
	// it, and its key. KeyFile "" means that CertFile has both. They are read
	// when the service is made, and again by SocketService.ReloadTLS. A relative
	// name is that of the working directory at that first moment.
	CertFile, KeyFile string

	// Certificate is used in place of the files if it is not nil.
	Certificate gotkgio.TLSCertificater

	// ClientAuth asks clients for a certificate: TLSAuthenticationRequested or
	// TLSAuthenticationRequired. One that is sent must be signed by an authority
	// in ClientCAFile (PEM), or one that the system trusts if that is "", and be
	// good for client authentication: its extended key usage, and that of each
	// authority in its chain, has that or "any", or is not there. A file
	// without a certificate in it is an error. Clients are not told the names
	// of the authorities, which GIO leaves out.
	ClientAuth   gotkgio.TLSAuthenticationMode
	ClientCAFile string

	// Protocols are those that are offered by ALPN, such as "h2", best first.
	Protocols []string

	// HandshakeTimeout limits how long a client may take to send its first message,
	// and then again the rest of the handshake, from its turn on (MaxHandshakes).
	// 0: 30 seconds; negative: no limit.
	HandshakeTimeout time.Duration

	// MaxHandshakes is how many handshakes of the service may be in progress at a
	// time. GIO does each on a thread of GTask's pool. That has 10 threads for the
	// whole process, GIO's resolver and asynchronous calls included, and grows slowly.
	// 0: 6, which is also what all services of the process share. A larger number gives
	// this service as many more for itself, and GIO's other users of the pool wait as
	// long as they are taken.
	//
	// A client that has sent nothing, or half of its first message, takes none of
	// them, and no thread. The others have their turn
	// when there is a place, the latest first. While somebody waits, a client that
	// keeps its handshake waiting for half a second (four round trips by TCP if that
	// is longer, at most 2 seconds) gives its place up: its handshake fails with an
	// os.ErrDeadlineExceeded that says so.
	MaxHandshakes int
}

// ClientTLSConfig has a connection speak TLS as a client, by GIO's own backend
// (GTlsClientConnection; the package glib-networking has to be installed). The
// zero value is good where the server's name is known.
//
// The server's certificate is verified in every handshake, by the rules of this
// configuration and by no other's of the process: g_tls_database_verify_chain
// looks at signatures, times, the names, and what the authorities of the chain
// may sign; besides, the certificate must be good for server authentication, as
// TLSConfig.ClientAuth says of clients. What the server says about revocation
// (stapled OCSP, "must staple") is not looked at, as with crypto/tls. No session
// is resumed, and a server that wants to renegotiate is refused.
type ClientTLSConfig struct {
	// ServerName is the name or IP address that the server's certificate must be
	// for. "": the host that the client connected to. A name may end with the dot
	// of the root. An address may have a zone, which no certificate has: it is not
	// compared. The server is told a name (SNI) and no address.
	ServerName string

	// RootCAFile has the authorities to trust (PEM), read when the client is made,
	// or by StartTLS. A file without a certificate in it is an error of every dial.
	// "": those of the system, read when the first server of the process is
	// verified by them.
	RootCAFile string

	// Tolerate are faults of a certificate that are no reason to refuse it. A
	// certificate for another purpose has TLSCertificateGenericError.
	Tolerate gotkgio.TLSCertificateFlags

	// InsecureSkipVerify accepts every certificate, as Tolerate with all flags
	// does: whoever is in between can read and change everything.
	InsecureSkipVerify bool

	// CertFile and KeyFile are the client's own certificate, if the server asks
	// for one.
	CertFile, KeyFile string

	// Protocols are those that are offered by ALPN, such as "h2", best first.
	Protocols []string

	// HandshakeTimeout limits the handshake, from its turn on. 0: 30 seconds; negative:
	// no limit.
	//
	// GIO does each handshake on a thread of a small pool, so clients of one process
	// have three in progress at a time, and the others wait for their turn. While
	// somebody waits, a server that says nothing for half a second (four round trips by
	// TCP if that is longer, at most 2 seconds) loses its turn: that handshake fails
	// with an os.ErrDeadlineExceeded that says so.
	HandshakeTimeout time.Duration
}

// TLSState is what a TLS handshake agreed on.
type TLSState struct {
	Version         uint16 // as in crypto/tls, such as tls.VersionTLS13; 0: not known
	CipherSuite     string // as the backend names it
	Protocol        string // agreed on by ALPN, or ""
	PeerCertificate []byte // in DER, for x509.ParseCertificate; nil if there was none
}

func tlsState(f native.TLSFacts) TLSState {
	return TLSState{
		Version:         tlsVersion(f.Version),
		CipherSuite:     f.CipherSuite,
		Protocol:        f.Protocol,
		PeerCertificate: f.PeerCertificate,
	}
}

// tlsVersion turns a GTlsProtocolVersion, which counts from SSL 3.0 = 1.
func tlsVersion(v int) uint16 {
	if v < 1 || v > 0x100 { // DTLS is beyond
		return 0
	}
	return uint16(0x0300 + v - 1)
}

// errNoTLS tells what a person can do about it.
var errNoTLS = sys.WithMessage(errors.ErrUnsupported,
	"GIO has no TLS backend: install glib-networking (the package's name on Debian, Fedora, Arch, Alpine and in Homebrew)")

func handshakeLimit(d time.Duration) time.Duration {
	if d == 0 {
		return giostream.DefaultHandshakeTimeout
	}
	return d
}
