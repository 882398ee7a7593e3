package gio_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// The files as programs write them: with a chain or not, a key of each kind, all in one file
// or in two.
func TestTLSServesCertificatesOfEveryKind(t *testing.T) {
	root := newAuthority(t)
	below := root.below(t, nil).below(t, nil)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	certOf := func(by *authority, public any) string {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(5), Subject: pkix.Name{CommonName: "server"}, DNSNames: []string{"localhost"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		}, by.cert, public, by.key)
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) + string(by.chain)
	}
	block := func(kind string, der []byte, err error) string {
		require.NoError(t, err)
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	ecDER, ecErr := x509.MarshalECPrivateKey(ec)
	pkcs8, pkcs8Err := x509.MarshalPKCS8PrivateKey(ec)
	ecText := block("EC PRIVATE KEY", ecDER, ecErr)
	params := "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	for name, files := range map[string]struct{ cert, key string }{
		"EC":                         {certOf(root, ec.Public()), ecText},
		"EC with its parameters":     {certOf(root, ec.Public()), params + ecText},
		"PKCS #8":                    {certOf(root, ec.Public()), block("PRIVATE KEY", pkcs8, pkcs8Err)},
		"RSA":                        {certOf(root, rsaKey.Public()), block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil)},
		"a chain":                    {certOf(below, ec.Public()), ecText},
		"one file, the key first":    {ecText + certOf(below, ec.Public()), ""},
		"one file, the key last":     {certOf(below, ec.Public()) + ecText, ""},
		"text between":               {"a server\n" + certOf(below, ec.Public()) + "its key\n" + ecText, ""},
		"a certificate in the key's": {certOf(below, ec.Public()), certOf(root, rsaKey.Public()) + ecText},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := &gio.TLSConfig{CertFile: filepath.Join(t.TempDir(), "cert.pem")}
			require.NoError(t, os.WriteFile(cfg.CertFile, []byte(files.cert), 0o600))
			if files.key != "" {
				cfg.KeyFile = filepath.Join(t.TempDir(), "key.pem")
				require.NoError(t, os.WriteFile(cfg.KeyFile, []byte(files.key), 0o600))
			}
			svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
			serve(t, svc, echo)
			say(t, tls.Client(dial(t, addr), &tls.Config{RootCAs: root.pool, ServerName: "localhost"}), "hello")
			c := clientOf(t, addr)
			require.NoError(t, c.StartTLS(t.Context(), root.client()))
			say(t, c, "hello")
		})
	}
}
