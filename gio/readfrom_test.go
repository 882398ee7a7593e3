package gio_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// randomFile makes a file of n bytes and returns it with its content.
func randomFile(t testing.TB, n int) (*os.File, []byte) {
	t.Helper()
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	path := filepath.Join(t.TempDir(), "content")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, b
}

// received reads all that the peer gets, on another goroutine.
func received(peer net.Conn) <-chan []byte {
	ch := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(peer)
		ch <- b
	}()
	return ch
}

// requireSame compares without printing megabytes.
func requireSame(t testing.TB, want, got []byte) {
	t.Helper()
	require.Len(t, got, len(want))
	require.Equal(t, sha256.Sum256(want), sha256.Sum256(got))
}

func TestReadFromSendsALargeFile(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		f, want := randomFile(t, 24<<20+123)
		got := received(peer)
		n, err := io.Copy(c, f) // takes ReadFrom
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		require.NoError(t, c.Close())
		requireSame(t, want, receive(t, got))
	})
}

func TestReadFromBeginsWhereTheFileIs(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		f, want := randomFile(t, 100_000)
		_, err := f.Seek(1000, io.SeekStart)
		require.NoError(t, err)
		got := received(peer)
		n, err := c.ReadFrom(io.LimitReader(f, 5000))
		require.NoError(t, err)
		require.EqualValues(t, 5000, n)
		at, err := f.Seek(0, io.SeekCurrent)
		require.NoError(t, err)
		require.EqualValues(t, 6000, at, "no more than the limit was taken")
		n, err = c.ReadFrom(f)
		require.NoError(t, err)
		require.EqualValues(t, 94_000, n)
		n, err = c.ReadFrom(f)
		require.NoError(t, err)
		require.Zero(t, n, "the file is at its end")
		require.NoError(t, c.Close())
		requireSame(t, want[1000:], receive(t, got))
	})
}

func TestReadFromKeepsTheLimit(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		f, want := randomFile(t, 1000)
		got := received(peer)
		for _, x := range []struct{ limit, sent, left int64 }{{-1, 0, -1}, {0, 0, 0}, {400, 400, 0}, {5000, 600, 4400}} {
			lr := &io.LimitedReader{R: f, N: x.limit}
			n, err := c.ReadFrom(lr)
			require.NoError(t, err)
			require.Equal(t, x.sent, n, "limit %d", x.limit)
			require.Equal(t, x.left, lr.N)
		}
		require.NoError(t, c.Close())
		requireSame(t, want, receive(t, got))
	})
}

func TestReadFromAnyReader(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		got := received(peer)
		pr, pw := io.Pipe()
		go func() {
			_, _ = pw.Write([]byte("pipe "))
			_ = pw.Close()
		}()
		r, w, err := os.Pipe() // a file that is not regular
		require.NoError(t, err)
		defer r.Close()
		_, err = w.WriteString("os.Pipe ")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		other, otherPeer := pair(t, "tcp", "127.0.0.1:0")
		_, err = otherPeer.Write([]byte("connection "))
		require.NoError(t, err)
		require.NoError(t, otherPeer.Close())
		for _, src := range []io.Reader{strings.NewReader("string "), pr, r, other, io.LimitReader(strings.NewReader("limited"), 5)} {
			_, err := c.ReadFrom(src)
			require.NoError(t, err)
		}
		require.NoError(t, c.Close())
		require.Equal(t, "string pipe os.Pipe connection limit", string(receive(t, got)))
	})
}

// Regular by its mode, and yet no file that the kernel can always send.
func TestReadFromProc(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		want, err := os.ReadFile("/proc/version")
		require.NoError(t, err)
		f, err := os.Open("/proc/version")
		require.NoError(t, err)
		defer f.Close()
		got := received(peer)
		n, err := c.ReadFrom(f)
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		require.NoError(t, c.Close())
		require.Equal(t, want, receive(t, got))
	})
}

func TestReadFromKeepsTheDeadline(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		f, want := randomFile(t, 24<<20)
		require.NoError(t, c.SetWriteDeadline(past))
		n, err := c.ReadFrom(f)
		requireTimeout(t, err)
		require.Zero(t, n)
		for wait := 30 * time.Millisecond; n == 0; wait *= 2 { // a busy machine may not come to it in time
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(wait)))
			n, err = c.ReadFrom(f) // nobody reads
			requireTimeout(t, err)
		}
		require.Less(t, n, int64(len(want)))
		got := received(peer)
		require.NoError(t, c.SetWriteDeadline(time.Time{}))
		m, err := c.ReadFrom(f)
		require.NoError(t, err)
		require.EqualValues(t, len(want), n+m, "it goes on where it ended")
		require.NoError(t, c.Close())
		requireSame(t, want, receive(t, got))
	})
}

func TestCloseWakesReadFrom(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		f, _ := randomFile(t, 24<<20)
		errc := make(chan error, 1)
		go func() {
			_, err := c.ReadFrom(f)
			errc <- err
		}()
		parked(t, "gio.(*SocketConnection).sendFile", 1)
		require.NoError(t, c.Close())
		require.ErrorIs(t, receive(t, errc), net.ErrClosed)
		_, err := c.ReadFrom(f)
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.ReadFrom(strings.NewReader("x"))
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestReadFromPassesTheSourcesError(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		broken := errors.New("broken source")
		got := received(peer)
		n, err := c.ReadFrom(io.MultiReader(strings.NewReader("before"), errReader{broken}))
		require.Equal(t, broken, err)
		require.EqualValues(t, 6, n)
		f, _ := randomFile(t, 10)
		require.NoError(t, f.Close())
		_, err = c.ReadFrom(f)
		require.ErrorIs(t, err, os.ErrClosed)
		w, err := os.Create(filepath.Join(t.TempDir(), "write only"))
		require.NoError(t, err)
		defer w.Close()
		wo, err := os.OpenFile(w.Name(), os.O_WRONLY, 0)
		require.NoError(t, err)
		defer wo.Close()
		_, err = c.ReadFrom(wo)
		require.Error(t, err)
		require.NotErrorIs(t, err, net.ErrClosed, "the connection is not to blame")
		require.NoError(t, c.Close())
		require.Equal(t, "before", string(receive(t, got)))
	})
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestNoWriteComesBetweenThePartsOfAFile(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		f, want := randomFile(t, 24<<20)
		mark := []byte("written meanwhile")
		errc := make(chan error, 2)
		go func() {
			_, err := c.ReadFrom(f)
			errc <- err
		}()
		parked(t, "gio.(*SocketConnection).sendFile", 1)
		go func() {
			_, err := c.Write(mark)
			errc <- err
		}()
		waiting(t, "gio.(*SocketConnection).Write", 1, "sync.RWMutex.RLock")
		got := received(peer)
		require.NoError(t, receive(t, errc))
		require.NoError(t, receive(t, errc))
		require.NoError(t, c.Close())
		requireSame(t, append(want, mark...), receive(t, got))
	})
}
