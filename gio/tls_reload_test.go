package gio_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// renewable are the files of a service, to be replaced.
type renewable struct {
	a         *authority
	cert, key string
}

func newRenewable(t *testing.T, a *authority) *renewable {
	r := &renewable{a, filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")}
	r.renew(t, "first")
	return r
}

// renew replaces both files, as programs that renew certificates do.
func (r *renewable) renew(t *testing.T, name string) {
	t.Helper()
	cert, key := r.a.issue(t, name, nil, "localhost")
	require.NoError(t, os.Rename(cert, r.cert))
	require.NoError(t, os.Rename(key, r.key))
}

func (r *renewable) config() *gio.TLSConfig { return &gio.TLSConfig{CertFile: r.cert, KeyFile: r.key} }

// shown is the name in the certificate that a client gets.
func (r *renewable) shown(t testing.TB, addr net.Addr) string {
	t.Helper()
	c := tls.Client(dial(t, addr), &tls.Config{RootCAs: r.a.pool, ServerName: "localhost"})
	defer c.Close()
	say(t, c, "hello")
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestReloadTLSIsForConnectionsFromNowOn(t *testing.T) {
	r := newRenewable(t, newAuthority(t))
	svc, addr := newService(t, &gio.ServiceConfig{TLS: r.config()})
	serve(t, svc, echo)
	before := tls.Client(dial(t, addr), &tls.Config{RootCAs: r.a.pool, ServerName: "localhost"})
	say(t, before, "before")
	r.renew(t, "second")
	require.Equal(t, "first", r.shown(t, addr), "not by itself")
	require.NoError(t, svc.ReloadTLS())
	require.Equal(t, "second", r.shown(t, addr))
	say(t, before, "still")
	c := clientOf(t, addr)
	require.NoError(t, c.StartTLS(t.Context(), r.a.client()))
	say(t, c, "the library's client")
}

func TestReloadTLSThatFailsLeavesWhatWasThere(t *testing.T) {
	r := newRenewable(t, newAuthority(t))
	cfg := r.config()
	cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequested, filepath.Join(t.TempDir(), "ca.pem")
	ca, err := os.ReadFile(r.a.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(cfg.ClientCAFile, ca, 0o600))
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	serve(t, svc, echo)
	for name, spoil := range map[string]struct {
		file, text string
	}{
		"certificate": {r.cert, "nothing"}, "key": {r.key, ""}, "authorities": {cfg.ClientCAFile, "nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			good, err := os.ReadFile(spoil.file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(spoil.file, []byte(spoil.text), 0o600))
			require.ErrorContains(t, svc.ReloadTLS(), spoil.file)
			require.NoError(t, os.Remove(spoil.file))
			require.ErrorIs(t, svc.ReloadTLS(), os.ErrNotExist)
			require.Equal(t, "first", r.shown(t, addr))
			require.NoError(t, os.WriteFile(spoil.file, good, 0o600))
			require.NoError(t, svc.ReloadTLS())
		})
	}
	t.Run("half of a pair", func(t *testing.T) {
		cert, _ := r.a.issue(t, "second", nil, "localhost")
		require.NoError(t, os.Rename(cert, r.cert))
		require.ErrorContains(t, svc.ReloadTLS(), "another certificate")
		require.Equal(t, "first", r.shown(t, addr))
	})
}

func TestReloadTLSReadsTheAuthoritiesOfClients(t *testing.T) {
	one, two := newAuthority(t), newAuthority(t)
	cfg := one.server(t)
	cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequired, filepath.Join(t.TempDir(), "ca.pem")
	trust := func(a *authority) {
		ca, err := os.ReadFile(a.file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(cfg.ClientCAFile, ca, 0o600))
	}
	trust(one)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	verdict := make(chan error, 1)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) { verdict <- c.Handshake(ctx) })
	check := func(by *authority) error {
		ccfg := one.client()
		ccfg.CertFile, ccfg.KeyFile = by.issue(t, "client", nil)
		_ = clientOf(t, addr).StartTLS(t.Context(), ccfg)
		return receive(t, verdict)
	}
	var ce *gio.CertificateError
	require.NoError(t, check(one))
	require.ErrorAs(t, check(two), &ce)
	trust(two)
	require.NoError(t, svc.ReloadTLS())
	require.NoError(t, check(two))
	require.ErrorAs(t, check(one), &ce)
}

func TestReloadTLSMendsWhatWasAnErrorOfListen(t *testing.T) {
	r := newRenewable(t, newAuthority(t))
	good, err := os.ReadFile(r.key)
	require.NoError(t, err)
	require.NoError(t, os.Remove(r.key))
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: r.config()})
	defer svc.Close()
	_, err = svc.Listen("tcp", "127.0.0.1:0")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorIs(t, svc.ReloadTLS(), os.ErrNotExist)
	require.NoError(t, os.WriteFile(r.key, good, 0o600))
	require.NoError(t, svc.ReloadTLS())
	addr, err := svc.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serve(t, svc, echo)
	require.Equal(t, "first", r.shown(t, addr))
}

func TestReloadTLSSaysWhenThereIsNothingToRead(t *testing.T) {
	plain, _ := newService(t, nil)
	require.ErrorContains(t, plain.ReloadTLS(), "no ServiceConfig.TLS")
	r := newRenewable(t, newAuthority(t))
	svc, _ := newService(t, &gio.ServiceConfig{TLS: r.config()})
	require.NoError(t, svc.ReloadTLS())
	require.NoError(t, svc.Close())
	require.ErrorIs(t, svc.ReloadTLS(), net.ErrClosed)
	threaded := gio.NewThreadedSocketService(1, &gio.ServiceConfig{TLS: r.config()})
	defer threaded.Close()
	require.NoError(t, threaded.ReloadTLS())
}

// A handshake has a certificate and its key, whatever happens meanwhile.
func TestReloadTLSAmongHandshakes(t *testing.T) {
	r := newRenewable(t, newAuthority(t))
	svc, addr := newService(t, &gio.ServiceConfig{TLS: r.config()})
	serve(t, svc, echo)
	done := make(chan struct{})
	var clients sync.WaitGroup
	for range 4 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				c, err := net.Dial("tcp", addr.String())
				if err != nil {
					t.Error(err)
					return
				}
				if err = tls.Client(c, &tls.Config{RootCAs: r.a.pool, ServerName: "localhost"}).Handshake(); err != nil {
					t.Error(err)
				}
				_ = c.Close()
			}
		}()
	}
	for range 50 {
		r.renew(t, "next")
		var both sync.WaitGroup
		for range 2 {
			both.Add(1)
			go func() {
				defer both.Done()
				if err := svc.ReloadTLS(); err != nil {
					t.Error(err)
				}
			}()
		}
		both.Wait()
	}
	r.renew(t, "last")
	require.NoError(t, svc.ReloadTLS())
	require.Equal(t, "last", r.shown(t, addr))
	close(done)
	clients.Wait()
}
