package netfd

import (
	"math"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// sendfileMax is as much as one sendfile(2) is asked for: about what the kernel's
// own limit of 2 GB allows, in round numbers.
const sendfileMax = 1 << 30

// sendfileShared is the same where the call may wait for every 64 KiB, see Share.
const sendfileShared = 1 << 20

// SendFile sends a regular file from its position on, by sendfile(2): up to its
// end, or remain bytes if that is not negative. It answers handled=false, with
// nothing sent, when the kernel cannot.
func (fd *FD) SendFile(f *os.File, remain int64) (sent int64, handled bool, err error) {
	if !fd.fdmu.lock(Writing) {
		return 0, true, net.ErrClosed
	}
	defer fd.fdmu.unlock(Writing)
	if remain == 0 {
		return 0, true, nil
	}
	if remain < 0 {
		remain = math.MaxInt64
	}
	src, err := f.SyscallConn()
	if err != nil {
		return 0, false, nil
	}
	if _, err := fd.register(); err != nil { // for its duplicate, see runPolled
		return 0, true, err
	}
	if fd.closedByOthers() {
		return 0, true, net.ErrClosed
	}
	o := &fd.ops[Writing]
	var restore func(int)
	defer func() {
		if restore != nil {
			_ = fd.Control(restore)
		}
	}()
	var errno syscall.Errno
	// Control, not Read: a regular file is never waited for.
	cerr := src.Control(func(from uintptr) {
		sent, errno, err = fd.run(Writing, remain, func(done int64) (int64, syscall.Errno) {
			o.moving.Lock()
			defer o.moving.Unlock()
			to, most := fd.poller.Load().fd, int64(sendfileMax)
			if fd.modeShared.Load() {
				if fd.closedByOthers() {
					return 0, syscall.EBADF
				}
				most = sendfileShared
				if restore == nil {
					restore = sys.BoundSends(to)
				}
			}
			return sendfile(to, int(from), min(remain-done, most))
		})
	})
	switch {
	case cerr != nil:
		return sent, false, nil
	case err != nil:
		return sent, true, err
	case errno == 0:
		return sent, true, nil
	case errno == syscall.EBADF && fd.closedByOthers():
		return sent, true, net.ErrClosed
	case sent == 0 && (errno == unix.EINVAL || errno == unix.ENOSYS || errno == unix.EOPNOTSUPP):
		return 0, false, nil
	}
	return sent, true, os.NewSyscallError("sendfile", errno)
}

func sendfile(to, from int, n int64) (int64, syscall.Errno) {
	for {
		m, err := unix.Sendfile(to, from, nil, int(n))
		errno, _ := err.(syscall.Errno)
		if errno != unix.EINTR {
			return int64(max(m, 0)), errno
		}
	}
}
