package main

import (
	"crypto/tls"
	"fmt"

	"github.com/glibserve/glibserve/gio"
)

// loadCertificate reads a certificate and its key. It says of which file it
// speaks, and finds what a person gets wrong: files that are not there, that
// are no PEM, or that do not belong together.
func loadCertificate(certFile, keyFile string) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return pair, fmt.Errorf("cannot use the certificate %s with the key %s: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// gioTLS is what the door for lines of text over TLS is given: that one speaks
// TLS by GIO, which reads the files itself.
func (o *options) gioTLS() *gio.TLSConfig {
	return &gio.TLSConfig{CertFile: o.certFile, KeyFile: o.keyFile, HandshakeTimeout: requestTime}
}
