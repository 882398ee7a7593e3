package gio

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"

	"github.com/glibserve/glibserve/gio/internal/giostream"
	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// serverTLS is the TLS of a service.
type serverTLS struct {
	cfg        TLSConfig // immutable
	files      tlsFiles  // immutable; absolute names
	handshakes *giostream.Handshakes

	material atomic.Pointer[tlsMaterial] // nil: none could be read yet

	mu      sync.Mutex // protects what follows; nothing is read while it is held
	begun   int        // how often the files were read, or are being
	applied int        // which of these the material is of
	err     error      // why there is no material
}

func newServerTLS(cfg *TLSConfig) *serverTLS {
	if cfg == nil {
		return nil
	}
	t := &serverTLS{cfg: *cfg, handshakes: giostream.NewHandshakes(cfg.MaxHandshakes)}
	t.files = tlsFiles{cert: cfg.CertFile, key: cfg.KeyFile, authorities: cfg.ClientCAFile}
	if cfg.Certificate != nil {
		t.files.cert, t.files.key = "", ""
	}
	if t.files, t.err = t.files.absolute(); t.err == nil {
		_ = t.load()
	}
	return t
}

// load reads the files, for handshakes that begin from now on. Of several at once the
// one that began last counts.
func (t *serverTLS) load() error {
	t.mu.Lock()
	t.begun++
	turn := t.begun
	t.mu.Unlock()
	m, err := t.read()
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case turn < t.applied:
		return nil // what a later one has read is newer
	case err == nil:
		t.applied, t.err = turn, nil
		t.material.Store(m)
	case t.material.Load() == nil:
		t.err = err
	}
	return err
}

func (t *serverTLS) read() (*tlsMaterial, error) {
	if t.cfg.Certificate == nil && t.cfg.CertFile == "" {
		return nil, errors.New("TLSConfig has no certificate: set CertFile and KeyFile, or Certificate")
	}
	m, err := t.files.load()
	if err == nil && t.cfg.Certificate != nil {
		cert := nativeObject(t.cfg.Certificate)
		native.ObjectRef(cert)
		m.take(&m.certificate, cert)
	}
	return m, err
}

// failed is why there is nothing to serve TLS with; nil when there is. A nil t is no
// TLS.
func (t *serverTLS) failed() error {
	if t == nil || t.material.Load() != nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// on is the TLS of one connection; nothing is made until its first use.
func (t *serverTLS) on(fd *netfd.FD) *giostream.TLS {
	return giostream.NewTLS(fd, handshakeLimit(t.cfg.HandshakeTimeout), t.handshakes, t.put)
}

// put puts TLS on a connection.
func (t *serverTLS) put(n native.Connection) (native.Stream, error) {
	m := t.material.Load()
	if m == nil {
		return native.Stream{}, t.failed()
	}
	defer runtime.KeepAlive(m)
	o := &native.TLSOptions{
		Certificate: m.certificate,
		Protocols:   t.cfg.Protocols,
		ClientAuth:  int(t.cfg.ClientAuth),
		Verify:      native.VerifySent,
		Authorities: m.authorities.native(),
	}
	if t.cfg.ClientAuth == gotkgio.TLSAuthenticationRequired {
		o.Verify = native.VerifyRequired
	}
	return n.TLSServer(o)
}

// ReloadTLS reads the files of ServiceConfig.TLS again: CertFile, KeyFile and
// ClientCAFile. TLS handshakes that begin from now on use what it read, all of it or
// nothing; connections that speak TLS already, and handshakes in progress, go on as they
// began. When something cannot be read, or the key is not that of the certificate, what
// was read before stays, and the error says why.
//
// It makes good what was an error of Listen, too. Names of files mean what they meant
// when the service was made, wherever the working directory is now. With
// TLSConfig.Certificate it reads ClientCAFile alone, and without that file there is
// nothing to read, which is an error, as it is without TLS; after Close the error is
// net.ErrClosed. It blocks for as long as reading takes and is for any goroutine.
func (s *SocketService) ReloadTLS() error {
	l := s.l
	switch {
	case l.life.closed.Load():
		return l.closedError()
	case l.tls == nil:
		return errors.New("gio: ReloadTLS: the service has no ServiceConfig.TLS")
	case l.tls.files == tlsFiles{}:
		return errors.New("gio: ReloadTLS: ServiceConfig.TLS names no files")
	}
	return l.tls.load()
}
