package gio_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// peerVerified has a peer with this certificate tried by the library: as a server, by its
// client, or as a client, by its service. It returns what the library says.
func peerVerified(t *testing.T, trusted *authority, cert, key string, asServer bool, version uint16) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	if asServer {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version})
		require.NoError(t, err)
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				_ = c.(*tls.Conn).Handshake()
				_, _ = c.Read(make([]byte, 1))
				_ = c.Close()
			}
		}()
		return clientOf(t, l.Addr()).StartTLS(t.Context(), trusted.client())
	}
	cfg := trusted.server(t)
	cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequired, trusted.file
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	verdict := make(chan error, 1)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) { verdict <- c.Handshake(ctx) })
	c := tls.Client(dial(t, addr), &tls.Config{
		RootCAs: trusted.pool, ServerName: "localhost", MinVersion: version, MaxVersion: version,
		// Also where it is not one that the server asked for.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
	})
	go func() { _, _ = c.Read(make([]byte, 1)) }()
	return receive(t, verdict)
}

func TestTLSVerifiesTheWholeChainOfAPeer(t *testing.T) {
	root := newAuthority(t)
	usages := func(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = u }
	}
	type change = func(*x509.Certificate)
	for _, tt := range []struct {
		name   string
		by     func() *authority
		leaf   change
		client bool   // good as a client's certificate
		server bool   // and as a server's
		text   string // of the refusal
	}{
		{"the authority itself", nil, nil, true, true, ""},
		{"no extended key usage", nil, usages(), true, true, ""},
		{"any extended key usage", nil, usages(x509.ExtKeyUsageAny), true, true, ""},
		{"for servers", nil, usages(x509.ExtKeyUsageServerAuth), false, true, "purpose"},
		{"for clients", nil, usages(x509.ExtKeyUsageClientAuth), true, false, "purpose"},
		{"for mail", nil, usages(x509.ExtKeyUsageEmailProtection), false, false, "purpose"},
		{"for something unknown", nil, func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3, 4}}
		}, false, false, "purpose"},
		{"an authority below", func() *authority { return root.below(t, nil) }, nil, true, true, ""},
		{"two authorities below", func() *authority { return root.below(t, nil).below(t, nil) }, nil, true, true, ""},
		{"below one that may have none below", func() *authority {
			return root.below(t, func(c *x509.Certificate) { c.MaxPathLenZero = true }).below(t, nil)
		}, nil, false, false, ""},
		{"below no authority", func() *authority {
			return root.below(t, func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature })
		}, nil, false, false, ""},
		{"below one that must not sign", func() *authority {
			return root.below(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
		}, nil, false, false, ""},
		{"below one that has expired", func() *authority {
			return root.below(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		}, nil, false, false, ""},
		{"below one that is not valid yet", func() *authority {
			return root.below(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
		}, nil, false, false, ""},
		{"below one for other names", func() *authority {
			return root.below(t, func(c *x509.Certificate) {
				c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"example.org"}
			})
		}, nil, false, false, ""},
		{"below one for servers", func() *authority {
			return root.below(t, usages(x509.ExtKeyUsageServerAuth))
		}, nil, false, true, "purpose"},
		{"expired", nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, false, false, "expired"},
		{"not valid yet", nil, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, false, false, "not valid yet"},
	} {
		for _, asServer := range []bool{false, true} {
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				good, role := tt.client, "client"
				if asServer {
					good, role = tt.server, "server"
				}
				t.Run(tt.name+"/"+role+"/"+tls.VersionName(version), func(t *testing.T) {
					by := root
					if tt.by != nil {
						by = tt.by()
					}
					cert, key := by.issue(t, "peer", tt.leaf, "localhost")
					err := peerVerified(t, root, cert, key, asServer, version)
					if good {
						require.NoError(t, err)
						return
					}
					var ce *gio.CertificateError
					require.ErrorAs(t, err, &ce)
					require.NotZero(t, ce.Flags)
					require.ErrorContains(t, err, tt.text)
				})
			}
		}
	}
}

// Whoever tolerates one fault is told of the others.
func TestTLSToleratesOneFaultAlone(t *testing.T) {
	root, other := newAuthority(t), newAuthority(t)
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	mail := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }
	for _, tt := range []struct {
		name     string
		by       *authority
		change   func(*x509.Certificate)
		host     string
		tolerate gotkgio.TLSCertificateFlags
	}{
		{"unknown authority, expired", other, expired, "localhost", gotkgio.TLSCertificateUnknownCa},
		{"expired, unknown authority", other, expired, "localhost", gotkgio.TLSCertificateExpired},
		{"unknown authority, another name", other, nil, "example.org", gotkgio.TLSCertificateUnknownCa},
		{"another name, unknown authority", other, nil, "example.org", gotkgio.TLSCertificateBadIdentity},
		{"expired, another name", root, expired, "example.org", gotkgio.TLSCertificateExpired},
		{"another name, expired", root, expired, "example.org", gotkgio.TLSCertificateBadIdentity},
		{"unknown authority, another purpose", other, mail, "localhost", gotkgio.TLSCertificateUnknownCa},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := tt.by.issue(t, "peer", tt.change, tt.host)
			svc, addr := newService(t, &gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
			serve(t, svc, echo)
			cfg := root.client()
			cfg.Tolerate = tt.tolerate
			var ce *gio.CertificateError
			require.ErrorAs(t, clientOf(t, addr).StartTLS(t.Context(), cfg), &ce)
			require.NotZero(t, ce.Flags&^tt.tolerate)
		})
	}
}

// A client that nobody asks for a certificate needs none, and one that may have none is
// let in.
func TestTLSServerTakesClientsWithoutACertificate(t *testing.T) {
	a := newAuthority(t)
	for _, mode := range []gotkgio.TLSAuthenticationMode{gotkgio.TLSAuthenticationNone, gotkgio.TLSAuthenticationRequested} {
		cfg := a.server(t)
		cfg.ClientAuth, cfg.ClientCAFile = mode, a.file
		svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
		serve(t, svc, echo)
		c := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
		say(t, c, "nobody")
	}
}
