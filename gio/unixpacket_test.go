package gio_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

func packetPair(t testing.TB) (a, b *gio.SocketConnection) {
	t.Helper()
	a, b, err := gio.SocketPair("unixpacket")
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	require.NoError(t, a.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, b.SetDeadline(time.Now().Add(patience)))
	return a, b
}

// packetServer echoes each message, accepting in either way.
func packetServer(t testing.TB, observed bool) *gio.SocketService {
	t.Helper()
	svc := gio.NewSocketService(nil)
	t.Cleanup(func() { _ = svc.Close() })
	echo := func(c *gio.SocketConnection) {
		defer c.Close()
		b := make([]byte, 1<<17)
		for n, err := c.Read(b); err == nil; n, err = c.Read(b) {
			if _, err := c.Write(b[:n]); err != nil {
				return
			}
		}
	}
	if observed {
		svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
			go echo(c)
			return true
		})
		return svc
	}
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) { echo(c) }))
	}()
	return svc
}

// requireEchoes sends messages of several sizes before it reads any.
func requireEchoes(t testing.TB, c net.Conn) {
	t.Helper()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	sizes := []int{1, 5, 3000, 1, 1 << 16}
	for _, n := range sizes {
		m, err := c.Write([]byte(strings.Repeat("x", n)))
		require.NoError(t, err)
		require.Equal(t, n, m)
	}
	b := make([]byte, 1<<17)
	for _, n := range sizes {
		m, err := c.Read(b)
		require.NoError(t, err)
		require.Equal(t, n, m, "one message, whole")
	}
}

func TestUnixpacketKeepsMessages(t *testing.T) {
	for name, observed := range map[string]bool{"direct": false, "observed": true} {
		t.Run(name, func(t *testing.T) {
			svc := packetServer(t, observed)
			path := filepath.Join(t.TempDir(), "s")
			stalePacket(t, path)
			for _, address := range []string{path, fmt.Sprintf("@glibserve-packets-%d-%s", os.Getpid(), name)} {
				want := &net.UnixAddr{Name: address, Net: "unixpacket"}
				addr, err := svc.Listen("unixpacket", address)
				require.NoError(t, err)
				require.Equal(t, want, addr)
				require.Contains(t, svc.Addrs(), addr)

				plain, err := net.Dial("unixpacket", address)
				require.NoError(t, err)
				requireEchoes(t, plain)
				require.NoError(t, plain.Close())

				cl := gio.NewSocketClient(nil)
				defer cl.Close()
				ours, err := cl.Dial(t.Context(), "unixpacket", address)
				require.NoError(t, err)
				require.Equal(t, want, ours.RemoteAddr())
				require.Equal(t, &net.UnixAddr{Name: "@", Net: "unixpacket"}, ours.LocalAddr())
				requireEchoes(t, ours)
				cred, err := ours.PeerCredentials()
				require.NoError(t, err)
				require.Equal(t, os.Getpid(), cred.PID)
				require.NoError(t, ours.Close())

				_, err = cl.Dial(t.Context(), "unix", address)
				if address == path {
					require.ErrorIs(t, err, syscall.EPROTOTYPE)
				} else {
					require.ErrorIs(t, err, syscall.ECONNREFUSED, "abstract names are of a type")
				}
			}
			require.NoError(t, svc.Close())
			require.NoFileExists(t, path)
		})
	}
}

// stalePacket leaves a socket file at path.
func stalePacket(t testing.TB, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	require.NoError(t, err)
	ln.SetUnlinkOnClose(false)
	require.NoError(t, ln.Close())
}

