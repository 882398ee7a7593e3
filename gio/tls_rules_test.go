package gio_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

// ticketServers are servers that give out sessions to resume, with a certificate for
// localhost. They answer lines.
func ticketServers(t *testing.T, cert, key string, version uint16) map[string]net.Addr {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(cert, key)
	require.NoError(t, err)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: version, MaxVersion: version})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go acceptUpper(l)
	flag := map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS13: "-tls1_3"}[version]
	addr, _, _ := opensslServer(t, cert, key, flag, "-rev")
	return map[string]net.Addr{"crypto-tls": l.Addr(), "openssl": addr}
}

// opensslServer runs s_server; in is what it reads as commands, out what it prints from then on.
func opensslServer(t *testing.T, cert, key string, more ...string) (addr net.Addr, in io.Writer, out *bufio.Scanner) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testprogram.Find(t, "openssl", "openssl"),
		append([]string{"s_server", "-accept", "127.0.0.1:0", "-cert", cert, "-key", key}, more...)...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	out = bufio.NewScanner(stdout)
	for out.Scan() {
		if where, ok := strings.CutPrefix(out.Text(), "ACCEPT "); ok {
			addr, err = net.ResolveTCPAddr("tcp", where)
			require.NoError(t, err)
			return addr, stdin, out
		}
	}
	t.Fatal("openssl s_server does not say where it listens")
	return nil, nil, nil
}

// Whatever another client of the process has accepted of the same server.
func TestTLSClientChecksByItsOwnRules(t *testing.T) {
	mine, theirs := newAuthority(t), newAuthority(t)
	cert, key := theirs.issue(t, "server", nil, "localhost")
	loose := map[string]gio.ClientTLSConfig{
		"their authority":      {RootCAFile: theirs.file},
		"InsecureSkipVerify":   {InsecureSkipVerify: true},
		"Tolerate":             {RootCAFile: mine.file, Tolerate: gotkgio.TLSCertificateUnknownCa},
		"another name in turn": {RootCAFile: theirs.file, ServerName: "example.org", Tolerate: gotkgio.TLSCertificateBadIdentity},
	}
	strict := map[string]gio.ClientTLSConfig{
		"my authority":             {RootCAFile: mine.file},
		"the system's authorities": {},
		"another name":             {RootCAFile: theirs.file, ServerName: "example.org"},
		"another fault tolerated":  {RootCAFile: mine.file, Tolerate: gotkgio.TLSCertificateExpired},
	}
	ways := map[string]func(*testing.T, net.Addr, gio.ClientTLSConfig) (*gio.SocketConnection, error){
		"Dial": func(t *testing.T, addr net.Addr, cfg gio.ClientTLSConfig) (*gio.SocketConnection, error) {
			return newClient(t, &gio.ClientConfig{TLS: &cfg}).Dial(t.Context(), "tcp", fmt.Sprintf("localhost:%d", tcpPort(addr)))
		},
		"ConnectToURI": func(t *testing.T, addr net.Addr, cfg gio.ClientTLSConfig) (*gio.SocketConnection, error) {
			return newClient(t, &gio.ClientConfig{TLS: &cfg}).ConnectToURI(t.Context(), "x://localhost", tcpPort(addr))
		},
		"StartTLS": func(t *testing.T, addr net.Addr, cfg gio.ClientTLSConfig) (*gio.SocketConnection, error) {
			if cfg.ServerName == "" {
				cfg.ServerName = "localhost"
			}
			c := clientOf(t, addr)
			err := c.StartTLS(t.Context(), &cfg)
			if err != nil {
				_ = c.Close() // s_server has one client at a time
			}
			return c, err
		},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for server, addr := range ticketServers(t, cert, key, version) {
			for way, connect := range ways {
				t.Run(tls.VersionName(version)+"/"+server+"/"+way, func(t *testing.T) {
					for before, cfg := range loose {
						// Not only a handshake: the session arrives with what is read.
						c, err := connect(t, addr, cfg)
						require.NoError(t, err, before)
						_, err = io.WriteString(c, "hello\n")
						require.NoError(t, err)
						_, err = bufio.NewReader(c).ReadString('\n')
						require.NoError(t, err)
						require.NoError(t, c.Close())
						for name, cfg := range strict {
							_, err := connect(t, addr, cfg)
							var ce *gio.CertificateError
							require.ErrorAs(t, err, &ce, "%s, after %s", name, before)
						}
					}
				})
			}
		}
	}
}

// Whatever another service of the process has accepted of the same client.
func TestTLSServiceChecksByItsOwnRules(t *testing.T) {
	mine, theirs := newAuthority(t), newAuthority(t)
	certFile, keyFile := theirs.issue(t, "client", nil)
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(t, err)
	cfg := mine.server(t)
	start := func(authority string) (net.Addr, <-chan error) {
		cfg := *cfg
		cfg.ClientAuth, cfg.ClientCAFile = gotkgio.TLSAuthenticationRequired, authority
		svc, addr := newService(t, &gio.ServiceConfig{TLS: &cfg})
		verdict := make(chan error, 1)
		serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
			verdict <- c.Handshake(ctx)
			echo(ctx, c)
		})
		return addr, verdict
	}
	looseAddr, loose := start(theirs.file)
	strictAddr, strict := start(mine.file)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		sessions := &tls.Config{RootCAs: mine.pool, ServerName: "localhost", MinVersion: version, MaxVersion: version,
			ClientSessionCache:   tls.NewLRUClientSessionCache(10),
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil },
		}
		for range 2 {
			c := tls.Client(dial(t, looseAddr), sessions)
			say(t, c, "hello")
			require.NoError(t, receive(t, loose))
			_ = c.Close()
		}
		c := tls.Client(dial(t, strictAddr), sessions)
		go func() { _, _ = c.Read(make([]byte, 1)) }()
		var ce *gio.CertificateError
		require.ErrorAs(t, receive(t, strict), &ce)
	}
}

// Renegotiation would be a handshake that nobody waits for, whose certificate nobody
// verifies.
func TestTLSClientRefusesToRenegotiate(t *testing.T) {
	a := newAuthority(t)
	cert, key := a.issue(t, "server", nil, "localhost")
	addr, in, out := opensslServer(t, cert, key, "-tls1_2")
	c := clientOf(t, addr)
	require.NoError(t, c.StartTLS(t.Context(), a.client()))
	_, err := io.WriteString(c, "before\n")
	require.NoError(t, err)
	for out.Scan() && out.Text() != "before" {
	}
	_, err = io.WriteString(in, "r\n") // s_server's command for it
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorContains(t, err, "renegotiate")
}
