package gio_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

const (
	inTurn = "native.Stream.Handshake"
	inLine = "giostream.(*handshake).awaitTurn"
)

// oneTurn is a service that does one handshake at a time, and what its handlers'
// handshakes ended with.
func oneTurn(t *testing.T, a *authority) (svc *gio.SocketService, addr net.Addr, errs chan error) {
	t.Helper()
	cfg := a.server(t)
	cfg.MaxHandshakes = 1
	svc, addr = newService(t, &gio.ServiceConfig{TLS: cfg})
	errs = make(chan error, 100)
	serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		if err := c.Handshake(context.Background()); err != nil {
			errs <- err
			return
		}
		echo(ctx, c)
	})
	return svc, addr, errs
}

// sayHello connects, sends a whole ClientHello, and waits until one peer is where it then
// waits.
func sayHello(t *testing.T, addr net.Addr, where, state string) net.Conn {
	t.Helper()
	c := dial(t, addr)
	_, err := c.Write(clientHello(t))
	require.NoError(t, err)
	waiting(t, where, 1, state)
	return c
}

func TestTLSStalledPeerIsTurnedOutForOthersAndToldWhy(t *testing.T) {
	a := newAuthority(t)
	_, addr, errs := oneTurn(t, a)
	stalled := sayHello(t, addr, inTurn, "syscall")
	require.NoError(t, handshakes(a, addr))
	err := receive(t, errs)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorContains(t, err, "others wait for their turn")
	_, _ = io.Copy(io.Discard, stalled) // ends
}

// Nobody is in a hurry where nobody waits.
func TestTLSSlowPeerIsServedWhileNobodyWaits(t *testing.T) {
	a := newAuthority(t)
	_, addr, _ := oneTurn(t, a)
	plain := dial(t, addr)
	slow := &slowConn{Conn: plain, wait: time.Second}
	say(t, tls.Client(slow, &tls.Config{RootCAs: a.pool, ServerName: "localhost"}), "at last")
}

// slowConn waits before its second write.
type slowConn struct {
	net.Conn
	wait   time.Duration
	writes int
}

func (c *slowConn) Write(b []byte) (int, error) {
	if c.writes++; c.writes == 2 {
		timer := time.NewTimer(c.wait)
		<-timer.C
	}
	return c.Conn.Write(b)
}

func TestTLSPeerThatGoesBeforeItsTurnNeedsNone(t *testing.T) {
	defer gio.KeepTurns()()
	a := newAuthority(t)
	_, addr, errs := oneTurn(t, a)
	stalled := sayHello(t, addr, inTurn, "syscall")
	require.NoError(t, sayHello(t, addr, inLine, "IO wait").Close())
	err := receive(t, errs)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "before its handshake had its turn")
	reset := sayHello(t, addr, inLine, "IO wait")
	require.NoError(t, reset.(*net.TCPConn).SetLinger(0))
	require.NoError(t, reset.Close())
	require.ErrorIs(t, receive(t, errs), syscall.ECONNRESET)
	require.NoError(t, stalled.Close())
	require.NoError(t, handshakes(a, addr))
}

func TestTLSCloseEndsTheWaitForATurn(t *testing.T) {
	defer gio.KeepTurns()()
	a := newAuthority(t)
	svc, addr, errs := oneTurn(t, a)
	peers := []net.Conn{sayHello(t, addr, inTurn, "syscall"), sayHello(t, addr, inLine, "IO wait")}
	require.NoError(t, svc.Close())
	for _, peer := range peers {
		require.ErrorIs(t, receive(t, errs), net.ErrClosed)
		require.NoError(t, peer.SetDeadline(time.Now().Add(patience)))
		_, err := io.Copy(io.Discard, peer) // ends
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	}
}

func TestTLSWaitForATurnOutlivesAContextAndADeadline(t *testing.T) {
	defer gio.KeepTurns()()
	a := newAuthority(t)
	cfg := a.server(t)
	cfg.MaxHandshakes = 1
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	accept := func() *gio.SocketConnection {
		sc, _, err := svc.Accept(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = sc.Close() })
		return sc
	}
	_, err := dial(t, addr).Write(clientHello(t))
	require.NoError(t, err)
	stalled := accept()
	go func() { _ = stalled.Handshake(context.Background()) }()
	waiting(t, inTurn, 1, "syscall")
	peer := make(chan error, 1)
	go func() { peer <- handshakes(a, addr) }()
	sc := accept()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, sc.Handshake(ctx), context.DeadlineExceeded)
	require.NoError(t, sc.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = sc.Read(make([]byte, 1))
	requireTimeout(t, err)
	require.NoError(t, stalled.Close()) // gives its turn on
	require.NoError(t, sc.SetReadDeadline(time.Time{}))
	go echo(t.Context(), sc)
	require.NoError(t, receive(t, peer))
}

