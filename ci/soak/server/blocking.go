//go:build linux

package server

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// makeListenersBlocking takes O_NONBLOCK from every listening socket of the process, as
// another process that has a duplicate can at any moment.
func makeListenersBlocking() error {
	const dir = "/proc/self/fd"
	all, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range all {
		what, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil || len(what) < 7 || what[:7] != "socket:" {
			continue
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			return err
		}
		// One that has been closed in the meantime is none, and whatever has its number then listens, or is left alone.
		if listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN); err != nil || listens == 0 {
			continue
		}
		_ = syscall.SetNonblock(fd, false)
	}
	return nil
}
