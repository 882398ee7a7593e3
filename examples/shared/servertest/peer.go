package servertest

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Peer is somebody at the other end of a connection. Whatever it waits for
// must come within Patience.
type Peer struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

// Dial connects to a server. The end of the test closes the connection.
func Dial(t *testing.T, addr net.Addr) *Peer {
	t.Helper()
	conn, err := net.DialTimeout(addr.Network(), addr.String(), Patience)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(Patience)))
	return &Peer{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

// OverTLS has a peer speak TLS, by crypto/tls, from now on. The peer that it
// was given is of no further use.
func OverTLS(t *testing.T, p *Peer, cfg *tls.Config) *Peer {
	t.Helper()
	conn := tls.Client(p.Conn, cfg)
	require.NoError(t, conn.Handshake())
	return &Peer{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

// Send writes a text.
func (p *Peer) Send(format string, args ...any) {
	p.t.Helper()
	_, err := fmt.Fprintf(p, format, args...)
	require.NoError(p.t, err)
}

// Expect reads up to a line with that text in it, and returns the line.
func (p *Peer) Expect(text string) string {
	p.t.Helper()
	var before []string
	for {
		line, err := p.r.ReadString('\n')
		require.NoError(p.t, err, "waiting for %q after %q", text, before)
		if strings.Contains(line, text) {
			return line
		}
		before = append(before, line)
	}
}

// Rest reads to the end of the stream.
func (p *Peer) Rest() string {
	p.t.Helper()
	all, err := io.ReadAll(p.r)
	require.NoError(p.t, err)
	return string(all)
}

// CloseWrite is what nc -N does at the end of its input.
func (p *Peer) CloseWrite() {
	p.t.Helper()
	require.NoError(p.t, p.Conn.(interface{ CloseWrite() error }).CloseWrite())
}
