package netfd

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Watch is a second place with Go's poller, for who looks at a socket beside its
// operations: neither their deadlines nor the idle limit end its waits. It costs a
// descriptor until Close.
type Watch struct {
	file *os.File
	raw  syscall.RawConn
	of   *FD // or nil
}

// NewWatch watches a connected socket.
func NewWatch(fd int) (*Watch, error) {
	w := &Watch{}
	for tries := 0; ; tries++ {
		n, err := sys.Dup(fd)
		if err != nil {
			return nil, os.NewSyscallError("fcntl", err)
		}
		giveBack := sys.BorrowNonblock(n) // newPolledFile takes no other
		w.file, w.raw, err = newPolledFile(n, "socket")
		giveBack()
		if err == nil {
			return w, nil
		}
		if !errors.Is(err, os.ErrNoDeadline) || tries == 100 { // else somebody made it a blocking one again
			return nil, err
		}
	}
}

// Watch watches the descriptor, until GIO code closes the objects that it may have.
// There is one at a time.
func (fd *FD) Watch() (w *Watch, err error) {
	if cerr := fd.Control(func(n int) { w, err = NewWatch(n) }); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, err
	}
	w.of = fd
	fd.mu.Lock()
	fd.watch = w
	lost := fd.lost.Load() // if not, lose sees the watch
	fd.mu.Unlock()
	if lost {
		w.Close()
		return nil, net.ErrClosed
	}
	return w, nil
}

// Wait calls f, which must not block, whenever something has come or the peer has
// gone, until that is true. After Wake it is os.ErrDeadlineExceeded, after Close
// net.ErrClosed.
func (w *Watch) Wait(f func(fd int) bool) error {
	err := bareError(w.raw.Read(func(fd uintptr) bool { return f(int(fd)) }))
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// Wake ends the wait in progress and all later ones.
func (w *Watch) Wake() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }

// Close ends it.
func (w *Watch) Close() {
	if w.of != nil {
		w.of.mu.Lock()
		if w.of.watch == w {
			w.of.watch = nil
		}
		w.of.mu.Unlock()
	}
	_ = w.file.Close()
}

// Peek looks at what has arrived, without taking it and without waiting.
func Peek(fd int, b []byte) (int, error) {
	for {
		n, _, err := unix.Recvfrom(fd, b, unix.MSG_PEEK|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// Arrived is how many bytes have (TIOCINQ is FIONREAD).
func Arrived(fd int) int {
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return 0
	}
	return n
}

// Gone tells whether the peer has ended its side, or the connection is broken, also
// while there are bytes left to read.
func Gone(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0
}

// SocketError is what broke a connection, or nil.
func SocketError(fd int) error {
	if errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && errno != 0 {
		return os.NewSyscallError("recv", syscall.Errno(errno))
	}
	return nil
}

// RoundTrip is what the kernel takes for a TCP connection's round-trip time, and for
// how long it has neither sent nor received anything; false for other sockets.
func RoundTrip(fd int) (rtt, quiet time.Duration, ok bool) {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0, 0, false
	}
	quiet = time.Duration(min(info.Last_data_sent, info.Last_data_recv)) * time.Millisecond
	return time.Duration(info.Rtt) * time.Microsecond, quiet, true
}

// ReceiveBuffer is how many bytes a socket may hold, with what the kernel needs
// besides.
func ReceiveBuffer(fd int) int {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0
	}
	return n
}
