package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// trusting is the configuration of a client that believes in a certificate.
func trusting(t *testing.T, cert string) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(cert)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	return &tls.Config{RootCAs: pool, ServerName: "localhost"}
}

func TestPeopleTalkOverTLS(t *testing.T) {
	cert, key := servertest.Certificate(t)
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s",
		"-listen-tls", "tcp:127.0.0.1:0", "-tls-cert", cert, "-tls-key", key)
	addrs := server.Addrs(2)
	require.Contains(t, server.Stdout(), "listening on tcp "+addrs[1].String()+" with TLS")
	plain := servertest.Dial(t, addrs[0])
	plain.Send("/nick plain\n")
	plain.Expect("You are plain now.")

	bob := servertest.OverTLS(t, servertest.Dial(t, addrs[1]), trusting(t, cert))
	bob.Send("/nick bob\nhello from crypto/tls\n")
	plain.Expect("] bob: hello from crypto/tls\n")

	openssl := startPeer(t, need(t, "openssl"), "s_client", "-quiet", "-CAfile", cert, "-verify_return_error", "-connect", addrs[1].String())
	openssl.expect("Welcome!")
	openssl.send("/nick anna")
	openssl.expect("You are anna now.")
	openssl.send("hello from openssl")
	plain.Expect("] anna: hello from openssl\n")
	bob.Expect("] anna: hello from openssl\n")
	plain.Send("hello from the clear\n")
	openssl.expect("] plain: hello from the clear\n")

	// One who speaks no TLS, and one who says nothing, take no place.
	wrong := servertest.Dial(t, addrs[1])
	wrong.Send("/nick eve\n")
	_, _ = io.Copy(io.Discard, wrong) // how it ends is the server's good right
	servertest.Dial(t, addrs[1])
	plain.Send("/who\n")
	plain.Expect("* In lobby (3): anna, bob, plain\n")

	server.Signal(os.Interrupt)
	for _, rest := range []string{plain.Rest(), bob.Rest()} {
		require.True(t, strings.HasSuffix(rest, "* The server is shutting down. Goodbye.\n"), rest)
	}
	openssl.expect("* The server is shutting down. Goodbye.\n")
	require.Equal(t, program.OK, server.Wait())
	require.Equal(t, 2, strings.Count(server.Stderr(), "client entered\" door=tls"))
}

func TestARenewedCertificateNeedsNoRestart(t *testing.T) {
	cert, key := servertest.Certificate(t)
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s",
		"-listen-tls", "tcp:127.0.0.1:0", "-web-tls", "tcp:127.0.0.1:0", "-tls-cert", cert, "-tls-key", key)
	addrs := server.Addrs(3)[1:]
	first := trusting(t, cert)
	anna := servertest.OverTLS(t, servertest.Dial(t, addrs[0]), first)
	anna.Send("/nick anna\n")
	anna.Expect("You are anna now.")
	shown := func(trust *tls.Config) {
		t.Helper()
		for _, addr := range addrs {
			c, err := tls.Dial("tcp", addr.String(), trust)
			require.NoError(t, err)
			_ = c.Close()
		}
	}
	shown(first)
	replace := func(from, to string) {
		b, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(to, b, 0o600))
	}
	logged := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return strings.Count(server.Stderr(), text) == 2 }, servertest.Patience, 10*time.Millisecond)
	}

	otherCert, otherKey := servertest.Certificate(t)
	replace(otherCert, cert) // and not yet the key
	server.Signal(syscall.SIGHUP)
	logged("certificate not renewed")
	shown(first)
	replace(otherKey, key)
	server.Signal(syscall.SIGHUP)
	logged("certificate renewed")
	shown(trusting(t, cert))
	anna.Send("/who\n")
	anna.Expect("In lobby (1): anna")
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
}

func TestThePageComesOverTLS(t *testing.T) {
	cert, key := servertest.Certificate(t)
	server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s",
		"-web-tls", "tcp:127.0.0.1:0", "-tls-cert", cert, "-tls-key", key)
	addr := server.Addrs(2)[1].String()
	require.Contains(t, server.Stdout(), "listening on tcp "+addr+" with HTTPS")
	client := &http.Client{
		Timeout:   servertest.Patience,
		Transport: &http.Transport{TLSClientConfig: trusting(t, cert), ForceAttemptHTTP2: true},
	}
	defer client.CloseIdleConnections()
	response, err := client.Get("https://" + addr + "/")
	require.NoError(t, err)
	response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, 2, response.ProtoMajor)

	ctx, cancel := context.WithTimeout(context.Background(), servertest.Patience)
	defer cancel()
	over1 := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(t, cert)}}
	conn, _, err := websocket.Dial(ctx, "wss://"+addr+"/ws", &websocket.DialOptions{HTTPClient: over1})
	require.NoError(t, err)
	defer conn.CloseNow()
	_, message, err := conn.Read(ctx)
	require.NoError(t, err)
	require.Contains(t, string(message), `"kind":"welcome"`)

	server.Signal(os.Interrupt)
	for err == nil {
		_, _, err = conn.Read(ctx)
	}
	require.Equal(t, websocket.StatusGoingAway, websocket.CloseStatus(err))
	require.Equal(t, program.OK, server.Wait())
	require.Contains(t, server.Stderr(), "door=web remote=127.0.0.1:")
}

func TestABadCertificateIsSaidToBe(t *testing.T) {
	cert, key := servertest.Certificate(t)
	otherCert, _ := servertest.Certificate(t)
	text := filepath.Join(t.TempDir(), "text.pem")
	require.NoError(t, os.WriteFile(text, []byte("hello\n"), 0o600))
	for _, c := range []struct{ cert, key, reason string }{
		{"/nonexistent", key, "open /nonexistent: no such file or directory"},
		{cert, "/nonexistent", "open /nonexistent: no such file or directory"},
		{text, key, "failed to find any PEM data in certificate input"},
		{cert, text, "failed to find any PEM data in key input"},
		{otherCert, key, "private key does not match public key"},
		{key, cert, "failed to find certificate PEM data"},
	} {
		for _, where := range []string{"-listen-tls", "-web-tls"} {
			var stdout, stderr bytes.Buffer
			args := []string{"-listen", "tcp:127.0.0.1:0", where, "tcp:127.0.0.1:0", "-tls-cert", c.cert, "-tls-key", c.key}
			require.Equal(t, program.Failure, run(context.Background(), args, &stdout, &stderr), args)
			require.Contains(t, stderr.String(), "chat: cannot use the certificate "+c.cert+" with the key "+c.key)
			require.Contains(t, stderr.String(), c.reason)
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
			require.Empty(t, stdout.String())
		}
	}
}