func TestUnixpacketListenersAreTakenOver(t *testing.T) {
	svc := packetServer(t, false)
	dir := t.TempDir()
	ln, err := net.Listen("unixpacket", filepath.Join(dir, "listener"))
	require.NoError(t, err)
	defer ln.Close()
	require.NoError(t, svc.AddListener(ln, nil))
	other, err := net.Listen("unixpacket", filepath.Join(dir, "file"))
	require.NoError(t, err)
	defer other.Close()
	f := fileOf(t, other)
	require.NoError(t, svc.AddFile(f, nil))
	third, err := svc.AddAddress(&net.UnixAddr{Name: filepath.Join(dir, "address"), Net: "unixpacket"}, "source")
	require.NoError(t, err)
	require.Equal(t, []net.Addr{ln.Addr(), other.Addr(), third}, svc.Addrs())
	for _, addr := range svc.Addrs() {
		require.Equal(t, "unixpacket", addr.Network())
		c, err := net.Dial("unixpacket", addr.String())
		require.NoError(t, err)
		requireEchoes(t, c)
		require.NoError(t, c.Close())
	}
	_, err = svc.Listen("unixpacket", third.String())
	require.ErrorIs(t, err, syscall.EADDRINUSE)
}

func TestAcceptedUnixpacketConnectionHasItsAddresses(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addr, err := l.AddAddress(&net.UnixAddr{Name: filepath.Join(t.TempDir(), "s"), Net: "unixpacket"}, 7)
	require.NoError(t, err)
	peer, err := net.Dial("unixpacket", addr.String())
	require.NoError(t, err)
	defer peer.Close()
	c, source, err := l.Accept(t.Context())
	require.NoError(t, err)
	require.Equal(t, 7, source)
	for range 2 {
		require.Equal(t, addr, c.LocalAddr())
		require.Equal(t, &net.UnixAddr{Name: "@", Net: "unixpacket"}, c.RemoteAddr())
		_ = c.Close()
	}
}

func TestReadOfAShortBufferSaysSo(t *testing.T) {
	a, b := packetPair(t)
	for _, message := range []string{"too long", "next"} {
		_, err := a.Write([]byte(message))
		require.NoError(t, err)
	}
	buf := make([]byte, 4)
	n, err := b.Read(buf)
	require.ErrorIs(t, err, io.ErrShortBuffer)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "unixpacket", op.Net)
	require.Equal(t, "too ", string(buf[:n]))
	n, err = b.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "next", string(buf[:n]), "the rest is lost")
}

func TestMessageThatIsTooLargeIsNotSplit(t *testing.T) {
	a, b := packetPair(t)
	n, err := a.Write(make([]byte, 64<<20))
	require.ErrorIs(t, err, syscall.EMSGSIZE)
	require.Zero(t, n)
	require.NoError(t, a.CloseWrite())
	_, err = b.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	_, err = b.Write([]byte("the other way"))
	require.NoError(t, err)
	buf := make([]byte, 20)
	n, err = a.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "the other way", string(buf[:n]))
}

// Package net cannot tell the two apart either, and sends them.
func TestEmptyMessageReadsAsTheEnd(t *testing.T) {
	for _, exposed := range []bool{false, true} {
		a, b := packetPair(t)
		f := fileOf(t, b.Socket())
		peer, err := net.FileConn(f)
		require.NoError(t, err)
		defer peer.Close()
		if exposed {
			setBlocking(t, fileOf(t, a.Socket()))
		}
		for _, c := range []net.Conn{a, peer} {
			other := map[bool]net.Conn{true: peer, false: a}[c == net.Conn(a)]
			require.NoError(t, other.SetDeadline(time.Now().Add(patience)))
			n, err := c.Write(nil)
			require.NoError(t, err)
			require.Zero(t, n)
			_, err = c.Write([]byte("more"))
			require.NoError(t, err)
			buf := make([]byte, 10)
			_, err = other.Read(buf)
			require.Equal(t, io.EOF, err)
			n, err = other.Read(buf)
			require.NoError(t, err)
			require.Equal(t, "more", string(buf[:n]))
		}
	}
}

