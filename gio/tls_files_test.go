package gio_test

import (
	"os"
	"path/filepath"
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

func TestTLSFilesOfRelativeNames(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	mine, mineKey := a.issue(t, "client", nil)
	t.Chdir(filepath.Dir(cfg.CertFile))
	relative := func(file string) string { return filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file)) }
	for _, name := range []*string{&cfg.CertFile, &cfg.KeyFile} {
		*name = filepath.Base(*name)
	}
	t.Chdir("..")
	cfg.CertFile, cfg.KeyFile, cfg.ClientCAFile = relative(a.dir+"/"+cfg.CertFile), relative(a.dir+"/"+cfg.KeyFile), relative(a.file)
	cfg.ClientAuth = gotkgio.TLSAuthenticationRequired
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	serve(t, svc, echo)
	client := newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{
		ServerName: "localhost", RootCAFile: "./" + relative(a.file), CertFile: relative(mine), KeyFile: relative(mineKey),
	}})
	t.Chdir("/") // they mean what they meant
	require.NoError(t, svc.ReloadTLS())
	c, err := client.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	requireEcho(t, c)
}

// badFiles are no files of authorities.
func badFiles(t *testing.T, a *authority) map[string]string {
	dir := t.TempDir()
	files := map[string]string{"empty": "", "text": "nothing of the kind\n",
		"garbage": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}
	for name, text := range files {
		files[name] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(files[name], []byte(text), 0o600))
	}
	_, files["key"] = a.issue(t, "other", nil)
	files["directory"] = dir
	files["missing"] = filepath.Join(dir, "missing")
	return files
}

func TestTLSAuthoritiesThatAreNoneAreAnErrorAtOnce(t *testing.T) {
	a := newAuthority(t)
	tcp := dialEchoServer(t, "tcp", "127.0.0.1:0")
	for name, file := range badFiles(t, a) {
		t.Run(name, func(t *testing.T) {
			cfg := a.server(t)
			cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequired, file
			svc := gio.NewSocketService(&gio.ServiceConfig{TLS: cfg})
			defer svc.Close()
			_, err := svc.Listen("tcp", "127.0.0.1:0")
			require.ErrorContains(t, err, file)
			_, err = newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{ServerName: "localhost", RootCAFile: file}}).
				Dial(t.Context(), "tcp", tcp.String())
			require.ErrorContains(t, err, file)
			err = clientOf(t, tcp).StartTLS(t.Context(), &gio.ClientTLSConfig{ServerName: "localhost", RootCAFile: file})
			require.ErrorContains(t, err, file)
		})
	}
}

func TestTLSKeyOfAnotherCertificateIsAnErrorAtOnce(t *testing.T) {
	a := newAuthority(t)
	cert, _ := a.issue(t, "one", nil, "localhost")
	_, key := a.issue(t, "two", nil, "localhost")
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: &gio.TLSConfig{CertFile: cert, KeyFile: key}})
	defer svc.Close()
	_, err := svc.Listen("tcp", "127.0.0.1:0")
	require.ErrorContains(t, err, "another certificate")
	_, err = newClient(t, &gio.ClientConfig{TLS: &gio.ClientTLSConfig{CertFile: cert, KeyFile: key}}).Dial(t.Context(), "tcp", "127.0.0.1:1")
	require.ErrorContains(t, err, "another certificate")
}

func TestTLSAuthoritiesOfOneFileAreParsedOnce(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	share := func(between func()) bool {
		t.Helper()
		same, err := gio.ShareAuthorities(a.client(), &gio.ClientTLSConfig{RootCAFile: a.file}, between)
		require.NoError(t, err)
		return same
	}
	require.True(t, share(func() {}))
	require.False(t, share(func() { require.NoError(t, os.Rename(other.file, a.file)) }))
	require.True(t, share(func() {}))
	require.False(t, share(func() {
		f, err := os.OpenFile(a.file, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString("a remark\n")
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}))
}
