package gio_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// hostilePeer is the other end of a Unix socket: plain system calls, and a list
// of what the connection may find in it.
type hostilePeer struct {
	t     *testing.T
	fd    int
	c     *gio.SocketConnection
	next  byte // the value of the next byte
	queue []sentByte
	ended bool
	null  *os.File
}

// sentByte is one that was sent and not yet received; fds came with it.
type sentByte struct {
	value byte
	fds   int
}

// send passes n bytes with the ancillary data, and enters them if the kernel
// took them.
func (p *hostilePeer) send(n, fds int, oob []byte) {
	if p.ended {
		return
	}
	data := make([]byte, n)
	for i := range data {
		data[i] = p.next
		p.next++
	}
	sent, err := syscall.SendmsgN(p.fd, data, oob, nil, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
	if err != nil { // full, or it refuses the ancillary data
		p.next -= byte(n)
		return
	}
	p.next -= byte(n - sent)
	for i, v := range data[:sent] {
		b := sentByte{value: v}
		if i == 0 {
			b.fds = fds
		}
		p.queue = append(p.queue, b)
	}
}

func (p *hostilePeer) rights(n int) []byte {
	fds := make([]int, n)
	for i := range fds {
		fds[i] = int(p.null.Fd())
	}
	return syscall.UnixRights(fds...)
}

func credentials() []byte {
	return syscall.UnixCredentials(&syscall.Ucred{Pid: int32(os.Getpid()), Uid: uint32(os.Getuid()), Gid: uint32(os.Getgid())})
}

// pop is the byte that a receive has taken.
func (p *hostilePeer) pop() (head sentByte) {
	require.NotEmpty(p.t, p.queue)
	head, p.queue = p.queue[0], p.queue[1:]
	return head
}

// waits says that there is nothing to receive, not even the end.
func (p *hostilePeer) waits() bool { return len(p.queue) == 0 && !p.ended }

func (p *hostilePeer) receiveFile(room int) {
	if p.waits() {
		return
	}
	undo := func() {}
	if room < 100 {
		undo = roomFor(p.t, room)
	}
	f, err := p.c.ReceiveFile()
	undo()
	switch {
	case err == nil:
		require.Equal(p.t, 1, p.pop().fds)
		fi, err := f.Stat()
		require.NoError(p.t, err)
		null, err := p.null.Stat()
		require.NoError(p.t, err)
		require.True(p.t, os.SameFile(null, fi))
		requireClosesOnExec(p.t, f)
		require.NoError(p.t, f.Close())
	case err == io.EOF:
		require.Empty(p.t, p.queue)
	case errors.Is(err, gio.ErrNoFile):
		require.Zero(p.t, p.queue[0].fds)
	case errors.Is(err, syscall.EMFILE):
		require.Less(p.t, room, 100)
		if room > 0 { // it began to receive
			require.Greater(p.t, p.pop().fds, 1)
		}
	default:
		require.ErrorContains(p.t, err, "files at once")
		require.Greater(p.t, p.pop().fds, 1)
	}
}

func (p *hostilePeer) receiveFiles(most int) {
	if p.waits() {
		return
	}
	files, err := p.c.ReceiveFiles(most)
	for _, f := range files {
		requireClosesOnExec(p.t, f)
		require.NoError(p.t, f.Close())
	}
	switch {
	case err == nil:
		require.Len(p.t, files, p.pop().fds)
	case err == io.EOF:
		require.Empty(p.t, p.queue)
	case errors.Is(err, gio.ErrNoFile):
		require.Zero(p.t, p.queue[0].fds)
	case errors.Is(err, os.ErrInvalid):
		require.Zero(p.t, most)
	default:
		require.ErrorContains(p.t, err, "files at once")
		require.Len(p.t, files, most)
		require.Greater(p.t, p.pop().fds, most)
	}
}

// roomFor leaves room for n more descriptors until undo.
func roomFor(t *testing.T, n int) (undo func()) {
	t.Helper()
	var old syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old))
	// The number that the next would get; holes below count, too.
	open := descriptors()
	lowest := 0
	for ; n >= 0; lowest++ {
		if _, taken := open[lowest]; !taken {
			n--
		}
	}
	now := old
	now.Cur = uint64(lowest - 1)
	require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now))
	return func() { require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)) }
}

