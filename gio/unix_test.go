package gio_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
)

func socketPair(t testing.TB) (a, b *gio.SocketConnection) {
	t.Helper()
	a, b, err := gio.SocketPair()
	require.NoError(t, err)
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return a, b
}

// rawPeer is the other end of a connection in package net, which knows
// descriptors and nothing of ours.
func rawPeer(t testing.TB) (*gio.SocketConnection, *net.UnixConn) {
	t.Helper()
	c, peer := pair(t, "unix", filepath.Join(t.TempDir(), "s"))
	return c, peer.(*net.UnixConn)
}

func tempFile(t testing.TB, content string) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	_, err = f.WriteString(content)
	require.NoError(t, err)
	_, err = f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	return f
}

func requireContent(t testing.TB, f *os.File, want string) {
	t.Helper()
	_, err := f.Seek(0, io.SeekStart)
	require.NoError(t, err)
	got, err := io.ReadAll(f)
	require.NoError(t, err)
	require.Equal(t, want, string(got))
}

func TestSocketPairIsANetConn(t *testing.T) {
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		a, b, err := gio.SocketPair()
		return a, b, func() { _ = a.Close(); _ = b.Close() }, err
	})
}

func TestSocketPairsAddressesAreAnonymous(t *testing.T) {
	a, b := socketPair(t)
	for _, c := range []*gio.SocketConnection{a, b} {
		for _, addr := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
			require.Equal(t, &net.UnixAddr{Name: "@", Net: "unix"}, addr)
		}
		require.Nil(t, c.Source())
		require.True(t, c.IsConnected())
		cred, err := c.PeerCredentials()
		require.NoError(t, err)
		require.Equal(t, &gio.Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}, cred)
	}
}

func TestSocketPairWithoutDescriptorsIsEMFILE(t *testing.T) {
	socketPair(t) // Go's poller has what it needs
	limitDescriptors(t, 256)
	free := takeAllDescriptors(t)
	_, _, err := gio.SocketPair()
	require.ErrorIs(t, err, syscall.EMFILE)
	free()
	noLeaks(t)
}

func TestFileCrossesWithItsByte(t *testing.T) {
	a, b := socketPair(t)
	f := tempFile(t, "hello")
	_, err := a.Write([]byte("before"))
	require.NoError(t, err)
	require.NoError(t, a.SendFile(f))
	_, err = a.Write([]byte("after"))
	require.NoError(t, err)
	require.NoError(t, f.Close(), "the descriptor stays ours")

	buf := make([]byte, 6)
	_, err = io.ReadFull(b, buf)
	require.NoError(t, err)
	got, err := b.ReceiveFile()
	require.NoError(t, err)
	defer got.Close()
	requireContent(t, got, "hello")
	requireClosesOnExec(t, got)
	_, err = io.ReadFull(b, buf[:5])
	require.NoError(t, err)
	require.Equal(t, "after", string(buf[:5]))
}

func requireClosesOnExec(t testing.TB, f *os.File) {
	t.Helper()
	raw, err := f.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFD, 0)
		require.Zero(t, errno)
		require.NotZero(t, flags&syscall.FD_CLOEXEC)
	}))
}

// The wire is that of g_unix_connection_send_fd: whoever reads it need not know
// this library.
func TestSendFileIsAZeroByteWithADescriptor(t *testing.T) {
	c, peer := rawPeer(t)
	require.NoError(t, c.SendFile(tempFile(t, "wire")))
	b, oob := make([]byte, 16), make([]byte, 256)
	require.NoError(t, peer.SetDeadline(time.Now().Add(patience)))
	n, oobn, _, _, err := peer.ReadMsgUnix(b, oob)
	require.NoError(t, err)
	require.Equal(t, []byte{0}, b[:n])
	msgs, err := syscall.ParseSocketControlMessage(oob[:oobn])
	require.NoError(t, err)
	require.Len(t, msgs, 1)
	fds, err := syscall.ParseUnixRights(&msgs[0])
	require.NoError(t, err)
	require.Len(t, fds, 1)
	f := os.NewFile(uintptr(fds[0]), "wire")
	defer f.Close()
	requireContent(t, f, "wire")
}

// sendRights sends the files with a zero byte, as GIO does.
func sendRights(t testing.TB, peer *net.UnixConn, files ...*os.File) {
	t.Helper()
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	_, _, err := peer.WriteMsgUnix([]byte{0}, syscall.UnixRights(fds...), nil)
	require.NoError(t, err)
	runtime.KeepAlive(files)
}

func TestReceiveFileTakesADescriptorFromAnybody(t *testing.T) {
	c, peer := rawPeer(t)
	sendRights(t, peer, tempFile(t, "foreign"))
	f, err := c.ReceiveFile()
	require.NoError(t, err)
	defer f.Close()
	requireContent(t, f, "foreign")
}

func TestReceiveFileLeavesPlainDataToRead(t *testing.T) {
	c, peer := rawPeer(t)
	_, err := peer.Write([]byte("text"))
	require.NoError(t, err)
	sendRights(t, peer, tempFile(t, "then a file"))
	_, err = c.ReceiveFile()
	require.ErrorIs(t, err, gio.ErrNoFile)
	buf := make([]byte, 4)
	_, err = io.ReadFull(c, buf)
	require.NoError(t, err)
	require.Equal(t, "text", string(buf))
	f, err := c.ReceiveFile()
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestReceiveFileFromAClosedPeerIsEOF(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, a.SendFile(tempFile(t, "last")))
	require.NoError(t, a.Close())
	f, err := b.ReceiveFile()
	require.NoError(t, err)
	require.NoError(t, f.Close())
	_, err = b.ReceiveFile()
	require.Equal(t, io.EOF, err)
	_, err = b.ReceiveCredentials()
	require.Equal(t, io.EOF, err)
}

