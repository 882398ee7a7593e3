package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// GDBus authenticates on a thread of GTask's pool, of which there are ten in the
// process, and waits there for each line. So it is asked only once the peer has said
// what it begins with, and for a few peers at a time.

const (
	// authTime is how long a peer may take to say its first line, and then again to
	// authenticate.
	authTime = 10 * time.Second

	maxAuthLine = 1024
)

var past = time.Unix(1, 0)

// checkAuth tells whether b, what a peer has sent so far, has all that a client of
// D-Bus says without an answer: a zero byte and the line AUTH.
func checkAuth(b []byte) (whole bool, err error) {
	const begin = "\x00AUTH"
	end := bytes.Index(b, []byte("\r\n"))
	if n := min(len(b), len(begin)); string(b[:n]) != begin[:n] || end < 0 && len(b) >= maxAuthLine {
		return false, fmt.Errorf("the peer does not speak D-Bus: it sent %q", b[:min(len(b), 16)])
	}
	return end >= 0, nil
}

// waiter waits for a peer that nobody reads from.
type waiter struct {
	conn *gio.SocketConnection
	raw  syscall.RawConn
	ctx  context.Context
}

// until waits until look is true, wake is called, or ctx is done, which is an error.
func (w *waiter) until(deadline time.Time, look func(fd int) bool) error {
	if err := w.conn.SetReadDeadline(deadline); err != nil {
		return err
	}
	defer context.AfterFunc(w.ctx, w.wake)()
	err := w.raw.Read(func(fd uintptr) bool { return look(int(fd)) })
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	return err
}

func (w *waiter) wake() { _ = w.conn.SetReadDeadline(past) }

// awaitLine waits for the peer's first line.
func (w *waiter) awaitLine() error {
	whole, why := false, error(nil)
	err := w.until(time.Now().Add(authTime), func(fd int) bool {
		whole, why = lookForAuth(fd)
		return whole || why != nil
	})
	if err != nil {
		return err
	}
	return why
}

// lookForAuth tells whether the first line has arrived. It takes nothing and does not
// wait.
func lookForAuth(fd int) (whole bool, err error) {
	buf := make([]byte, maxAuthLine)
	n, _, err := unix.Recvfrom(fd, buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return false, nil
	case err != nil:
		return false, os.NewSyscallError("recv", err)
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	if whole, err = checkAuth(buf[:n]); whole || err != nil {
		return whole, err
	}
	// One look ends where credentials change: GDBus's clients send them with the zero
	// byte alone. Then there is no telling what comes behind.
	if all, err := unix.IoctlGetInt(fd, unix.TIOCINQ); err == nil && n == 1 && all >= len("\x00AUTH\r\n") {
		return true, nil
	}
	if gone(fd) {
		return false, io.ErrUnexpectedEOF
	}
	return false, nil
}

// awaitTurn waits until the peer's authentication may begin.
func (w *waiter) awaitTurn(t *turn) error {
	for !t.has() {
		err := w.until(time.Time{}, func(fd int) bool { return t.has() || gone(fd) })
		switch {
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded): // that is the turn
			return err
		case err == nil && !t.has():
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// gone tells whether the peer has ended its side, also when there is something to read.
func gone(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0
}

// passCredentials has a Unix socket note who sends: what comes before that, nobody
// has sent. GDBus does it by itself, but later now.
func (w *waiter) passCredentials(on int) {
	_ = w.raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, on) // TCP has none
	})
}

// admit waits until the peer's authentication may begin, and returns a ctx that ends
// when it must, and what to call at the end.
func (s *Server) admit(ctx context.Context, conn *gio.SocketConnection) (context.Context, func(), error) {
	number := s.arrivals.Add(1)
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	w := &waiter{conn, raw, ctx}
	w.passCredentials(1)
	if err := w.awaitLine(); err != nil {
		return nil, nil, err
	}
	timely, cancel := context.WithCancelCause(ctx)
	t := s.turns.enter(number, w.wake, cancel)
	end := func() {
		t.leave()
		cancel(nil)
	}
	if err := w.awaitTurn(t); err != nil {
		end()
		return nil, nil, err
	}
	timer := time.AfterFunc(authTime, func() { cancel(os.ErrDeadlineExceeded) })
	w.passCredentials(0)
	return timely, func() { timer.Stop(); end() }, nil
}
