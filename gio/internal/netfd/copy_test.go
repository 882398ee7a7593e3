package netfd

import (
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pour writes n bytes in pieces of up to most, then ends the stream.
func pour(t testing.TB, to *FD, n, most int) [32]byte {
	sum := sha256.New()
	random := rand.NewChaCha8([32]byte{byte(n), byte(most)})
	pieces := rand.New(random)
	b := make([]byte, most)
	for n > 0 {
		piece := b[:min(n, 1+pieces.IntN(most))]
		_, _ = random.Read(piece)
		sum.Write(piece)
		if _, err := to.Write(piece); err != nil {
			t.Error(err)
			break
		}
		n -= len(piece)
	}
	if err := unix.Shutdown(to.Sysfd(), unix.SHUT_WR); err != nil {
		t.Error(err)
	}
	return [32]byte(sum.Sum(nil))
}

func drained(from io.Reader) <-chan [32]byte {
	return start(func() [32]byte {
		sum := sha256.New()
		_, _ = io.Copy(sum, from)
		return [32]byte(sum.Sum(nil))
	})
}

// In pieces small and big, so that both ways of moving are taken and left.
func TestCopyEchoes(t *testing.T) {
	for _, size := range []struct{ n, most int }{{1, 1}, {10_000, 100}, {1 << 20, 4 << 10}, {16 << 20, 256 << 10}, {8 << 20, 20 << 10}} {
		eachKind(t, func(t *testing.T, a, b *FD) {
			copied := start(func() error {
				n, _, err := Copy(a, a, -1)
				if err == nil && n != int64(size.n) {
					err = errors.New("not all was copied")
				}
				_ = unix.Shutdown(a.Sysfd(), unix.SHUT_WR)
				return err
			})
			got := drained(b)
			want := pour(t, b, size.n, size.most)
			require.NoError(t, receive(t, copied))
			require.Equal(t, want, receive(t, got))
		})
	}
}

// More is there than two reads take, so none of them waits.
func TestBulkGoesThroughAPipe(t *testing.T) {
	a, b := unixPair(t)
	require.NoError(t, unix.SetsockoptInt(b.Sysfd(), unix.SOL_SOCKET, unix.SO_SNDBUF, 512<<10))
	want := pour(t, b, 3*copySize, 3*copySize)
	DropPipes()
	dst, end := unixPair(t)
	got := drained(end)
	n, _, err := Copy(dst, a, -1)
	require.NoError(t, err)
	require.EqualValues(t, 3*copySize, n)
	require.NoError(t, unix.Shutdown(dst.Sysfd(), unix.SHUT_WR))
	require.Equal(t, want, receive(t, got))
	require.Positive(t, DropPipes())
}

func TestTwoCopiedToEachOther(t *testing.T) {
	eachKind(t, func(t *testing.T, a, left *FD) {
		fds := tcp(t)
		b, right := open(t, Config{FD: fds[0]}), open(t, Config{FD: fds[1]})
		for _, way := range [][2]*FD{{a, b}, {b, a}} {
			go func() {
				_, _, _ = Copy(way[0], way[1], -1)
				_ = unix.Shutdown(way[0].Sysfd(), unix.SHUT_WR)
			}()
		}
		gotLeft, gotRight := drained(left), drained(right)
		wantLeft := start(func() [32]byte { return pour(t, right, 12<<20, 200<<10) })
		wantRight := pour(t, left, 12<<20, 70<<10)
		require.Equal(t, wantRight, receive(t, gotRight))
		require.Equal(t, receive(t, wantLeft), receive(t, gotLeft))
	})
}

func TestCopyTakesNoMoreThanIsAsked(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		const limit, all = 300<<10 + 7, 400 << 10
		go pour(t, b, all, all)
		go func() { _, _ = io.Copy(io.Discard, b) }()
		n, _, err := Copy(a, a, limit)
		require.NoError(t, err)
		require.EqualValues(t, limit, n)
		rest, err := io.ReadAll(a)
		require.NoError(t, err)
		require.Len(t, rest, all-limit)
		n, _, err = Copy(a, a, 0)
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// Bytes that could not be written have been read: whose fault it was matters.
func TestCopyTellsWhichSideFailed(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		fds := tcp(t)
		dst, gone := open(t, Config{FD: fds[0]}), open(t, Config{FD: fds[1]})
		gone.Close()
		go func() {
			for buf := make([]byte, 64<<10); ; {
				if _, err := b.Write(buf); err != nil {
					return
				}
			}
		}()
		_, side, err := Copy(dst, a, -1)
		require.Equal(t, Destination, side)
		require.Error(t, err)
		require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
		require.NoError(t, a.SetDeadline(past, true, false))
		_, side, err = Copy(dst, a, -1)
		require.Equal(t, Source, side)
		require.Equal(t, os.ErrDeadlineExceeded, err)
		a.Close()
		_, side, err = Copy(dst, a, -1)
		require.Equal(t, Source, side)
		require.Equal(t, net.ErrClosed, err)
	})
}

