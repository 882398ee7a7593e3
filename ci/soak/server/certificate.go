//go:build linux

package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/glibserve/glibserve/ci/soak/wire"
	"github.com/glibserve/glibserve/gio"
)

// handshakeTime is what a client is given that stops in the middle of a handshake: a burst of
// honest ones takes seconds on a busy machine.
const handshakeTime = 20 * time.Second

// certificate makes one that is its own authority, for wire.ServerName, and writes it
// with its key into the folder.
func certificate(dir string) (authority []byte, cfg *gio.TLSConfig, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		DNSNames: []string{wire.ServerName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	authority = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	file := filepath.Join(dir, "tls.pem")
	both := append(authority[:len(authority):len(authority)], pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	if err := os.WriteFile(file, both, 0o600); err != nil {
		return nil, nil, err
	}
	return authority, &gio.TLSConfig{CertFile: file, HandshakeTimeout: handshakeTime}, nil
}
