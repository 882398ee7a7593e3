//go:build linux

package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// squeeze leaves the process without descriptors for a time: by lowering the
// limit below what is open, or by taking all that a low limit allows.
func squeeze(take bool, d time.Duration) (err error) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return err
	}
	what, err := descriptors()
	if err != nil {
		return err
	}
	open := 0
	for _, n := range what {
		open += n
	}
	low := old
	low.Cur = uint64(open) / 2
	if take {
		low.Cur = uint64(open) + 64
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		return fmt.Errorf("lowering the limit of descriptors: %w", err)
	}
	var all []int
	defer func() {
		for _, fd := range all {
			_ = syscall.Close(fd)
		}
		if rerr := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err == nil && rerr != nil {
			err = fmt.Errorf("restoring the limit of descriptors: %w", rerr)
		}
	}()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for take { // again and again: connections that end free some
			fd, err := syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			if err != nil {
				break
			}
			all = append(all, fd)
		}
	}
	return nil
}

// descriptors counts those that are open by what they are, less the one that
// counting takes.
func descriptors() (map[string]int, error) {
	const dir = "/proc/self/fd"
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, e := range all {
		if what, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			what, _, _ = strings.Cut(what, ":[") // socket:[1234]
			count[what]++
		}
	}
	return count, nil
}
