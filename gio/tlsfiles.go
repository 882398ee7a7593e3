package gio

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// tlsMaterial is what TLS connections are made of, read once and shared. The
// objects are given up when no Go value refers to it any more; each TLS
// connection has references of its own.
type tlsMaterial struct {
	certificate unsafe.Pointer // GTlsCertificate or nil
	authorities *authorities   // nil: the system's
}

// take enters an object whose reference becomes m's.
func (m *tlsMaterial) take(p *unsafe.Pointer, object unsafe.Pointer) {
	*p = object
	runtime.AddCleanup(m, native.ObjectUnref, object)
}

// tlsFiles are the names of PEM files; "" is none.
type tlsFiles struct{ cert, key, authorities string }

// absolute has the names mean the same files later, wherever the process is then.
// GIO also takes no other names for authorities.
func (f tlsFiles) absolute() (tlsFiles, error) {
	for _, name := range []*string{&f.cert, &f.key, &f.authorities} {
		if *name == "" {
			continue
		}
		if strings.IndexByte(*name, 0) >= 0 {
			return f, fmt.Errorf("TLS file %q: a zero byte in the name", *name)
		}
		abs, err := filepath.Abs(*name)
		if err != nil {
			return f, fmt.Errorf("TLS file %s: %w", *name, err)
		}
		*name = abs
	}
	if f.key == "" {
		f.key = f.cert
	}
	return f, nil
}

func (f tlsFiles) load() (*tlsMaterial, error) {
	if !native.TLSSupported() {
		return nil, errNoTLS
	}
	m := &tlsMaterial{}
	if f.cert != "" {
		cert, err := loadCertificate(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("TLS certificate %s with key %s: %w", f.cert, f.key, err)
		}
		m.take(&m.certificate, cert)
	}
	if f.authorities != "" {
		var err error
		if m.authorities, err = loadAuthorities(f.authorities); err != nil {
			return nil, fmt.Errorf("TLS authorities %s: %w", f.authorities, err)
		}
	}
	return m, nil
}

// loadCertificate has GIO read what was looked at here: the files may be replaced
// meanwhile, one after the other, and GIO does not ask whether the key is that of
// the certificate.
func loadCertificate(certFile, keyFile string) (unsafe.Pointer, error) {
	certs, err := readPEM(certFile, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	keys, err := readPEM(keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	if !belong(certs[0].Bytes, keys[0].Bytes) {
		return nil, errors.New("the key is that of another certificate")
	}
	var text bytes.Buffer
	for _, b := range append(certs, keys[0]) {
		_ = pem.Encode(&text, b) // memory takes it
	}
	return native.NewCertificate(text.String())
}

// readPEM returns the blocks whose type ends so; at least one.
func readPEM(file, kind string) (all []*pem.Block, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		if strings.HasSuffix(b.Type, kind) {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no %s (PEM) in %s", strings.ToLower(kind), file)
	}
	return all, nil
}

// belong tells whether the key is that of the certificate. What Go cannot read is
// left to GIO.
func belong(certDER, keyDER []byte) bool {
	cert, err := x509.ParseCertificate(certDER)
	if err != nil {
		return true
	}
	var key any
	if key, err = x509.ParsePKCS8PrivateKey(keyDER); err != nil {
		if key, err = x509.ParseECPrivateKey(keyDER); err != nil {
			key, _ = x509.ParsePKCS1PrivateKey(keyDER)
		}
	}
	private, ok := key.(crypto.Signer)
	if !ok {
		return true
	}
	public, ok := private.Public().(interface{ Equal(crypto.PublicKey) bool })
	return !ok || public.Equal(cert.PublicKey)
}

// nativeObject is the GObject behind a gotk4 object.
func nativeObject(o coreglib.Objector) unsafe.Pointer {
	p := coreglib.BaseObject(o).Native()
	return *(*unsafe.Pointer)(unsafe.Pointer(&p)) // C memory: nothing moves
}
