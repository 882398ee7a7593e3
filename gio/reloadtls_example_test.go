package gio_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/glibserve/glibserve/gio"
)

// exampleCertificate writes a certificate for example.com with its key, and returns
// what a client needs to believe in it.
func exampleCertificate(dir string) (file string, client *tls.Config, err error) {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		return "", nil, err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	b = append(b, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	file = filepath.Join(dir, "server.pem")
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return file, &tls.Config{RootCAs: roots, ServerName: "example.com"}, os.WriteFile(file, b, 0o600)
}

// A service that speaks TLS by GIO. MaxHandshakes and HandshakeTimeout say what peers
// that stall may hold.
func ExampleTLSConfig() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file, client, err := exampleCertificate(dir)
	if err != nil {
		fmt.Println(err)
		return
	}

	svc := gio.NewSocketService(&gio.ServiceConfig{
		MaxConns: 1000,
		TLS: &gio.TLSConfig{
			CertFile:         file, // the key is in it, too
			MaxHandshakes:    4,
			HandshakeTimeout: 10 * time.Second,
		},
	})
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) {
			_, _ = io.WriteString(c, "hello\n")
		}))
	}()

	c, err := tls.Dial("tcp", addr.String(), client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	fmt.Printf("%q %v\n", b, err)
	// Output: "hello\n" <nil>
}