func (p *hostilePeer) receiveCredentials() {
	if p.waits() {
		return
	}
	cred, err := p.c.ReceiveCredentials()
	switch err {
	case nil:
		p.pop()
		require.Equal(p.t, &gio.Credentials{PID: os.Getpid(), UID: os.Getuid(), GID: os.Getgid()}, cred)
	case io.EOF:
		require.Empty(p.t, p.queue)
	default:
		require.ErrorContains(p.t, err, "not credentials")
		require.Positive(p.t, p.pop().fds)
	}
}

func (p *hostilePeer) read(n int) {
	if p.waits() {
		return
	}
	b := make([]byte, n)
	n, err := p.c.Read(b)
	if err == io.EOF {
		require.Empty(p.t, p.queue)
		return
	}
	require.NoError(p.t, err)
	for _, v := range b[:n] {
		require.Equal(p.t, p.pop().value, v)
	}
}

// FuzzReceiveFile has a peer send what nobody should, and receives in all the
// ways there are. Each pair of bytes is an operation and its figure. No byte
// may be lost or invented, no descriptor may stay.
func FuzzReceiveFile(f *testing.F) {
	f.Add([]byte{1, 1, 6, 0})                         // one file
	f.Add([]byte{1, 2, 6, 0, 1, 253, 6, 0})           // several
	f.Add([]byte{0, 5, 1, 1, 6, 0, 8, 5, 6, 0})       // behind data
	f.Add([]byte{2, 0, 6, 0, 7, 0, 1, 1, 7, 0})       // credentials for a file, and the other way round
	f.Add([]byte{3, 1, 6, 0, 3, 9, 6, 0, 3, 3, 7, 0}) // both at once
	f.Add([]byte{4, 2, 6, 0, 4, 100, 6, 0})           // two messages in one
	f.Add([]byte{1, 1, 9, 0, 9, 1, 6, 0})             // no room, then some
	f.Add([]byte{1, 200, 9, 3, 0, 4, 6, 0, 8, 9})     // room for some of them
	f.Add([]byte{5, 8, 5, 1, 5, 255, 6, 0, 10, 0, 6, 0, 7, 0, 8, 1})
	f.Add([]byte{1, 1, 8, 3, 0, 200, 6, 0, 6, 0, 8, 200, 6, 0})
	f.Add([]byte{11, 40, 6, 0, 8, 2, 6, 0})
	f.Add([]byte{4, 100, 12, 250, 1, 3, 12, 2, 2, 0, 12, 3, 8, 1, 3, 5, 12, 5, 1, 2, 7, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		before := len(descriptors())
		runFileScript(t, script[:min(len(script), 400)])
		requireSameDescriptors(t, before)
	})
}

func runFileScript(t *testing.T, script []byte) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	defer syscall.Close(fds[0])
	c, err := gio.ConnFromFD(fds[1])
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	p := &hostilePeer{t: t, fd: fds[0], c: c, null: null}
	for ; len(script) >= 2; script = script[2:] {
		n := int(script[1])
		switch script[0] % 13 {
		case 0:
			p.send(n, 0, nil)
		case 1:
			p.send(1, n, p.rights(n))
		case 2:
			p.send(1+n, 0, credentials())
		case 3:
			p.send(1, n, append(credentials(), p.rights(n)...))
		case 4:
			p.send(2, 2*n, append(p.rights(n), p.rights(n)...))
		case 5: // bytes that are no ancillary data
			p.send(1, 0, []byte(strings.Repeat(string(rune(n)), n)))
		case 6:
			p.receiveFile(100)
		case 7:
			p.receiveCredentials()
		case 8:
			p.read(1 + n)
		case 9:
			p.receiveFile(n % 8)
		case 10:
			_ = syscall.Shutdown(p.fd, syscall.SHUT_WR)
			p.ended = true
		case 11: // a file behind as much data as is peeked at
			p.send(n, 0, nil)
			p.send(1, 1, p.rights(1))
		case 12:
			p.receiveFiles(n)
		}
	}
	p.ended = true
	_ = syscall.Shutdown(p.fd, syscall.SHUT_WR)
	rest, err := io.ReadAll(c)
	require.NoError(t, err)
	require.Len(t, rest, len(p.queue))
	for i, b := range p.queue {
		require.Equal(t, b.value, rest[i])
	}
}
