package sockaddr

import (
	"net"
	"os"
	"path/filepath"
	"time"

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
	if a, ok := addr.(*net.UnixAddr); ok && !isAbstract(a.Name) {
		return a.Name
	}
	return ""
}

// ReplaceStale removes a socket file that nobody is bound to. It returns inUse, or
// a clearer error, when the path must be left alone. All that use this library do so
// one at a time, and a socket that is bound is never stale: of those who find one
// path stale at once, one gets to bind it. It may take some milliseconds.
func ReplaceStale(path string, inUse error) error {
	file, err := bound(path, inUse)
	if err != nil || file == nil {
		return err
	}
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return sys.WithMessage(inUse, "cannot replace the stale socket: %v", err)
	}
	defer unlock()
	if file, err = secondLook(path, inUse); err != nil || file == nil {
		return err
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return sys.WithMessage(err, "cannot replace the stale socket: %v", err)
	}
	return nil
}

// secondLook is for a bind(2) that is half done, which has made the file and not
// yet put the socket behind it: it looks again a little later, at the same file.
func secondLook(path string, inUse error) (os.FileInfo, error) {
	first, err := bound(path, inUse)
	if err != nil || first == nil {
		return nil, err
	}
	// Refused, since it exists, but only once no bind is under way in the directory.
	_ = unix.Link(path, path)
	time.Sleep(5 * time.Millisecond)
	second, err := bound(path, inUse)
	if err != nil || second == nil {
		return nil, err
	}
	if !os.SameFile(first, second) {
		return nil, inUse // somebody else's, and new
	}
	return second, nil
}

// bound returns the socket file at path to which nobody is bound, nil when there is
// nothing, and inUse, or a clearer error, when it is to be left alone.
func bound(path string, inUse error) (os.FileInfo, error) {
	fi, err := os.Lstat(path)
	switch {
	case os.IsNotExist(err):
		return nil, nil // just gone: try again
	case err != nil:
		return nil, inUse
	case fi.Mode().Type() != os.ModeSocket:
		return nil, sys.WithMessage(inUse, "%s exists and is no socket: it is left alone", path)
	case hasSocket(path):
		return nil, inUse
	}
	return fi, nil
}

// hasSocket tells whether a socket is bound to path, listening or not yet. A server
// does not see it: for a datagram socket its type is wrong. Only a refusal says no: a
// lack of permission may mean that somebody is there.
func hasSocket(path string) bool {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = unix.Close(fd) }()
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	return err != unix.ECONNREFUSED && err != unix.ENOENT
}

// NewBoundPath is a path that was just bound, to unlink it later, and the file that
// this made; false when there is no file.
func NewBoundPath(path string, dev, ino uint64) (BoundPath, bool) {
	abs, err := filepath.Abs(path) // the working directory may change
	if err != nil || ino == 0 {
		return BoundPath{}, false
	}
	return BoundPath{abs, dev, ino}, true
}

// Unlink removes the file unless it has been replaced meanwhile. The socket must still
// be open: the inode of one that was closed may be that of the file in its place.
func (b BoundPath) Unlink() {
	var st unix.Stat_t
	if unix.Lstat(b.path, &st) == nil && uint64(st.Dev) == b.dev && st.Ino == b.ino {
		_ = os.Remove(b.path)
	}
}
