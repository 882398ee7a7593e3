package netfd

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// What a Unix socket carries beside its bytes, in the form of GIO: a zero byte with
// a control message.

// SendMessage waits like Write until the kernel has taken the message.
func (fd *FD) SendMessage(m native.Message) error {
	if !fd.fdmu.lock(Writing) {
		return net.ErrClosed
	}
	defer fd.fdmu.unlock(Writing)
	n, err := fd.Objects()
	if err != nil {
		return err
	}
	_, errno, err := fd.run(Writing, 1, func(int64) (int64, syscall.Errno) {
		errno := n.SendMessage(m)
		if errno != 0 {
			return 0, errno
		}
		return 1, 0
	})
	if err == nil && errno != 0 {
		err = ErrnoError("sendmsg", errno)
	}
	return err
}

// ReceiveFDs waits like Read for one byte and the descriptors that come with it, of
// which it keeps no more than max. A byte without any is left to Read.
func (fd *FD) ReceiveFDs(max int) (native.Received, error) {
	if !fd.fdmu.lock(Reading) {
		return native.Received{}, net.ErrClosed
	}
	defer fd.fdmu.unlock(Reading)
	if fd.hasUnread {
		return native.Received{Byte: fd.unread, Plain: true}, nil
	}
	r, err := fd.receive(native.WantFDs, max)
	if err == nil && r.Came == 0 && !r.Lost && !r.Plain {
		fd.unread, fd.hasUnread = r.Byte, true
	}
	return r, err
}

// ReceiveCredentials waits like Read for one byte and the credentials that come
// with it, if any.
func (fd *FD) ReceiveCredentials() (r native.Received, err error) {
	if !fd.fdmu.lock(Reading) {
		return r, net.ErrClosed
	}
	defer fd.fdmu.unlock(Reading)
	if fd.hasUnread {
		fd.hasUnread = false
		return native.Received{Byte: fd.unread}, nil
	}
	n, err := fd.Objects()
	if err != nil {
		return r, err
	}
	// The kernel attaches them only to those who ask.
	restore, errno := pass(n, unix.SO_PASSCRED)
	if errno != 0 {
		return r, ErrnoError("SO_PASSCRED", errno)
	}
	defer restore()
	restore, _ = pass(n, unix.SO_PASSPIDFD) // Linux 6.5 has it, and without it works mostly
	defer restore()
	r, err = fd.receive(native.WantCredentials, 0)
	r.HasCredentials = r.HasCredentials && !fromNobody(r)
	return r, err
}

// pass sets an option of a socket until restore is called.
func pass(n native.Connection, option int) (restore func(), errno syscall.Errno) {
	was, errno := n.Option(unix.SOL_SOCKET, option)
	if errno == 0 && was == 0 {
		if errno = n.SetOption(unix.SOL_SOCKET, option, 1); errno == 0 {
			return func() { _ = n.SetOption(unix.SOL_SOCKET, option, 0) }, 0
		}
	}
	return func() {}, errno
}

// fromNobody tells whether a byte was sent before anybody asked for credentials: the
// kernel answers with no process and the IDs that stand for what cannot be named.
// Process 0 alone says nothing: that is who sent from outside of our PID namespace.
func fromNobody(r native.Received) bool {
	c := r.Credentials
	return c.PID == 0 && !r.HasSender && c.UID == sys.OverflowUID() && c.GID == sys.OverflowGID()
}

// receive waits for one byte and what comes with it. The caller holds Reading's
// lock.
func (fd *FD) receive(want, max int) (r native.Received, err error) {
	got, errno, err := fd.run(Reading, 1, func(int64) (int64, syscall.Errno) {
		var count int
		from, errno := fd.number(Reading)
		if errno != 0 {
			return 0, errno
		}
		r, count, errno = native.ReceiveMessage(from, want, max, fd.messages)
		return int64(count), errno
	})
	switch {
	case err != nil:
		return r, err
	case errno != 0:
		return r, ErrnoError("recvmsg", errno)
	case got == 0:
		return r, io.EOF
	}
	return r, nil
}
