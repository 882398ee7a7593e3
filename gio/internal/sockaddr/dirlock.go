package sockaddr

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience is how long somebody else may hold a lock, which is held for some
// milliseconds by those who mean what we mean. A variable for the tests.
var lockPatience = time.Second

// lockDir keeps others who use this library from replacing sockets in a directory. It
// leaves no file behind and is gone with the process.
//
// Both locks are wanted: the name does not reach other network namespaces, the
// directory may not be readable, and anybody may hold either for reasons of
// their own. One of them is enough then.
func lockDir(dir string) (unlock func(), err error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: dir, Err: err}
	}
	name, nameErr := lockName(fmt.Sprintf("@glibserve-lock-%x-%x", uint64(st.Dev), st.Ino))
	file, fileErr := flockDir(dir)
	if nameErr != nil && fileErr != nil {
		return nil, fmt.Errorf("%s is locked: %w", dir, errors.Join(nameErr, fileErr))
	}
	return func() {
		for _, fd := range []int{file, name} {
			if fd >= 0 {
				// A child that is being started may hold a duplicate still, and the lock with it.
				_ = unix.Flock(fd, unix.LOCK_UN)
				_ = unix.Close(fd)
			}
		}
	}, nil
}

// lockName has the lock while it has the abstract name.
func lockName(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return held(fd, unix.EADDRINUSE, func() error { return unix.Bind(fd, &unix.SockaddrUnix{Name: name}) })
}

// flockDir needs no more than to read the directory.
func flockDir(dir string) (int, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return held(fd, unix.EWOULDBLOCK, func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
}

// held tries for a while and closes fd on failure. It asks again and again, since a
// lock that is waited for in a system call can hang for ever.
func held(fd int, taken error, try func() error) (int, error) {
	end := time.Now().Add(lockPatience)
	for {
		err := try()
		switch {
		case err == nil:
			return fd, nil
		case err == unix.EINTR:
		case err != taken || time.Now().After(end):
			_ = unix.Close(fd)
			return -1, err
		}
		time.Sleep(time.Millisecond)
	}
}