// A deadline that has passed ends a Read. It must not have GIO wait for the peer in
// its place, on a thread.
func TestTLSDeadlineOfASilentPeerTakesNoThread(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	const silent = 40
	late := make(chan error, silent)
	var held []*gio.SocketConnection
	for range silent {
		dial(t, addr)
		sc, _, err := svc.Accept(t.Context())
		require.NoError(t, err)
		held = append(held, sc)
		require.NoError(t, sc.SetReadDeadline(time.Now().Add(time.Millisecond)))
		go func() {
			_, err := sc.Read(make([]byte, 1))
			late <- err
		}()
	}
	for range silent {
		requireTimeout(t, receive(t, late))
	}
	require.Zero(t, countIn(allStacks(), inTurn, []string{"syscall"}))
	for _, sc := range held {
		require.NoError(t, sc.Close())
	}
}

func TestTLSMoreHandshakesForWhoAsksForThem(t *testing.T) {
	undo := gio.KeepTurns()
	defer undo()
	a := newAuthority(t)
	cfg := a.server(t)
	cfg.MaxHandshakes = 9
	svc, addr := newService(t, &gio.ServiceConfig{TLS: cfg})
	serve(t, svc, echo)
	for range 9 {
		_, err := dial(t, addr).Write(clientHello(t))
		require.NoError(t, err)
	}
	waiting(t, inTurn, 9, "syscall")
	undo() // they are stalled, after all
	require.NoError(t, handshakes(a, addr))
}

func TestTLSWhatIsNoTLSIsRefusedAtOnce(t *testing.T) {
	defer gio.KeepTurns()()
	a := newAuthority(t)
	_, addr, errs := oneTurn(t, a)
	sayHello(t, addr, inTurn, "syscall") // it does not need a turn
	bad := dial(t, addr)
	_, err := bad.Write([]byte("GET / HTTP/1.0\r\n\r\n"))
	require.NoError(t, err)
	err = receive(t, errs)
	var ge *gio.Error
	require.ErrorAs(t, err, &ge)
	require.Equal(t, "g-tls-error-quark", ge.Domain)
	require.Equal(t, 3, ge.Code, "G_TLS_ERROR_NOT_TLS")
	require.ErrorContains(t, err, `TLS handshake: the peer does not speak TLS: it sent "GET / HTTP`)
	_, _ = io.Copy(io.Discard, bad) // ends

	half := dial(t, addr)
	_, err = half.Write(clientHello(t)[:100])
	require.NoError(t, err)
	require.NoError(t, half.Close())
	err = receive(t, errs)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "in the middle of its ClientHello")

	require.NoError(t, dial(t, addr).Close())
	require.ErrorIs(t, receive(t, errs), io.ErrUnexpectedEOF)
}

// piecesConn sends what it is given in small pieces, and in records of a few bytes as
// long as those are of the handshake.
type piecesConn struct {
	net.Conn
	record, piece int
	first         bool
}

func (c *piecesConn) Write(b []byte) (int, error) {
	out := b
	if !c.first && c.record > 0 {
		out = nil
		for body := b[5:]; len(body) > 0; {
			n := min(c.record, len(body))
			out = append(out, b[0], b[1], b[2])
			out = append(binary.BigEndian.AppendUint16(out, uint16(n)), body[:n]...)
			body = body[n:]
		}
	}
	c.first = true
	for len(out) > 0 {
		n := min(c.piece, len(out))
		if _, err := c.Conn.Write(out[:n]); err != nil {
			return 0, err
		}
		out = out[n:]
	}
	return len(b), nil
}

func TestTLSClientHelloMayComeInPieces(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	serve(t, svc, echo)
	for _, pieces := range []piecesConn{{piece: 1}, {piece: 700}, {record: 100, piece: 50}, {record: 100, piece: 1 << 20}} {
		pieces.Conn = dial(t, addr)
		say(t, tls.Client(&pieces, &tls.Config{RootCAs: a.pool, ServerName: "localhost"}), "hello")
	}
}

// A socket that has no room for a ClientHello cannot wait for all of it.
func TestTLSClientHelloMayBeLongerThanTheReceiveBuffer(t *testing.T) {
	a := newAuthority(t)
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 1) })
	}}
	ln, err := small.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: a.server(t)})
	defer svc.Close()
	require.NoError(t, svc.AddListener(ln, nil))
	serve(t, svc, echo)
	c := tls.Client(dial(t, ln.Addr()), &tls.Config{RootCAs: a.pool, ServerName: "localhost", NextProtos: manyProtocols()})
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, c.Handshake())
}

// manyProtocols make a ClientHello of 10 kB.
func manyProtocols() (all []string) {
	for i := range 100 {
		all = append(all, string(append(make([]byte, 98), byte('0'+i/10), byte('0'+i%10))))
	}
	return all
}
