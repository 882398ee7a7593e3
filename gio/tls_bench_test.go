package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// BenchmarkTLSEcho sends 64 bytes there and back between two TLS connections.
func BenchmarkTLSEcho(b *testing.B) {
	a := newAuthority(b)
	cfg := a.server(b)
	run := func(b *testing.B, client, server net.Conn) {
		go func() { _, _ = io.Copy(struct{ io.Writer }{server}, struct{ io.Reader }{server}) }()
		buf := make([]byte, 64)
		for b.Loop() {
			_, err := client.Write(buf)
			require.NoError(b, err)
			_, err = io.ReadFull(client, buf)
			require.NoError(b, err)
		}
	}
	b.Run("SocketConnection", func(b *testing.B) {
		client, server := tlsPair(b, a, cfg)
		run(b, client, server)
	})
	b.Run("StreamConn", func(b *testing.B) {
		client, server := tlsStreamPair(b, newLoop(b), a, cfg)
		run(b, client, server)
	})
	b.Run("crypto-tls", func(b *testing.B) {
		pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		require.NoError(b, err)
		svc := gio.NewSocketService(nil)
		defer svc.Close()
		addr, err := svc.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		client := clientOf(b, addr)
		server, _, err := svc.Accept(context.Background())
		require.NoError(b, err)
		run(b, tls.Client(client, &tls.Config{RootCAs: a.pool, ServerName: "localhost"}),
			tls.Server(server, &tls.Config{Certificates: []tls.Certificate{pair}}))
	})
}
