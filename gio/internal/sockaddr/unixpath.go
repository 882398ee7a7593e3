package gio

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
)

const errAddrInUse = syscall.EADDRINUSE

// boundPath is a Unix socket file that a listener of ours made. The inode
// tells whether it still is that one.
type boundPath struct {
	path     string
	dev, ino uint64
}

// unixPath is the path of a Unix address, "" for anything else.
func unixPath(addr net.Addr) string {
	if a, ok := addr.(*net.UnixAddr); ok && a.Name != "" && a.Name[0] != '@' {
		return a.Name
	}
	return ""
}

// replaceStale removes a socket file that nobody answers. It returns inUse, or
// a clearer error, when the path must be left alone.
func replaceStale(path string, inUse error) error {
	fi, err := os.Lstat(path)
	if err != nil {
		if os.IsNotExist(err) {
			return nil // just gone: try again
		}
		return inUse
	}
	if fi.Mode().Type() != os.ModeSocket {
		return withMessage(inUse, "%s exists and is no socket: it is left alone", path)
	}
	if answers(path) {
		return inUse
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return withMessage(err, "cannot replace the stale socket: %v", err)
	}
	return nil
}

// answers tells whether a server listens at path. Only a refusal says no: a
// full backlog, another socket type or a lack of permission mean somebody is
// there.
func answers(path string) bool {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer func() { _ = syscall.Close(fd) }()
	err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	return err != syscall.ECONNREFUSED && err != syscall.ENOENT
}

// remember notes a path that was just bound, to unlink it at Close.
func (l *listener) remember(path string) {
	abs, err := filepath.Abs(path) // the working directory may change
	if err != nil {
		return
	}
	var st syscall.Stat_t
	if syscall.Lstat(abs, &st) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paths = append(l.paths, boundPath{abs, uint64(st.Dev), st.Ino})
}

// unlink removes the file unless it has been replaced meanwhile.
func (b boundPath) unlink() {
	var st syscall.Stat_t
	if syscall.Lstat(b.path, &st) == nil && uint64(st.Dev) == b.dev && st.Ino == b.ino {
		_ = os.Remove(b.path)
	}
}
