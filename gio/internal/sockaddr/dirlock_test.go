package sockaddr_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

const moment = 20 * time.Millisecond

// lockedBy has somebody else hold the lock of a directory.
func lockedBy(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	require.NoError(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	return f
}

// named has somebody else hold the name that stands for a directory.
func named(t *testing.T, dir string) {
	t.Helper()
	fi, err := os.Stat(dir)
	require.NoError(t, err)
	st := fi.Sys().(*syscall.Stat_t)
	c, err := net.ListenPacket("unixgram", fmt.Sprintf("@glibserve-lock-%x-%x", st.Dev, st.Ino))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
}

func TestDirectoryIsLockedByOneAtATime(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	var inside, most atomic.Int32 // most: if ever two
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				unlock, err := sockaddr.LockDirPatiently(dir)
				if err != nil {
					t.Error(err)
					return
				}
				if n := inside.Add(1); n > 1 {
					most.Store(n)
				}
				inside.Add(-1)
				unlock()
			}
		}()
	}
	wg.Wait()
	require.Zero(t, most.Load())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left behind")
}

func TestLockThatSomebodyElseHoldsIsNotWaitedForForEver(t *testing.T) {
	dir := t.TempDir()
	f := lockedBy(t, dir)
	unlock, err := sockaddr.LockDir(dir, moment)
	require.NoError(t, err, "the name is enough")
	_, err = sockaddr.LockDir(dir, moment)
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, dir)
	unlock()
	require.NoError(t, f.Close())
	named(t, dir)
	unlock, err = sockaddr.LockDir(dir, moment)
	require.NoError(t, err, "the directory's lock is enough")
	unlock()
}

func TestReplaceStaleGivesUpWhereAllIsLocked(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	stale(t, path)
	lockedBy(t, dir)
	named(t, dir)
	err := sockaddr.ReplaceStale(path, errInUse)
	require.ErrorIs(t, err, errInUse)
	require.ErrorContains(t, err, "is locked")
	require.FileExists(t, path)
}

// Bound, and about to listen: nobody may take its path.
func TestSocketThatDoesNotListenYetIsInUse(t *testing.T) {
	for _, kind := range []int{syscall.SOCK_STREAM, syscall.SOCK_SEQPACKET} {
		path := filepath.Join(t.TempDir(), "s")
		fd, err := syscall.Socket(syscall.AF_UNIX, kind|syscall.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		defer syscall.Close(fd)
		require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
		require.Equal(t, errInUse, sockaddr.ReplaceStale(path, errInUse))
		_, err = os.Lstat(path)
		require.NoError(t, err)
	}
}

// To look at a live server is no reason for it to see a client.
func TestLiveServerSeesNoClient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	defer ln.Close()
	require.Equal(t, errInUse, sockaddr.ReplaceStale(path, errInUse))
	require.NoError(t, ln.SetDeadline(time.Now().Add(moment)))
	_, err = ln.Accept()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}
