package sockaddr_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio/internal/sockaddr"
)

var errInUse = errors.New("in use")

// bind makes a socket at path, as a listener does, and remembers it. It stays open.
func bind(t *testing.T, path string) sockaddr.BoundPath {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	ln.SetUnlinkOnClose(false)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	fi, err := os.Lstat(path)
	require.NoError(t, err)
	st := fi.Sys().(*syscall.Stat_t)
	bound, ok := sockaddr.NewBoundPath(path, uint64(st.Dev), st.Ino)
	require.True(t, ok)
	return bound
}

func TestPathIsUnlinked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	bound := bind(t, path)
	bound.Unlink()
	require.NoFileExists(t, path)
	bound.Unlink() // twice is no trouble
}

func TestReplacedPathIsLeft(t *testing.T) {
	for name, replace := range map[string]func(t *testing.T, path string){
		"by a socket": func(t *testing.T, path string) {
			ln, err := net.Listen("unix", path)
			require.NoError(t, err)
			t.Cleanup(func() { _ = ln.Close() })
		},
		"by a file":      func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, nil, 0o600)) },
		"by a directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"by a link":      func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			bound := bind(t, path)
			require.NoError(t, os.Remove(path))
			replace(t, path)
			bound.Unlink()
			_, err := os.Lstat(path)
			require.NoError(t, err, "somebody else's is still there")
		})
	}
}

func TestMovedPathIsLeft(t *testing.T) {
	dir := t.TempDir()
	bound := bind(t, filepath.Join(dir, "s"))
	require.NoError(t, os.Rename(filepath.Join(dir, "s"), filepath.Join(dir, "moved")))
	bound.Unlink()
	_, err := os.Lstat(filepath.Join(dir, "moved"))
	require.NoError(t, err)
}

func TestPathIsUnlinkedFromAnywhere(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	bound := bind(t, "s")
	require.NoError(t, os.Mkdir("sub", 0o700))
	t.Chdir("sub")
	require.NoError(t, os.WriteFile("s", nil, 0o600))
	bound.Unlink()
	require.NoFileExists(t, filepath.Join(dir, "s"))
	require.FileExists(t, "s", "another file of that name")
}

func TestWhatIsNotThereIsNotRemembered(t *testing.T) {
	_, ok := sockaddr.NewBoundPath(filepath.Join(t.TempDir(), "s"), 1, 0)
	require.False(t, ok)
}

func TestOnlyUnixAddressesHaveAPath(t *testing.T) {
	require.Equal(t, "/a", sockaddr.Path(&net.UnixAddr{Name: "/a", Net: "unix"}))
	for _, a := range []net.Addr{nil, &net.TCPAddr{}, &net.UnixAddr{Name: "@a", Net: "unix"}, &net.UnixAddr{Net: "unix"}} {
		require.Empty(t, sockaddr.Path(a), "%v", a)
	}
}

// stale leaves a socket file behind that nobody answers.
func stale(t testing.TB, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	ln.SetUnlinkOnClose(false)
	require.NoError(t, ln.Close())
	_, err = os.Lstat(path)
	require.NoError(t, err)
}

func TestStalePathIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	require.NoError(t, sockaddr.ReplaceStale(path, errInUse))
	require.NoFileExists(t, path)
	require.NoError(t, sockaddr.ReplaceStale(path, errInUse), "gone already: try again")
}

func TestLivePathIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer ln.Close()
	require.Equal(t, errInUse, sockaddr.ReplaceStale(path, errInUse))
	_, err = net.Dial("unix", path)
	require.NoError(t, err, "the server is unharmed")
}

// A server that is too busy to accept is alive all the same.
func TestBusyPathIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer syscall.Close(fd)
	require.NoError(t, syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}))
	require.NoError(t, syscall.Listen(fd, 0))
	_, err = net.Dial("unix", path) // fills the backlog
	require.NoError(t, err)
	require.Equal(t, errInUse, sockaddr.ReplaceStale(path, errInUse))
	_, err = os.Lstat(path)
	require.NoError(t, err)
}

func TestSocketOfAnotherTypeIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	u, err := net.ListenPacket("unixgram", path)
	require.NoError(t, err)
	defer u.Close()
	require.Equal(t, errInUse, sockaddr.ReplaceStale(path, errInUse))
	_, err = os.Lstat(path)
	require.NoError(t, err)
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	for name, create := range map[string]func(t *testing.T, path string){
		"file":      func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600)) },
		"directory": func(t *testing.T, path string) { require.NoError(t, os.Mkdir(path, 0o700)) },
		"fifo":      func(t *testing.T, path string) { require.NoError(t, syscall.Mkfifo(path, 0o600)) },
		"link to a stale socket": func(t *testing.T, path string) {
			stale(t, path+".target")
			require.NoError(t, os.Symlink(path+".target", path))
		},
		"link to nowhere": func(t *testing.T, path string) { require.NoError(t, os.Symlink("nowhere", path)) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			create(t, path)
			before, err := os.Lstat(path)
			require.NoError(t, err)
			err = sockaddr.ReplaceStale(path, errInUse)
			require.ErrorIs(t, err, errInUse)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "no socket")
			after, err := os.Lstat(path)
			require.NoError(t, err)
			require.True(t, os.SameFile(before, after))
		})
	}
}