func TestSeveralFilesAtOnceAreClosedAndAnError(t *testing.T) {
	c, peer := rawPeer(t)
	f := tempFile(t, "many")
	noLeaks(t)
	for _, n := range []int{2, 50, 253} {
		files := make([]*os.File, n)
		for i := range files {
			files[i] = f
		}
		sendRights(t, peer, files...)
		_, err := c.ReceiveFile()
		require.ErrorContains(t, err, fmt.Sprintf("%d files at once", n))
	}
	sendRights(t, peer, f, f)
	_, err := c.ReceiveCredentials()
	require.ErrorContains(t, err, "not credentials")
}

func TestReceiveFileWithoutAFreeDescriptorLosesNothing(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, b.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, a.SendFile(tempFile(t, "waits")))
	limitDescriptors(t, 256)
	free := takeAllDescriptors(t)
	_, err := b.ReceiveFile()
	require.ErrorIs(t, err, syscall.EMFILE)
	free()
	f, err := b.ReceiveFile()
	require.NoError(t, err)
	defer f.Close()
	requireContent(t, f, "waits")
}

func TestReceiveFileWaitsOnTheDeadline(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, b.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err := b.ReceiveFile()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_, err = b.ReceiveCredentials()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, a.SendFile(tempFile(t, "late")))
	_, err = b.ReceiveFile()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "a deadline in the past comes before data")
	require.NoError(t, b.SetReadDeadline(time.Time{}))
	f, err := b.ReceiveFile()
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestSendFileWaitsForRoom(t *testing.T) {
	a, b := socketPair(t)
	filled := fill(t, a)
	f := tempFile(t, "room")
	require.ErrorIs(t, a.SendFile(f), os.ErrDeadlineExceeded)
	require.NoError(t, a.SetWriteDeadline(time.Time{}))
	sent := make(chan error, 1)
	go func() { sent <- a.SendFile(f) }()
	_, err := io.CopyN(io.Discard, b, int64(filled))
	require.NoError(t, err)
	require.NoError(t, receive(t, sent))
	got, err := b.ReceiveFile()
	require.NoError(t, err)
	defer got.Close()
	requireContent(t, got, "room")
}

func TestCloseWakesReceiveFile(t *testing.T) {
	for name, f := range map[string]func(*gio.SocketConnection) error{
		"file":        func(c *gio.SocketConnection) error { _, err := c.ReceiveFile(); return err },
		"files":       func(c *gio.SocketConnection) error { _, err := c.ReceiveFiles(3); return err },
		"credentials": func(c *gio.SocketConnection) error { _, err := c.ReceiveCredentials(); return err },
	} {
		t.Run(name, func(t *testing.T) {
			_, b := socketPair(t)
			errc := make(chan error, 1)
			go func() { errc <- f(b) }()
			parked(t, "netfd.(*FD).receive", 1)
			require.NoError(t, b.Close())
			require.ErrorIs(t, receive(t, errc), net.ErrClosed)
			require.ErrorIs(t, f(b), net.ErrClosed)
			require.ErrorIs(t, b.SendCredentials(), net.ErrClosed)
			require.ErrorIs(t, b.SendFile(os.Stdin), net.ErrClosed)
		})
	}
}

func TestFilesNeedAUnixSocket(t *testing.T) {
	everyTCP(t, func(t *testing.T, network, address string) {
		c, _ := pair(t, network, address)
		_, rerr := c.ReceiveFile()
		_, rserr := c.ReceiveFiles(3)
		_, cerr := c.ReceiveCredentials()
		for _, err := range []error{c.SendFile(os.Stdin), rerr, c.SendFiles(os.Stdin), rserr, c.SendCredentials(), cerr} {
			require.ErrorIs(t, err, syscall.EOPNOTSUPP)
			require.ErrorContains(t, err, "not a Unix socket")
			var op *net.OpError
			require.ErrorAs(t, err, &op)
		}
		_, err := c.PeerCredentials()
		require.Error(t, err)
	})
}

func TestSendFileOfNothingSaysSo(t *testing.T) {
	a, _ := socketPair(t)
	require.ErrorIs(t, a.SendFile(nil), os.ErrInvalid)
	f := tempFile(t, "")
	require.NoError(t, f.Close())
	require.ErrorIs(t, a.SendFile(f), os.ErrClosed)
}

func TestSendFileToAClosedPeerIsEPIPE(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, b.Close())
	require.ErrorIs(t, a.SendFile(tempFile(t, "")), syscall.EPIPE)
}

func TestCredentialsCross(t *testing.T) {
	me := &gio.Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}
	a, b := socketPair(t)
	for range 2 {
		require.NoError(t, a.SendCredentials())
		cred, err := b.ReceiveCredentials()
		require.NoError(t, err)
		require.Equal(t, me, cred)
	}
	require.Zero(t, option(t, b, syscall.SOL_SOCKET, syscall.SO_PASSCRED), "as it was")
	// A byte without credentials: who connected.
	_, err := a.Write([]byte{0})
	require.NoError(t, err)
	cred, err := b.ReceiveCredentials()
	require.NoError(t, err)
	require.Equal(t, me, cred)
	// Sent by hand, as other programs do.
	c, peer := rawPeer(t)
	_, _, err = peer.WriteMsgUnix([]byte{0}, syscall.UnixCredentials(&syscall.Ucred{
		Pid: int32(me.PID), Uid: uint32(me.UID), Gid: uint32(me.GID)}), nil)
	require.NoError(t, err)
	cred, err = c.ReceiveCredentials()
	require.NoError(t, err)
	require.Equal(t, me, cred)
}
