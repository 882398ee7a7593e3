package gio

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
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
	// it, and its key. KeyFile "" means that CertFile has both.
	CertFile, KeyFile string

	// Certificate is used in place of the files if it is not nil.
	Certificate gotkgio.TLSCertificater

	// ClientAuth asks clients for a certificate: TLSAuthenticationRequested or
	// TLSAuthenticationRequired. One that is sent must be signed by an authority
	// in ClientCAFile (PEM), or one that the system trusts if that is "".
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
// (GTlsClientConnection; the package glib-networking has to be installed). It
// accepts the server's certificate by GIO's rules. The zero value is good where
// the server's name is known.
type ClientTLSConfig struct {
	// ServerName is the name or IP address that the server's certificate must be
	// for. "": the host that the client connected to.
	ServerName string

	// RootCAFile has the authorities to trust (PEM). "": those of the system.
	RootCAFile string

	// Tolerate are faults of a certificate that are no reason to refuse it.
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

// tlsMaterial is what TLS connections are made of, made once and shared. The
// objects are given up when no Go value refers to it any more; each TLS
// connection has references of its own.
type tlsMaterial struct {
	certificate unsafe.Pointer // GTlsCertificate or nil
	database    unsafe.Pointer // GTlsDatabase or nil: the system's
	protocols   []string
}

// take enters an object whose reference becomes m's.
func (m *tlsMaterial) take(p *unsafe.Pointer, object unsafe.Pointer) {
	*p = object
	runtime.AddCleanup(m, native.ObjectUnref, object)
}

func loadMaterial(certFile, keyFile, caFile string, protocols []string) (*tlsMaterial, error) {
	if !native.TLSSupported() {
		return nil, errNoTLS
	}
	m := &tlsMaterial{protocols: protocols}
	var err error
	if certFile != "" {
		if keyFile == "" {
			keyFile = certFile
		}
		if err = readable(certFile, keyFile); err == nil {
			var cert unsafe.Pointer
			if cert, err = native.NewCertificate(certFile, keyFile); err == nil {
				m.take(&m.certificate, cert)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("TLS certificate %s with key %s: %w", certFile, keyFile, err)
		}
	}
	if caFile != "" {
		if err = readable(caFile); err == nil {
			var db unsafe.Pointer
			if db, err = native.NewDatabase(caFile); err == nil {
				m.take(&m.database, db)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("TLS authorities %s: %w", caFile, err)
		}
	}
	return m, nil
}

// server and client put TLS on a connection.

func (m *tlsMaterial) server(n native.Connection, auth int) (native.Stream, error) {
	defer runtime.KeepAlive(m)
	return n.TLSServer(m.certificate, m.database, auth, m.protocols)
}

func (m *tlsMaterial) client(n native.Connection, name string, tolerated gotkgio.TLSCertificateFlags) (native.Stream, error) {
	defer runtime.KeepAlive(m)
	return n.TLSClient(m.certificate, m.database, name, 0, m.protocols, tolerated)
}

// readable is asked first because GIO's own error about a file has no errno, and
// because it takes a missing file of authorities for an empty one.
func readable(files ...string) error {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_ = f.Close()
	}
	return nil
}

// load makes the material of a service.
func (cfg *TLSConfig) load() (*tlsMaterial, error) {
	if cfg.Certificate == nil && cfg.CertFile == "" {
		return nil, errors.New("TLSConfig has no certificate: set CertFile and KeyFile, or Certificate")
	}
	certFile := cfg.CertFile
	if cfg.Certificate != nil {
		certFile = ""
	}
	m, err := loadMaterial(certFile, cfg.KeyFile, cfg.ClientCAFile, cfg.Protocols)
	if err != nil {
		return nil, err
	}
	if cfg.Certificate != nil {
		cert := nativeObject(cfg.Certificate)
		native.ObjectRef(cert)
		m.take(&m.certificate, cert)
	}
	return m, nil
}

// nativeObject is the GObject behind a gotk4 object.
func nativeObject(o coreglib.Objector) unsafe.Pointer {
	p := coreglib.BaseObject(o).Native()
	return *(*unsafe.Pointer)(unsafe.Pointer(&p)) // C memory: nothing moves
}

func handshakeLimit(d time.Duration) time.Duration {
	if d == 0 {
		return giostream.DefaultHandshakeTimeout
	}
	return d
}

// serverTLS is the TLS of a service.
type serverTLS struct {
	cfg        TLSConfig
	material   *tlsMaterial
	err        error // why there is no material
	handshakes *giostream.Handshakes
}

func newServerTLS(cfg *TLSConfig) *serverTLS {
	if cfg == nil {
		return nil
	}
	t := &serverTLS{cfg: *cfg, handshakes: giostream.NewHandshakes(cfg.MaxHandshakes)}
	t.material, t.err = t.cfg.load()
	return t
}

// on is the TLS of one connection; nothing is made until its first use.
func (t *serverTLS) on(fd *netfd.FD) *giostream.TLS {
	return giostream.NewTLS(fd, handshakeLimit(t.cfg.HandshakeTimeout), t.handshakes, func(n native.Connection) (native.Stream, error) {
		if t.err != nil {
			return native.Stream{}, t.err
		}
		return t.material.server(n, int(t.cfg.ClientAuth))
	})
}

// on is the TLS of one client's connection.
func (cfg *ClientTLSConfig) on(fd *netfd.FD, m *tlsMaterial, name string) *giostream.TLS {
	tolerated := cfg.Tolerate
	if cfg.InsecureSkipVerify {
		tolerated = gotkgio.TLSCertificateValidateAll
	}
	return giostream.NewTLS(fd, handshakeLimit(cfg.HandshakeTimeout), nil, func(n native.Connection) (native.Stream, error) {
		return m.client(n, name, tolerated)
	})
}
