//go:build !race && !asan

package gio_test

import (
	"os"
	"path/filepath"
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// A certificate that the program has made itself is shown, and is not in any file.
func TestReloadTLSLeavesAGivenCertificate(t *testing.T) {
	a := newAuthority(t)
	r := newRenewable(t, a)
	cert, err := gotkgio.NewTLSCertificateFromFiles(r.cert, r.key)
	require.NoError(t, err)
	alone, addr := newService(t, &gio.ServiceConfig{TLS: &gio.TLSConfig{Certificate: cert}})
	serve(t, alone, echo)
	require.Equal(t, "first", r.shown(t, addr))
	require.ErrorContains(t, alone.ReloadTLS(), "names no files")

	ca := filepath.Join(t.TempDir(), "ca.pem")
	text, err := os.ReadFile(a.file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ca, text, 0o600))
	svc, addr := newService(t, &gio.ServiceConfig{TLS: &gio.TLSConfig{
		Certificate: cert, ClientAuth: gotkgio.TLSAuthenticationRequested, ClientCAFile: ca,
	}})
	serve(t, svc, echo)
	r.renew(t, "second")
	require.NoError(t, svc.ReloadTLS())
	require.Equal(t, "first", r.shown(t, addr))
	require.NoError(t, os.Remove(ca))
	require.ErrorIs(t, svc.ReloadTLS(), os.ErrNotExist)
	require.Equal(t, "first", r.shown(t, addr))
}
