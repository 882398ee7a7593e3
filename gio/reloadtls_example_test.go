package gio_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/glibserve/glibserve/gio"
)

// writeCertificate makes a certificate for trying out.
func writeCertificate(certFile, keyFile, name string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		log.Fatal(err)
	}
	for file, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(b), 0o600); err != nil {
			log.Fatal(err)
		}
	}
}

// A renewed certificate is shown to those who connect from then on. Programs do this when
// SIGHUP comes.
func ExampleSocketService_ReloadTLS() {
	dir, err := os.MkdirTemp("", "reload")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(cert, key, "this year's")

	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
	defer svc.Close()
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go svc.Serve(context.Background(), gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
		_ = conn.Handshake(ctx)
	}))
	show := func() {
		c, err := tls.Dial("tcp", addr.String(), &tls.Config{InsecureSkipVerify: true}) // only a look
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close()
		fmt.Println(c.ConnectionState().PeerCertificates[0].Subject.CommonName)
	}

	show()
	if err := os.Remove(key); err != nil {
		log.Fatal(err)
	}
	if err := svc.ReloadTLS(); err != nil {
		fmt.Println("the old one stays")
	}
	show()
	writeCertificate(cert, key, "next year's")
	if err := svc.ReloadTLS(); err != nil {
		log.Fatal(err)
	}
	show()
	// Output:
	// this year's
	// the old one stays
	// this year's
	// next year's
}
