package netfd

import (
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

func unixPair(t testing.TB) (a, b *FD) { return kinds["socketpair"](t) }

func sendFD(t testing.TB, fd *FD, n int) {
	t.Helper()
	m := native.NewFDMessage()
	defer m.Unref()
	require.NoError(t, m.AppendFD(n))
	require.NoError(t, fd.SendMessage(m))
}

func TestDescriptorsPass(t *testing.T) {
	a, b := unixPair(t)
	f, _ := randomFile(t, 10)
	before := descriptors(t)
	sendFD(t, a, int(f.Fd()))
	r, err := b.ReceiveFDs(1)
	require.NoError(t, err)
	require.Equal(t, 1, r.Came)
	got := os.NewFile(uintptr(r.FDs[0]), "received")
	content, err := io.ReadAll(got)
	require.NoError(t, err)
	require.Len(t, content, 10)
	require.NoError(t, got.Close())
	require.Equal(t, before, descriptors(t))
	a.Close()
	_, err = b.ReceiveFDs(1)
	require.Equal(t, io.EOF, err)
	b.Close()
	_, err = b.ReceiveFDs(1)
	require.Equal(t, net.ErrClosed, err)
}

// What comes without a descriptor is data, and stays for whoever reads it.
func TestAByteWithoutADescriptorIsLeft(t *testing.T) {
	a, b := unixPair(t)
	_, err := a.Write([]byte("data"))
	require.NoError(t, err)
	for range 2 {
		r, err := b.ReceiveFDs(1)
		require.NoError(t, err)
		require.Empty(t, r.FDs)
		require.Zero(t, r.Came)
	}
	buf := make([]byte, 4)
	_, err = io.ReadFull(b, buf)
	require.NoError(t, err)
	require.Equal(t, "data", string(buf))
}

func TestCredentialsPass(t *testing.T) {
	a, b := unixPair(t)
	got := start(func() native.Received {
		r, err := b.ReceiveCredentials()
		if err != nil {
			t.Error(err)
		}
		return r
	})
	waiting(t, "netfd.(*FD).ReceiveCredentials", 1)
	m := native.NewCredentialsMessage()
	require.NoError(t, a.SendMessage(m))
	m.Unref()
	r := receive(t, got)
	require.True(t, r.HasCredentials)
	require.Equal(t, os.Getpid(), r.Credentials.PID)
	on, err := unix.GetsockoptInt(b.Sysfd(), unix.SOL_SOCKET, unix.SO_PASSCRED)
	require.NoError(t, err)
	require.Zero(t, on, "only while somebody asks")
}

func TestMessagesWaitLikeBytes(t *testing.T) {
	a, b := unixPair(t)
	require.NoError(t, a.SetDeadline(past, true, true))
	_, err := a.ReceiveFDs(1)
	require.Equal(t, os.ErrDeadlineExceeded, err)
	m := native.NewCredentialsMessage()
	defer m.Unref()
	require.Equal(t, os.ErrDeadlineExceeded, a.SendMessage(m))
	b.SetIdleTimeout(soon)
	_, err = b.ReceiveFDs(1)
	requireIdle(t, err)
	_, err = b.ReceiveCredentials()
	requireIdle(t, err)
	for err = nil; err == nil; {
		err = b.SendMessage(m)
	}
	requireIdle(t, err)
	b.SetIdleTimeout(0)
	ended := start(func() error { return b.SendMessage(m) })
	waiting(t, "netfd.(*FD).SendMessage", 1)
	b.Close()
	require.Equal(t, net.ErrClosed, receive(t, ended))
}

// Only what the kernel says of a byte without a sender is none: any of it alone can
// be somebody.
func TestWhatIsSentWithoutCredentials(t *testing.T) {
	nobody := native.Credentials{UID: sys.OverflowUID(), GID: sys.OverflowGID()}
	require.True(t, fromNobody(native.Received{Credentials: nobody}))
	for _, c := range []native.Credentials{
		{}, // root, outside
		{UID: 65533, GID: 65533},
		{UID: 0, GID: nobody.GID},
		{UID: nobody.UID, GID: 0},
		{PID: 7, UID: nobody.UID, GID: nobody.GID},
	} {
		require.False(t, fromNobody(native.Received{Credentials: c}), "%+v", c)
	}
	require.False(t, fromNobody(native.Received{Credentials: nobody, HasSender: true}), "nobody, outside")
}

// Whoever asks for credentials leaves nothing open and the options as they were.
func TestReceiveCredentialsLeavesNothingBehind(t *testing.T) {
	a, b := unixPair(t)
	before := descriptors(t)
	m := native.NewCredentialsMessage()
	defer m.Unref()
	for range 3 {
		require.NoError(t, a.SendMessage(m))
		r, err := b.ReceiveCredentials()
		require.NoError(t, err)
		require.True(t, r.HasCredentials)
		require.Equal(t, os.Getpid(), r.Credentials.PID)
	}
	require.Equal(t, before, descriptors(t))
	for _, option := range []int{unix.SO_PASSCRED, unix.SO_PASSPIDFD} {
		if v, err := unix.GetsockoptInt(b.Sysfd(), unix.SOL_SOCKET, option); err == nil {
			require.Zero(t, v)
		}
	}
}
