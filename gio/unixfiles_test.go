package gio_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/testprogram"
)

// numbered are n files, each with its number for its content.
func numbered(t testing.TB, n int) []*os.File {
	t.Helper()
	dir := t.TempDir()
	files := make([]*os.File, n)
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		_, err = fmt.Fprint(f, i)
		require.NoError(t, err)
		files[i] = f
	}
	return files
}

// requireNumbered takes those files back, and closes them.
func requireNumbered(t testing.TB, n int, files []*os.File) {
	t.Helper()
	require.Len(t, files, n)
	for i, f := range files {
		requireContent(t, f, fmt.Sprint(i))
		requireClosesOnExec(t, f)
		require.NoError(t, f.Close())
	}
}

func TestFilesCrossInOneMessageInTheirOrder(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, b.SetDeadline(time.Now().Add(patience)))
	for _, n := range []int{1, 3, 253} {
		files := numbered(t, n)
		before := len(descriptors())
		require.NoError(t, a.SendFiles(files...))
		_, err := a.Write([]byte("after"))
		require.NoError(t, err)
		got, err := b.ReceiveFiles(253)
		require.NoError(t, err)
		requireNumbered(t, n, got)
		buf := make([]byte, 5)
		_, err = io.ReadFull(b, buf)
		require.NoError(t, err)
		require.Equal(t, "after", string(buf))
		requireSameDescriptors(t, before)
	}
	// One file is what SendFile sends, and the other way round.
	require.NoError(t, a.SendFile(tempFile(t, "0")))
	got, err := b.ReceiveFiles(1000)
	require.NoError(t, err)
	requireNumbered(t, 1, got)
	require.NoError(t, a.SendFiles(tempFile(t, "one")))
	f, err := b.ReceiveFile()
	require.NoError(t, err)
	requireContent(t, f, "one")
	require.NoError(t, f.Close())
}

// Each message is received by itself, however many wait.
func TestReceiveFilesTakesOneMessage(t *testing.T) {
	a, b := socketPair(t)
	for n := 1; n <= 3; n++ {
		require.NoError(t, a.SendFiles(numbered(t, n)...))
	}
	for n := 1; n <= 3; n++ {
		got, err := b.ReceiveFiles(10)
		require.NoError(t, err)
		requireNumbered(t, n, got)
	}
}

func TestFilesBeyondTheMostAreClosed(t *testing.T) {
	a, b := socketPair(t)
	before := len(descriptors())
	for n, most := range map[int]int{2: 1, 10: 4, 253: 252} {
		files := numbered(t, n)
		require.NoError(t, a.SendFiles(files...))
		for _, f := range files {
			require.NoError(t, f.Close())
		}
		got, err := b.ReceiveFiles(most)
		require.ErrorContains(t, err, fmt.Sprintf("%d files at once", n))
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		requireNumbered(t, most, got)
		requireSameDescriptors(t, before)
	}
}

func TestSendFilesOfWhatCannotGoSendsNothing(t *testing.T) {
	a, b := socketPair(t)
	f, closed := tempFile(t, "good"), tempFile(t, "")
	require.NoError(t, closed.Close())
	before := len(descriptors())
	require.ErrorIs(t, a.SendFiles(), os.ErrInvalid)
	require.ErrorIs(t, a.SendFiles(f, nil), os.ErrInvalid)
	require.ErrorIs(t, a.SendFiles(f, closed), os.ErrClosed)
	many := make([]*os.File, 254)
	for i := range many {
		many[i] = f
	}
	err := a.SendFiles(many...)
	require.ErrorIs(t, err, syscall.EINVAL)
	require.ErrorContains(t, err, "254 files: one message carries 253 at most")
	_, err = b.ReceiveFiles(0)
	require.ErrorIs(t, err, os.ErrInvalid)
	requireSameDescriptors(t, before)
	require.NoError(t, a.CloseWrite())
	_, err = b.ReceiveFiles(1)
	require.Equal(t, io.EOF, err)
}

