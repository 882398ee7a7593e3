package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/gio"
)

// start runs the server and returns its address. At the end of the test it is
// asked to end, and must do so with status 0.
func start(t *testing.T, args ...string) string {
	ctx, cancel := context.WithCancel(context.Background())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"-listen", "tcp:127.0.0.1:0"}, args...), in, &stderr)
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case status := <-ended:
			require.Equal(t, program.OK, status, stderr.String())
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, "the server did not say where it listens")
	address, found := strings.CutPrefix(strings.TrimSpace(line), "listening on tcp ")
	require.True(t, found, line)
	return address
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	response, err := client.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	return response, string(body)
}

func TestGreetsAndEndsWhileAConnectionIsOpen(t *testing.T) {
	address := start(t)
	client := &http.Client{Transport: &http.Transport{}} // keeps its connection until the server ends
	for range 2 {
		_, body := get(t, client, "http://"+address+"/")
		require.Equal(t, "hello over HTTP/1.1\n", body)
	}
}

func TestServesHTTP2OverTLS(t *testing.T) {
	cert, key := servertest.Certificate(t)
	address := start(t, "-tls-cert", cert, "-tls-key", key)
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
	}}
	response, body := get(t, client, "https://"+address+"/")
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, "hello over HTTP/2.0\n", body)
}

func TestServesFilesWhole(t *testing.T) {
	dir := t.TempDir()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB: more than any buffer
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), content, 0o600))
	address := start(t, "-dir", dir)
	_, body := get(t, &http.Client{Transport: &http.Transport{}}, "http://"+address+"/file")
	require.True(t, bytes.Equal(content, []byte(body)))
}

func TestPublishesWhatTheServiceDoes(t *testing.T) {
	address := start(t, "-expvar")
	client := &http.Client{Transport: &http.Transport{}}
	_, hello := get(t, client, "http://"+address+"/")
	require.Equal(t, "hello over HTTP/1.1\n", hello)
	_, body := get(t, client, "http://"+address+"/debug/vars")
	var vars struct{ Service gio.Stats }
	require.NoError(t, json.Unmarshal([]byte(body), &vars))
	require.EqualValues(t, 1, vars.Service.Accepted)
	require.Equal(t, 1, vars.Service.Open)
	require.True(t, vars.Service.Active)

	_, body = get(t, client, "http://"+start(t)+"/debug/vars")
	require.Equal(t, "hello over HTTP/1.1\n", body, "not unless it is asked for")
}

func TestRefusesWithTheReason(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
		args   []string
	}{
		{program.Usage, "-tls-cert and -tls-key go together", []string{"-tls-cert", "x"}},
		{program.Usage, "-header-timeout and -idle-timeout must be more than 0", []string{"-header-timeout", "0"}},
		{program.Usage, "-grace must not be negative", []string{"-grace", "-1s"}},
		{program.Failure, "cannot use that certificate", []string{"-tls-cert", "/nonexistent", "-tls-key", "/nonexistent"}},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.status, run(context.Background(), c.args, &stdout, &stderr))
		require.Contains(t, stderr.String(), c.reason)
		require.Empty(t, stdout.String())
	}
}
