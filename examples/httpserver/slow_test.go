package main

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// crowd is how many clients begin a request and do not end it.
const crowd = 1000

// beginners connect, send the beginning of a request, and wait for the end.
func beginners(t *testing.T, address, beginning string) (ended <-chan struct{}) {
	t.Helper()
	all := make(chan struct{})
	one := make(chan struct{}, crowd)
	for range crowd {
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, err = io.WriteString(conn, beginning)
		require.NoError(t, err)
		go func() {
			_, _ = io.Copy(io.Discard, conn) // a 408 maybe, and the end
			one <- struct{}{}
		}()
	}
	go func() {
		defer close(all)
		for range crowd {
			<-one
		}
	}()
	return all
}

func requireEnded(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		require.Fail(t, "a slow client holds its connection for ever")
	}
}

func TestHalfSentRequestsHoldNobodyUp(t *testing.T) {
	address := start(t, "-header-timeout", "1s")
	ended := beginners(t, address, "GET / HTTP/1.1\r\nHost: x\r\nX-Half: ")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 10 {
		_, body := get(t, client, "http://"+address+"/")
		require.Equal(t, "hello over HTTP/1.1\n", body)
	}
	requireEnded(t, ended)
}

// One byte after the other does not put the end off: the limit is for all of it.
func TestARequestThatDripsInIsEnded(t *testing.T) {
	conn, err := net.Dial("tcp", start(t, "-header-timeout", "200ms"))
	require.NoError(t, err)
	defer conn.Close()
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			if _, err := io.WriteString(conn, "G"); err != nil {
				return
			}
		}
	}()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err = bufio.NewReader(conn).WriteTo(io.Discard)
	var ne net.Error
	if err != nil {
		require.ErrorAs(t, err, &ne)
		require.False(t, ne.Timeout(), "the server did not end it")
	}
}

func TestUnfinishedHandshakesHoldNobodyUp(t *testing.T) {
	cert, key := servertest.Certificate(t)
	address := start(t, "-tls-cert", cert, "-tls-key", key, "-header-timeout", "1s")
	ended := beginners(t, address, "\x16\x03\x01")
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	_, body := get(t, client, "https://"+address+"/")
	require.Equal(t, "hello over HTTP/1.1\n", body)
	requireEnded(t, ended)
}

func TestIdleConnectionIsEnded(t *testing.T) {
	conn, err := net.Dial("tcp", start(t, "-idle-timeout", "100ms"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err, "the server ends it after the answer")
	require.Contains(t, string(all), "hello over HTTP/1.1")
}