func TestPipesAreKeptForAWhile(t *testing.T) {
	var pool pipePool
	p, err := pool.get()
	require.NoError(t, err)
	pool.put(p)
	same, err := pool.get()
	require.NoError(t, err)
	require.Equal(t, p, same)
	var all []pipe
	for range pipesKept {
		p, err := pool.get()
		require.NoError(t, err)
		all = append(all, p)
	}
	for _, p := range append(all, same) {
		pool.put(p)
	}
	require.Len(t, pool.free, pipesKept)
	pool.expire()
	require.Len(t, pool.free, pipesKept, "they were used")
	pool.expire()
	require.Empty(t, pool.free)
}

// A copy takes a pipe and gives it back at each step.
func TestAPipeInUseMakesNoTimers(t *testing.T) {
	var pool pipePool
	step := func() {
		p, err := pool.get()
		require.NoError(t, err)
		pool.put(p)
	}
	step()
	require.Zero(t, testing.AllocsPerRun(1000, step))
	pool.expire()
	pool.expire()
	step()
	require.True(t, pool.running, "the next one as well is closed some day")
	pool.expire()
	pool.expire()
	require.Empty(t, pool.free)
}

func randomFile(t *testing.T, n int) (*os.File, [32]byte) {
	t.Helper()
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, b, 0o600))
	f, err := os.Open(name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f, sha256.Sum256(b)
}

func TestSendFile(t *testing.T) {
	eachKind(t, func(t *testing.T, a, b *FD) {
		const size = 5 << 20
		f, want := randomFile(t, size)
		got := drained(b)
		for _, remain := range []int64{0, 1000, -1} {
			_, handled, err := a.SendFile(f, remain)
			require.NoError(t, err)
			require.True(t, handled)
		}
		n, _, err := a.SendFile(f, -1)
		require.NoError(t, err)
		require.Zero(t, n, "the file's end")
		require.NoError(t, unix.Shutdown(a.Sysfd(), unix.SHUT_WR))
		require.Equal(t, want, receive(t, got))
		_, _, err = a.SendFile(f, -1)
		require.NoError(t, err)
		_, err = f.Seek(0, io.SeekStart)
		require.NoError(t, err)
		n, handled, err := a.SendFile(f, -1)
		require.Zero(t, n)
		require.True(t, handled)
		require.ErrorIs(t, err, syscall.EPIPE)
	})
}

func TestSendFileEndsByDeadlineIdleLimitAndClose(t *testing.T) {
	eachKind(t, func(t *testing.T, a, _ *FD) {
		f, _ := randomFile(t, 32<<20)
		sent := start(func() (r result) {
			n, _, err := a.SendFile(f, -1)
			return result{int(n), err}
		})
		waiting(t, "netfd.(*FD).SendFile", 1)
		require.NoError(t, a.SetDeadline(time.Now().Add(time.Millisecond), false, true))
		r := receive(t, sent)
		require.Equal(t, os.ErrDeadlineExceeded, r.err)
		require.Positive(t, r.n)
		require.NoError(t, a.SetDeadline(time.Time{}, false, true))
		a.SetIdleTimeout(soon)
		_, _, err := a.SendFile(f, -1)
		requireIdle(t, err)
		a.SetIdleTimeout(0)
		ended := start(func() error { _, _, err := a.SendFile(f, -1); return err })
		waiting(t, "netfd.(*FD).SendFile", 1)
		a.Close()
		require.Equal(t, net.ErrClosed, receive(t, ended))
		_, _, err = a.SendFile(f, -1)
		require.Equal(t, net.ErrClosed, err)
	})
}

func TestSendFileOfWhatIsNone(t *testing.T) {
	fds := tcp(t)
	a := open(t, Config{FD: fds[0]})
	defer unix.Close(fds[1])
	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer dir.Close()
	n, handled, err := a.SendFile(dir, -1)
	require.NoError(t, err)
	require.Zero(t, n)
	require.False(t, handled)
	f, _ := randomFile(t, 1)
	require.NoError(t, f.Close())
	_, handled, err = a.SendFile(f, -1)
	require.NoError(t, err)
	require.False(t, handled)
}