func TestReceiveFilesLeavesPlainDataToRead(t *testing.T) {
	c, peer := rawPeer(t)
	_, err := peer.Write([]byte("text"))
	require.NoError(t, err)
	sendRights(t, peer, tempFile(t, "0"))
	_, err = c.ReceiveFiles(4)
	require.ErrorIs(t, err, gio.ErrNoFile)
	buf := make([]byte, 4)
	_, err = io.ReadFull(c, buf)
	require.NoError(t, err)
	require.Equal(t, "text", string(buf))
	got, err := c.ReceiveFiles(4)
	require.NoError(t, err)
	requireNumbered(t, 1, got)
}

func TestReceiveFilesWithoutFreeDescriptorsLosesNothing(t *testing.T) {
	a, b := socketPair(t)
	require.NoError(t, b.SetDeadline(time.Now().Add(patience)))
	require.NoError(t, a.SendFiles(numbered(t, 5)...))
	before := len(descriptors())
	for _, room := range []int{0, 4} {
		undo := roomFor(t, room)
		_, err := b.ReceiveFiles(5)
		undo()
		require.ErrorIs(t, err, syscall.EMFILE)
		requireSameDescriptors(t, before)
	}
	undo := roomFor(t, 5)
	got, err := b.ReceiveFiles(5)
	undo()
	require.NoError(t, err)
	requireNumbered(t, 5, got)
}

func TestSendFilesWithoutFreeDescriptorsSendsNothing(t *testing.T) {
	a, b := socketPair(t)
	files := numbered(t, 5)
	before := len(descriptors())
	undo := roomFor(t, 3)
	err := a.SendFiles(files...)
	undo()
	require.ErrorIs(t, err, syscall.EMFILE)
	requireSameDescriptors(t, before)
	require.NoError(t, a.CloseWrite())
	_, err = b.ReceiveFiles(5)
	require.Equal(t, io.EOF, err)
}

// What GIO code does with the connection meanwhile changes nothing.
func TestFilesCrossOnAnExposedConnection(t *testing.T) {
	a, b := socketPair(t)
	setBlocking(t, fileOf(t, a.Socket()))
	setBlocking(t, fileOf(t, b.Socket()))
	require.NoError(t, a.SendFiles(numbered(t, 3)...))
	got, err := b.ReceiveFiles(3)
	require.NoError(t, err)
	requireNumbered(t, 3, got)
	require.NoError(t, b.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
	_, err = b.ReceiveFiles(3)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

// GIO's own functions for messages, and nothing of ours: what comes goes back.
const pygobjectReturnsFiles = `
import gi, sys
gi.require_version("Gio", "2.0")
from gi.repository import Gio
conn = Gio.SocketClient().connect(Gio.UnixSocketAddress.new(sys.argv[1]))
sock = conn.get_socket()
for want in (1, 3, 253):
    got = sock.receive_message([], 0, None)
    assert got[0] == 1, got
    assert len(got.messages) == 1, got
    message = got.messages[0]
    assert isinstance(message, Gio.UnixFDMessage), message
    assert message.get_fd_list().get_length() == want, want
    assert sock.send_message(None, [], [message], 0, None) == 1
`

func TestFilesCrossToGIOAndBack(t *testing.T) {
	p := startUnixPeer(t, func(path string) *exec.Cmd {
		return exec.CommandContext(t.Context(), testprogram.PyGObject(t), "-c", pygobjectReturnsFiles, path)
	})
	for _, n := range []int{1, 3, 253} {
		require.NoError(t, p.conn.SendFiles(numbered(t, n)...))
		got, err := p.conn.ReceiveFiles(n)
		require.NoError(t, err, &p.out)
		requireNumbered(t, n, got)
	}
	require.NoError(t, receive(t, p.ended), &p.out)
}
