package main

import (
	"crypto/tls"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/examples/shared/servertest"
)

// hostile are the ways in which a client can be a nuisance. Errors are the
// server's good right.
var hostile = map[string]func(conn net.Conn, random *rand.Rand){
	"goes at once": func(net.Conn, *rand.Rand) {},
	"resets": func(conn net.Conn, _ *rand.Rand) {
		_, _ = conn.Write([]byte("hello\nhalf a li"))
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	},
	"sends noise": func(conn net.Conn, random *rand.Rand) {
		noise := make([]byte, 4096)
		for i := range noise {
			noise[i] = byte(random.Uint32())
		}
		_, _ = conn.Write(noise)
	},
	"sends a line without end": func(conn net.Conn, _ *rand.Rand) {
		for range 50 {
			_, _ = conn.Write([]byte(strings.Repeat("x", 10_000)))
		}
	},
	"floods and never reads": func(conn net.Conn, _ *rand.Rand) {
		_, _ = conn.Write([]byte(strings.Repeat("/help\n/join a\n/leave\nflood\n", 2_000)))
	},
	"sends blank lines": func(conn net.Conn, _ *rand.Rand) {
		_, _ = conn.Write([]byte(strings.Repeat("\n", 10_000)))
	},
	"speaks HTTP": func(conn net.Conn, _ *rand.Rand) {
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: chat\r\n\r\n"))
		_, _ = conn.Read(make([]byte, 4096))
	},
	"ends its half first": func(conn net.Conn, _ *rand.Rand) {
		_ = conn.(interface{ CloseWrite() error }).CloseWrite()
		_, _ = conn.Read(make([]byte, 4096))
	},
}

func TestPeopleTalkWhileOthersMisbehave(t *testing.T) {
	server := servertest.Start(t, "-listen", "tcp:127.0.0.1:0", "-listen", "unix:"+t.TempDir()+"/s",
		"-log-level", "warn", "-queue", "5000", "-rate", "50")
	addrs := server.Addrs(2)
	alice, bob := servertest.Dial(t, addrs[0]), servertest.Dial(t, addrs[1])
	for _, p := range []*servertest.Peer{alice, bob} {
		p.Send("/join quiet\n")
		p.Expect("You are in quiet")
	}

	var crowd sync.WaitGroup
	for _, misbehave := range hostile {
		for i := range 10 {
			crowd.Add(1)
			go func() {
				defer crowd.Done()
				random := rand.New(rand.NewPCG(uint64(i), 0))
				conn, err := net.Dial(addrs[i%2].Network(), addrs[i%2].String())
				if err != nil {
					return
				}
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(time.Second))
				misbehave(conn, random)
			}()
		}
	}
	for range 100 {
		alice.Send("ping\n")
		bob.Expect(": ping\n")
		bob.Send("pong\n")
		alice.Expect(": pong\n")
	}
	crowd.Wait()
	alice.Send("/quit\n")
	require.Contains(t, alice.Rest(), "Goodbye")
	server.Signal(os.Interrupt)
	require.Equal(t, program.OK, server.Wait())
	require.Contains(t, bob.Rest(), "shutting down")
	require.NotContains(t, server.Stderr(), "panic")
}

// firstMessage is what a client of TLS says first.
func firstMessage(t *testing.T) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, &tls.Config{ServerName: "localhost"}).Handshake()
		_ = near.Close()
	}()
	b := make([]byte, 16<<10)
	n, err := far.Read(b)
	require.NoError(t, err)
	return b[:n]
}

func TestPeopleComeInOverTLSBesideThoseWhoStall(t *testing.T) {
	cert, key := servertest.Certificate(t)
	hello := firstMessage(t)
	for name, says := range map[string][]byte{
		"nothing": nil, "a byte": hello[:1], "half a message": hello[:len(hello)/2], "a whole one": hello,
	} {
		t.Run(name, func(t *testing.T) {
			server := servertest.Start(t, "-listen", "unix:"+t.TempDir()+"/s", "-listen-tls", "tcp:127.0.0.1:0",
				"-tls-cert", cert, "-tls-key", key, "-log-level", "error")
			addrs := server.Addrs(2)
			plain := servertest.Dial(t, addrs[0])
			plain.Expect("Welcome!")
			for range 600 {
				servertest.Dial(t, addrs[1]).Send("%s", says)
			}
			for _, nick := range []string{"alice", "bob", "carol"} {
				began := time.Now()
				p := servertest.OverTLS(t, servertest.Dial(t, addrs[1]), trusting(t, cert))
				p.Send("/nick %s\n", nick)
				plain.Expect(nick)
				took := time.Since(began)
				t.Logf("beside 600 who say %s, %s comes in within %v", name, nick, took.Round(time.Millisecond))
				require.Less(t, took, 10*time.Second)
			}
		})
	}
}
