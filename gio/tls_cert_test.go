package gio_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestTLSWrongCertificateSaysWhatIsWrong(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	for _, tt := range []struct {
		name   string
		by     *authority
		change func(*x509.Certificate)
		host   string
		flag   gotkgio.TLSCertificateFlags
		text   string
	}{
		{"expired", a, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, "localhost",
			gotkgio.TLSCertificateExpired, "expired"},
		{"not yet", a, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, "localhost",
			gotkgio.TLSCertificateNotActivated, "not valid yet"},
		{"unknown authority", other, nil, "localhost", gotkgio.TLSCertificateUnknownCa, "unknown authority"},
		{"another name", a, nil, "example.org", gotkgio.TLSCertificateBadIdentity, "bad identity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, key := tt.by.issue(t, "wrong", tt.change, tt.host)
			svc, addr := newService(t, &gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
			serve(t, svc, echo)
			c := clientOf(t, addr)
			err := c.StartTLS(t.Context(), a.client())
			var ce *gio.CertificateError
			require.ErrorAs(t, err, &ce)
			require.NotZero(t, ce.Flags&tt.flag, "%v", ce.Flags)
			require.ErrorContains(t, err, tt.text)
			var ge *gio.Error
			require.ErrorAs(t, err, &ge)
			require.Equal(t, "g-tls-error-quark", ge.Domain)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			_, err = c.Write([]byte("x"))
			require.ErrorAs(t, err, &ce, "the connection stays refused")

			tolerant := clientOf(t, addr)
			cfg := a.client()
			cfg.Tolerate = tt.flag
			require.NoError(t, tolerant.StartTLS(t.Context(), cfg))
			say(t, tolerant, "never mind")
		})
	}
}

func TestTLSClientCertificates(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	cfg := a.server(t)
	cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequired, a.file
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	errs := make(chan error, 1)
	names := make(chan string, 1)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		if err := c.Handshake(ctx); err != nil {
			errs <- err
			return
		}
		state, _ := c.TLS()
		cert, err := x509.ParseCertificate(state.PeerCertificate)
		if err != nil {
			errs <- err
			return
		}
		names <- cert.Subject.CommonName
		echo(ctx, c)
	})
	t.Run("known", func(t *testing.T) {
		ccfg := a.client()
		ccfg.CertFile, ccfg.KeyFile = a.issue(t, "somebody", nil)
		c := clientOf(t, addr)
		require.NoError(t, c.StartTLS(t.Context(), ccfg))
		say(t, c, "it's me")
		require.Equal(t, "somebody", receive(t, names))
	})
	t.Run("unknown", func(t *testing.T) {
		cert, key := other.issue(t, "stranger", nil)
		pair, err := tls.LoadX509KeyPair(cert, key)
		require.NoError(t, err)
		_, _ = tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost", Certificates: []tls.Certificate{pair}}).
			Read(make([]byte, 1))
		var ce *gio.CertificateError
		require.ErrorAs(t, receive(t, errs), &ce)
		require.NotZero(t, ce.Flags&gotkgio.TLSCertificateUnknownCa)
	})
	t.Run("none", func(t *testing.T) {
		_, _ = tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"}).Read(make([]byte, 1))
		var ge *gio.Error
		require.ErrorAs(t, receive(t, errs), &ge)
		require.Equal(t, "g-tls-error-quark", ge.Domain)
	})
}

func TestTLSMissingCertificateIsAnErrorOfListen(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: "/nowhere.pem"}})
	defer svc.Close()
	_, err := svc.Listen("tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "/nowhere.pem")
}
