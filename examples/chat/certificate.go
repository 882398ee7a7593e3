package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio"
)

// certificate is what the door for browsers over TLS shows, as last read.
type certificate struct {
	certFile, keyFile string
	pair              atomic.Pointer[tls.Certificate]
}

// load reads the certificate and its key. It says of which file it speaks, and finds
// what a person gets wrong: files that are not there, that are no PEM, or that do not
// belong together. Then what was read before stays.
func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("cannot use the certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.pair.Store(&pair)
	return nil
}

// config is for crypto/tls. Each handshake shows what was read last.
func (c *certificate) config() *tls.Config {
	return &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil }}
}

// gioTLS is what the door for lines of text over TLS is given: that one speaks
// TLS by GIO, which reads the files itself.
func (o *options) gioTLS() *gio.TLSConfig {
	return &gio.TLSConfig{CertFile: o.certFile, KeyFile: o.keyFile, HandshakeTimeout: requestTime}
}

// reload has the doors over TLS read the certificate again, for those who come in from
// now on. Nobody has to leave for it.
func (ds doors) reload(log *slog.Logger) {
	for _, d := range ds {
		if d.reload == nil {
			continue
		}
		if err := d.reload(); err != nil {
			log.Error("certificate not renewed", "door", d.protocol, "reason", err)
		} else {
			log.Info("certificate renewed", "door", d.protocol)
		}
	}
}
