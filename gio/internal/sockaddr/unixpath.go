package sockaddr

import (
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// BoundPath is a Unix socket file that a listener of ours made. The inode
// tells whether it still is that one.
type BoundPath struct {
	path     string
	dev, ino uint64
}

// Path is the path of a Unix address, "" for anything else.
func Path(addr net.Addr) string {
	if a, ok := addr.(*net.UnixAddr); ok && a.Name != "" && a.Name[0] != '@' {
		return a.Name
	}
	return ""
}

// ReplaceStale removes a socket file that nobody answers. It returns inUse, or
// a clearer error, when the path must be left alone.
func ReplaceStale(path string, inUse error) error {
	fi, err := os.Lstat(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil // just gone: try again
		}
		return inUse
	}
	if fi.Mode().Type() != os.ModeSocket {
		return sys.WithMessage(inUse, "%s exists and is no socket: it is left alone", path)
	}
	if answers(path) {
		return inUse
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return sys.WithMessage(err, "cannot replace the stale socket: %v", err)
	}
	return nil
}

// answers tells whether a server listens at path. Only a refusal says no: a
// full backlog, another socket type or a lack of permission mean somebody is
// there.
func answers(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	return err != unix.ECONNREFUSED && err != unix.ENOENT
}

// Remember notes a path that was just bound, to unlink it later; false when there
// is no file.
func Remember(path string) (BoundPath, bool) {
	abs, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return BoundPath{}, false
	}
	var st unix.Stat_t
	if unix.Lstat(abs, &st) != nil {
		return BoundPath{}, false
	}
	return BoundPath{abs, uint64(st.Dev), st.Ino}, true
}

// Unlink removes the file unless it has been replaced meanwhile. The socket must still
// be open: the inode of one that was closed may be that of the file in its place.
func (b BoundPath) Unlink() {
	var st unix.Stat_t
	if unix.Lstat(b.path, &st) == nil && uint64(st.Dev) == b.dev && st.Ino == b.ino {
		_ = os.Remove(b.path)
	}
}