func TestWriteOfMessagesWaitsForRoom(t *testing.T) {
	a, b := packetPair(t)
	const messages, size = 200, 10000
	ended := make(chan error, 1)
	go func() {
		for range messages {
			if _, err := a.Write(make([]byte, size)); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	parked(t, "netfd.(*FD).do", 1)
	buf := make([]byte, 2*size)
	for range messages {
		n, err := b.Read(buf)
		require.NoError(t, err)
		require.Equal(t, size, n)
	}
	require.NoError(t, receive(t, ended))
}

func TestCopyKeepsMessages(t *testing.T) {
	a, b := packetPair(t)
	c, d := packetPair(t)
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(c, b); ended <- err }()
	sizes := []int{1, 30000, 2, 32 << 10}
	for _, n := range sizes {
		_, err := a.Write(make([]byte, n))
		require.NoError(t, err)
	}
	buf := make([]byte, 1<<17)
	for _, n := range sizes {
		m, err := d.Read(buf)
		require.NoError(t, err)
		require.Equal(t, n, m)
	}
	_, err := a.Write(make([]byte, 32<<10+1))
	require.NoError(t, err)
	require.ErrorIs(t, receive(t, ended), io.ErrShortBuffer)
	_, err = d.Read(buf) // what was copied of it
	require.NoError(t, err)

	// A file goes in the pieces that io.Copy reads.
	n, err := io.Copy(a, tempFile(t, strings.Repeat("f", 40000)))
	require.NoError(t, err)
	require.EqualValues(t, 40000, n)
	for _, want := range []int{32 << 10, 40000 - 32<<10} {
		m, err := b.Read(buf)
		require.NoError(t, err)
		require.Equal(t, want, m)
	}
}

func TestFilesAndCredentialsOverUnixpacket(t *testing.T) {
	a, b := packetPair(t)
	require.NoError(t, a.SendFile(tempFile(t, "one")))
	f, err := b.ReceiveFile()
	require.NoError(t, err)
	requireContent(t, f, "one")
	require.NoError(t, f.Close())
	require.NoError(t, a.SendFiles(numbered(t, 3)...))
	got, err := b.ReceiveFiles(3)
	require.NoError(t, err)
	requireNumbered(t, 3, got)
	require.NoError(t, a.SendCredentials())
	cred, err := b.ReceiveCredentials()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), cred.PID)

	// What is longer would be cut off: it is left.
	_, err = a.Write([]byte("data"))
	require.NoError(t, err)
	_, err = b.ReceiveFiles(3)
	require.ErrorIs(t, err, gio.ErrNoFile)
	_, err = b.ReceiveCredentials()
	require.ErrorContains(t, err, "not credentials")
	buf := make([]byte, 10)
	n, err := b.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "data", string(buf[:n]))
}

func TestTLSNeedsAStream(t *testing.T) {
	a := newAuthority(t)
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: a.server(t)})
	defer svc.Close()
	_, err := svc.Listen("unixpacket", filepath.Join(t.TempDir(), "s"))
	require.ErrorIs(t, err, syscall.EOPNOTSUPP)
	c, _ := packetPair(t)
	require.ErrorIs(t, c.StartTLS(t.Context(), &gio.ClientTLSConfig{InsecureSkipVerify: true}), syscall.EOPNOTSUPP)
}

const pythonPackets = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
sizes = [1, 7, 2000, 60000]
for n in sizes:
    assert s.send(b"x" * n) == n
for n in sizes:
    assert len(s.recv(1 << 17)) == n, n
s.shutdown(socket.SHUT_WR)
assert s.recv(1) == b""
`

func TestUnixpacketPeerInPython(t *testing.T) {
	for name, observed := range map[string]bool{"direct": false, "observed": true} {
		t.Run(name, func(t *testing.T) {
			svc := packetServer(t, observed)
			addr, err := svc.Listen("unixpacket", filepath.Join(t.TempDir(), "s"))
			require.NoError(t, err)
			out, err := exec.CommandContext(t.Context(), testprogram.PyGObject(t), "-c", pythonPackets, addr.String()).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}
