package gio_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

// bothWays runs f against a service with a good certificate for localhost that
// hands its connections to accept: with TLS by GIO, and by crypto/tls over
// NetListener.
func bothWays(t *testing.T, accept func(net.Listener), f func(t *testing.T, a *authority, port int)) {
	a := newAuthority(t)
	cfg := a.server(t)
	start := func(t *testing.T, svc *gio.SocketService, ln net.Listener, addr net.Addr) int {
		done := make(chan struct{})
		go func() {
			defer close(done)
			accept(ln)
		}()
		t.Cleanup(func() {
			_ = svc.Close()
			receive(t, done)
		})
		return addr.(*net.TCPAddr).Port
	}
	t.Run("GIO", func(t *testing.T) {
		svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
		f(t, a, start(t, svc, svc.NetListener(), addr))
	})
	t.Run("crypto-tls", func(t *testing.T) {
		svc, addr := newService(t, nil)
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		require.NoError(t, err)
		f(t, a, start(t, svc, tls.NewListener(svc.NetListener(), &tls.Config{Certificates: []tls.Certificate{pair}}), addr))
	})
}

// acceptUpper answers one line of each client in capitals and closes.
func acceptUpper(ln net.Listener) {
	acceptEach(ln, func(c net.Conn) {
		if line, err := bufio.NewReader(c).ReadString('\n'); err == nil {
			_, _ = io.WriteString(c, strings.ToUpper(line))
		}
	})
}

func acceptHTTP(ln net.Listener) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %d", r.Method, r.URL.Path, n)
	}), ErrorLog: log.New(io.Discard, "", 0)}
	_ = srv.Serve(ln)
	_ = srv.Close()
}

func TestTLSWithOpenSSL(t *testing.T) {
	openssl := testprogram.Find(t, "openssl", "openssl")
	bothWays(t, acceptUpper, func(t *testing.T, a *authority, port int) {
		run := func(ca string, more ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), openssl, append([]string{"s_client", "-quiet", "-verify_return_error",
				"-connect", fmt.Sprintf("127.0.0.1:%d", port), "-servername", "localhost", "-verify_hostname", "localhost",
				"-CAfile", ca}, more...)...)
			cmd.Stdin = strings.NewReader("hello\n")
			out, err := cmd.Output()
			return string(out), err
		}
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			out, err := run(a.file, version)
			require.NoError(t, err, version)
			require.Equal(t, "HELLO\n", out, version)
		}
		_, err := run(newAuthority(t).file)
		require.Error(t, err, "signed by another authority")
	})
}

func TestTLSRefusesToRenegotiate(t *testing.T) {
	openssl := testprogram.Find(t, "openssl", "openssl")
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	errs := make(chan error, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		_, err := io.Copy(c, c)
		errs <- err
	})
	cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-tls1_2", "-connect", addr.String(), "-CAfile", a.file)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.WriteString(in, "before\n")
	require.NoError(t, err)
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "before"; {
	}
	_, err = io.WriteString(in, "R\n") // s_client's command for it
	require.NoError(t, err)
	require.ErrorContains(t, receive(t, errs), "renegotiate")
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
}

func TestTLSWithCurl(t *testing.T) {
	curl := testprogram.Find(t, "curl", "curl")
	big := t.TempDir() + "/big"
	require.NoError(t, os.WriteFile(big, make([]byte, 5<<20), 0o600))
	bothWays(t, acceptHTTP, func(t *testing.T, a *authority, port int) {
		run := func(ca string, more ...string) (string, error) {
			cmd := exec.CommandContext(t.Context(), curl, append([]string{"--silent", "--show-error", "--http1.1", "--noproxy", "*",
				"--resolve", fmt.Sprintf("localhost:%d:127.0.0.1", port), "--cacert", ca, fmt.Sprintf("https://localhost:%d/x", port)}, more...)...)
			cmd.Env = append(os.Environ(), "HOME="+a.dir)
			out, err := cmd.Output()
			return string(out), err
		}
		out, err := run(a.file)
		require.NoError(t, err)
		require.Equal(t, "GET /x 0", out)
		out, err = run(a.file, "--tls-max", "1.2", "--request", "PUT", "--upload-file", big)
		require.NoError(t, err)
		require.Equal(t, "PUT /x 5242880", out)
		_, err = run(newAuthority(t).file)
		var status *exec.ExitError
		require.ErrorAs(t, err, &status)
		require.Equal(t, 60, status.ExitCode(), "the certificate was not what curl refused")
	})
}

const pygobjectClient = `
import sys
from gi.repository import Gio, GObject
host, ca = sys.argv[1:]
client = Gio.SocketClient.new()
client.set_tls(True)
def event(client, event, connectable, connection):
    if event == Gio.SocketClientEvent.TLS_HANDSHAKING:
        connection.set_database(Gio.TlsFileDatabase.new(ca))
GObject.Object.connect(client, "event", event)
connection = client.connect_to_host(host, 0, None)
connection.get_output_stream().write_all(b"hello\n", None)
reader = Gio.DataInputStream.new(connection.get_input_stream())
print(reader.read_line_utf8(None)[0])
rest = reader.read_bytes(1, None).get_size()
assert rest == 0, rest
connection.close(None)
`

func TestTLSWithGIOsClientInPython(t *testing.T) {
	python := testprogram.PyGObject(t)
	bothWays(t, acceptUpper, func(t *testing.T, a *authority, port int) {
		run := func(ca string) ([]byte, error) {
			return exec.CommandContext(t.Context(), python, "-c", pygobjectClient, fmt.Sprintf("localhost:%d", port), ca).CombinedOutput()
		}
		out, err := run(a.file)
		require.NoError(t, err, string(out))
		require.Equal(t, "HELLO\n", string(out))
		out, err = run(newAuthority(t).file)
		require.Error(t, err)
		require.Contains(t, string(out), "Unacceptable TLS certificate")
	})
}

func TestTLSWithTheLibrarysClient(t *testing.T) {
	bothWays(t, acceptUpper, func(t *testing.T, a *authority, port int) {
		client := gio.NewSocketClient(&gio.ClientConfig{TLS: a.client(), DisableProxy: true})
		defer client.Close()
		c, err := client.Dial(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "hello\n")
		require.NoError(t, err)
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "HELLO\n", string(b))
	})
}
