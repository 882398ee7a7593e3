package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// requireAll reads to an orderly end.
func requireAll(t *testing.T, c net.Conn, want int) {
	t.Helper()
	got := make(chan error, 1)
	var n int64
	go func() {
		var err error
		n, err = io.Copy(io.Discard, c)
		got <- err
	}()
	require.NoError(t, receive(t, got), "the peer's close_notify comes after all it wrote")
	require.Equal(t, int64(want), n)
}

// A Write that ran into its deadline counts the record that TLS has taken.
func TestTLSCloseDeliversARecordInFlight(t *testing.T) {
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		x, y := pair()
		n := fill(t, x)
		require.NoError(t, x.Close())
		requireAll(t, y, n)
	})
}

// closingWrite has a CloseWrite wait for as long as the peer takes nothing.
func closingWrite(t *testing.T, x tlsEnd) (ended chan error) {
	t.Helper()
	require.NoError(t, x.SetWriteDeadline(time.Time{}))
	ended = make(chan error, 1)
	go func() { ended <- x.CloseWrite() }()
	return ended
}

func TestTLSCloseWriteDeliversARecordInFlight(t *testing.T) {
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		x, y := pair()
		n := fill(t, x)
		ended := closingWrite(t, x)
		requireAll(t, y, n)
		require.NoError(t, receive(t, ended))
	})
}

// After a Close that followed a CloseWrite which ran into the deadline.
func TestTLSCloseSendsWhatCloseWriteCouldNot(t *testing.T) {
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		x, y := pair()
		n := fill(t, x)
		require.ErrorIs(t, x.CloseWrite(), os.ErrDeadlineExceeded)
		require.NoError(t, x.Close())
		requireAll(t, y, n)
	})
}

// While CloseWrite waits for a peer that takes nothing, reading goes on.
func TestTLSReadsWhileCloseWriteWaits(t *testing.T) {
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		x, y := pair()
		n := fill(t, x)
		ended := closingWrite(t, x)
		for range 10 {
			say1(t, y, x)
		}
		requireAll(t, y, n)
		require.NoError(t, receive(t, ended))
	})
}

// say1 sends a few bytes one way.
func say1(t *testing.T, from, to net.Conn) {
	t.Helper()
	_, err := io.WriteString(from, "word")
	require.NoError(t, err)
	got := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(to, make([]byte, 4))
		got <- err
	}()
	require.NoError(t, receive(t, got))
}

// The kernel resets a connection that is closed with unread bytes, and drops what
// it still has to send. A peer's close_notify, or the tickets of TLS 1.3, are no
// bytes that anybody reads; without TLS the peer's end would be none either.
func TestTLSCloseSurvivesTheUnreadEndOfThePeer(t *testing.T) {
	tlsKinds(t, func(t *testing.T, pair func() (x, y tlsEnd)) {
		x, y := pair()
		require.NoError(t, y.CloseWrite())
		n := fill(t, x)
		require.NoError(t, x.Close())
		requireAll(t, y, n)
	})
}

func TestTLSCloseOfAClientSurvivesUnreadTickets(t *testing.T) {
	a := newAuthority(t)
	cfg := a.server(t)
	pair, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	require.NoError(t, err)
	svc, addr := newService(t, nil)
	client := clientOf(t, addr)
	below, _, err := svc.Accept(context.Background())
	require.NoError(t, err)
	server := tls.Server(below, &tls.Config{Certificates: []tls.Certificate{pair}})
	failed := make(chan error, 1)
	go func() { failed <- server.HandshakeContext(context.Background()) }()
	require.NoError(t, client.StartTLS(context.Background(), a.client()))
	require.NoError(t, receive(t, failed))
	n := fill(t, client)
	require.NoError(t, client.Close())
	requireAll(t, server, n)
}

// A Write that Close interrupts has not written all: its peer is not told that
// this is the end.
func TestTLSCloseBesideAWriteIsNoOrderlyEnd(t *testing.T) {
	a := newAuthority(t)
	x, y := tlsPair(t, a, a.server(t))
	wrote := make(chan int, 1)
	go func() {
		n, err := x.Write(make([]byte, 32<<20))
		assert.ErrorIs(t, err, net.ErrClosed)
		wrote <- n
	}()
	waiting(t, "netfd.(*FD).poll", 1, "IO wait")
	require.NoError(t, x.Close())
	n, err := io.Copy(io.Discard, y)
	require.Error(t, err)
	require.GreaterOrEqual(t, n, int64(receive(t, wrote)))
}

// Close does not wait for a peer that takes nothing, and gives up soon.
func TestTLSCloseGivesAPeerThatTakesNothingUp(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t), MaxConns: 1})
	handled := make(chan time.Duration, 2)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		_ = c.Handshake(ctx)
		_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = c.Write(make([]byte, 32<<20))
		start := time.Now()
		_ = c.Close()
		handled <- time.Since(start)
	})
	stalled := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	require.NoError(t, stalled.HandshakeContext(t.Context()))
	require.Less(t, receive(t, handled), 800*time.Millisecond, "of the second that the peer is given")
	// The next one is taken once the first is closed, which it is without its peer.
	next := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	require.NoError(t, next.HandshakeContext(t.Context()))
	receive(t, handled)
}
