package main

import (
	"bytes"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// output runs a program and returns what it wrote to standard output.
func output(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := servertest.Command(t, name, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = strings.NewReader(stdin), &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	return string(out)
}

func TestCurlSpeaksHTTP1AndHTTP2(t *testing.T) {
	cert, key := servertest.Certificate(t)
	plain, secure := start(t), start(t, "-tls-cert", cert, "-tls-key", key)
	_, port, err := net.SplitHostPort(secure)
	require.NoError(t, err)
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"HTTP/1.1", "hello over HTTP/1.1\n1.1", []string{"--http1.1", "http://" + plain + "/"}},
		{"HTTP/1.1 over TLS", "hello over HTTP/1.1\n1.1", []string{"--http1.1", "--cacert", cert, "https://localhost:" + port + "/"}},
		{"HTTP/2 over TLS", "hello over HTTP/2.0\n2", []string{"--http2", "--cacert", cert, "https://localhost:" + port + "/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			common := []string{"-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60",
				"--resolve", "localhost:" + port + ":127.0.0.1", "--write-out", "%{http_version}"}
			require.Equal(t, c.want, output(t, "", "curl", append(common, c.args...)...))
		})
	}
}

// Several requests of curl's are streams of one connection.
func TestCurlFetchesFilesSideBySideOverHTTP2(t *testing.T) {
	const files = 8
	cert, key := servertest.Certificate(t)
	served, fetched := t.TempDir(), t.TempDir()
	content := make([]byte, 1<<20)
	_, err := rand.Read(content)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(served, "file"), content, 0o600))
	_, port, err := net.SplitHostPort(start(t, "-tls-cert", cert, "-tls-key", key, "-dir", served))
	require.NoError(t, err)
	connects := output(t, "", "curl", "-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "60", "--fail", "--http2", "--parallel",
		"--resolve", "localhost:"+port+":127.0.0.1", "--cacert", cert, "--write-out", "%{num_connects}",
		"https://localhost:"+port+"/file?[1-8]", "--output", filepath.Join(fetched, "#1"))
	require.Equal(t, 1, strings.Count(connects, "1"), connects)
	require.Len(t, connects, files)
	entries, err := os.ReadDir(fetched)
	require.NoError(t, err)
	require.Len(t, entries, files)
	for _, e := range entries {
		got, err := os.ReadFile(filepath.Join(fetched, e.Name()))
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, got), e.Name())
	}
}

func TestOpenSSLsClient(t *testing.T) {
	cert, key := servertest.Certificate(t)
	address := start(t, "-tls-cert", cert, "-tls-key", key)
	for _, version := range []string{"-tls1_2", "-tls1_3"} {
		out := output(t, "GET / HTTP/1.0\r\n\r\n", "openssl", "s_client", "-quiet", version, "-verify_return_error",
			"-connect", address, "-servername", "localhost", "-verify_hostname", "localhost", "-CAfile", cert)
		require.True(t, strings.HasPrefix(out, "HTTP/1.0 200 OK\r\n"), out)
		require.True(t, strings.HasSuffix(out, "\r\n\r\nhello over HTTP/1.0\n"), out)
	}
}

// wrk prints a line of socket errors only when there were some.
func TestWrkSeesNoError(t *testing.T) {
	cert, key := servertest.Certificate(t)
	for scheme, address := range map[string]string{"http": start(t), "https": start(t, "-tls-cert", cert, "-tls-key", key)} {
		out := output(t, "", "wrk", "-t", "2", "-c", "50", "-d", "1s", "--timeout", "30s", scheme+"://"+address+"/")
		require.NotContains(t, out, "Socket errors")
		require.NotContains(t, out, "Non-2xx")
		require.Regexp(t, `(?m)^\s*[1-9]\d* requests in `, out)
	}
}
