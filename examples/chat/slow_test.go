package main

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// slowCrowd has n clients, from an IP address of their own, send half a line.
func slowCrowd(t *testing.T, addr net.Addr, n int) []net.Conn {
	t.Helper()
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	var all []net.Conn
	for range n {
		conn, err := from.Dial(addr.Network(), addr.String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		_, _ = conn.Write([]byte("half a li")) // some are told to go already
		all = append(all, conn)
	}
	return all
}

func TestHalfSentLinesFromOneAddressHoldNobodyUp(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-max-per-host", "20", "-log-level", "error")
	addr := server.Addrs(1)[0]
	slowCrowd(t, addr, 1500)
	alice, bob := servertest.Dial(t, addr), servertest.Dial(t, addr)
	bob.Expect("You are in lobby") // who comes later does not hear of it
	alice.Send("/nick alice\n")
	bob.Expect("alice")
	alice.Send("hello\n")
	bob.Expect("alice: hello")
}

// Without -max-per-host they can take every place, and lose it by -idle-timeout.
func TestHalfSentLinesLoseTheirPlace(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-max-clients", "100", "-idle-timeout", "1s", "-log-level", "error")
	addr := server.Addrs(1)[0]
	slow := slowCrowd(t, addr, 400)
	require.Eventually(t, func() bool {
		conn, err := net.Dial(addr.Network(), addr.String())
		require.NoError(t, err)
		defer conn.Close()
		b := make([]byte, 4096)
		_ = conn.SetDeadline(time.Now().Add(servertest.Patience))
		n, err := conn.Read(b)
		return err == nil && strings.Contains(string(b[:n]), "Welcome!")
	}, servertest.Patience, 50*time.Millisecond, "an honest client never gets in")
	for _, conn := range slow {
		_ = conn.SetReadDeadline(time.Now().Add(servertest.Patience))
		_, err := io.Copy(io.Discard, conn)
		var ne net.Error
		require.False(t, errors.As(err, &ne) && ne.Timeout(), "a slow client keeps its place")
	}
}
