// Package netfd is one connected socket: what internal/poll is to package net. FD
// moves bytes, waits, and closes exactly once. It is the only place where gio waits
// for a socket.
//
// It knows neither listeners nor TLS. Its errors are bare: net.ErrClosed,
// os.ErrDeadlineExceeded, io.EOF, ErrIdleTimeout, an *os.SyscallError.
package netfd

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// FD is a connected descriptor that belongs to GObjects, or will as soon as
// something asks for them. It is meant to be a field of something bigger, must not
// be copied, and is of use after Init.
//
// Its methods are for any goroutine. Those that move bytes in a direction take
// their turn by the direction's lock; those whose names end in Locked leave that
// to the caller.
type FD struct {
	fdmu  fdMutex
	sysfd int32 // never closed while there are objects, but by them; immutable

	// Immutable, from Config.
	unix, lingers bool
	messages      bool // a system call moves one message, whole or cut off

	// Under Reading's lock: the byte that ReceiveFDs took and Read returns first.
	hasUnread bool
	unread    byte
	bulk      bool // the last recv got more than briefRecv

	objects objects
	poller  atomic.Pointer[poller] // nil until something needs it; written under mu
	shared  *SharedPoller          // where Read waits at first; nil: nowhere. Immutable
	idle    idleLimit

	// mu protects what follows and poller's deadlines. sharedEpoll.mu is locked
	// under it, nothing else; no user code runs under it.
	mu          sync.Mutex
	evicted     bool    // nobody registers any more
	quiet       bool    // nor while this is set
	inode       uint64  // the socket's, when it was exposed without a poller
	sharedWaits uint8   // how often Read has waited in the shared poller
	waiter      *waiter // where it waits there, or nil
	watch       *Watch  // the last one

	ops [2]operation // each under its direction's lock

	// modeShared is set for good once others may have the open file description,
	// and hence may change its mode at any moment. See Share.
	modeShared atomic.Bool
	lost       atomic.Bool // GIO code has closed the GSocket, and the poller's file is closed for it
}

// operation is what a direction is busy with. FD.step makes one try after the
// other until want bytes have moved or there is an end.
type operation struct {
	once  Attempt // nil: recv into buf, or send what is left of it
	buf   []byte
	n     int64 // moved so far
	want  int64
	errno syscall.Errno // of the last try

	polling atomic.Bool // in the poller's hands: its file stays open
	moving  sync.Mutex  // held in system calls that the mode decides whether they wait
}

// Attempt moves bytes once, without ever blocking, when done have moved before. It
// answers EAGAIN to be called again when the descriptor is ready, but only after a
// system call has said so: the poller tells of changes alone. Any other errno ends
// the operation, and so does n == 0.
type Attempt func(done int64) (n int64, errno syscall.Errno)

// Config is what an FD begins with.
type Config struct {
	FD         int               // connected and non-blocking
	Connection native.Connection // with one reference, which the FD takes over; may be none
	Exposed    bool              // others may have the objects already, if there are any
	Unix       bool              // an AF_UNIX socket
	Messages   bool              // SOCK_SEQPACKET: bytes are in messages
	Lingers    bool              // SO_LINGER may be set: closing may take time
	Shared     *SharedPoller     // may be nil

	IdleTimeout time.Duration // as for SetIdleTimeout
}

// Init makes fd ready for use. It cannot fail: objects are made when needed.
func (fd *FD) Init(c Config) {
	fd.sysfd, fd.unix, fd.lingers, fd.shared = int32(c.FD), c.Unix, c.Lingers, c.Shared
	fd.messages = c.Messages
	fd.idle.limit.Store(int64(max(c.IdleTimeout, 0)))
	fd.objects.init(c.Connection)
	if c.Exposed && c.Connection.Valid() {
		fd.Share(false)
		fd.expose()
	}
}

// Sysfd is the descriptor's number, which is good while a reference is held.
func (fd *FD) Sysfd() int { return int(fd.sysfd) }

// Messages tells whether bytes are in messages, whose bounds matter.
func (fd *FD) Messages() bool { return fd.messages }

// Lingers tells whether closing may take time.
func (fd *FD) Lingers() bool { return fd.lingers }

// Closed tells whether Close has begun.
func (fd *FD) Closed() bool { return fd.fdmu.closed() }

// Acquire takes a reference, with which objects and descriptor stay until Release;
// false after Close.
func (fd *FD) Acquire() bool { return fd.fdmu.incref() }

// Release gives up what Acquire took.
func (fd *FD) Release() { fd.fdmu.decref() }

// Lock waits for the turn in a direction and takes it, with a reference; false
// after Close.
func (fd *FD) Lock(dir Direction) bool { return fd.fdmu.lock(dir) }

// Unlock ends the turn.
func (fd *FD) Unlock(dir Direction) { fd.fdmu.unlock(dir) }

// Read reads up to len(b) bytes and waits until there are some. Where there are
// messages, that is one of them; what of it does not fit is lost, with
// io.ErrShortBuffer, and an empty one is io.EOF.
func (fd *FD) Read(b []byte) (int, error) {
	// No defer, and small frames from here on: when the goroutine that waits for
	// an idle client needs no more than its first 2 KiB of stack, that client
	// costs a third less.
	if !fd.fdmu.lock(Reading) {
		return 0, net.ErrClosed
	}
	n, err := fd.ReadLocked(b)
	fd.fdmu.unlock(Reading)
	return n, err
}

// ReadLocked is Read for callers that hold Reading's lock.
func (fd *FD) ReadLocked(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if fd.hasUnread {
		b[0], fd.hasUnread = fd.unread, false
		return 1, nil
	}
	o := &fd.ops[Reading]
	o.buf, o.n, o.want = b, 0, 1
	err := fd.do(Reading)
	o.buf = nil
	switch {
	case err != nil:
		return 0, err
	case o.errno != 0:
		return 0, ErrnoError("recv", o.errno)
	case o.n == 0:
		return 0, io.EOF
	case o.n > int64(len(b)):
		return len(b), io.ErrShortBuffer
	}
	return int(o.n), nil
}

// Write writes all of b, or as much as went out before an error.
func (fd *FD) Write(b []byte) (int, error) {
	if !fd.fdmu.lock(Writing) {
		return 0, net.ErrClosed
	}
	n, err := fd.WriteLocked(b)
	fd.fdmu.unlock(Writing)
	return n, err
}

// WriteLocked is Write for callers that hold Writing's lock.
func (fd *FD) WriteLocked(b []byte) (int, error) {
	done := 0
	if len(b) == 0 {
		return 0, fd.writeEmpty()
	}
	if !fd.writeDeadline() && !fd.objects.exposed() {
		// Nearly always the kernel takes it all, and nobody has to be asked.
		n, errno := fd.send(b)
		if n > 0 {
			fd.idle.progressed(Writing)
		}
		if n == len(b) {
			return n, nil
		}
		if errno != 0 && errno != syscall.EAGAIN {
			return n, ErrnoError("send", errno)
		}
		done = n
	}
	o := &fd.ops[Writing]
	o.buf, o.n, o.want = b, int64(done), int64(len(b))
	err := fd.do(Writing)
	o.buf = nil
	if err == nil && o.errno != 0 {
		err = ErrnoError("send", o.errno)
	}
	return int(o.n), err
}

// writeEmpty sends a message without a byte, where there are messages.
func (fd *FD) writeEmpty() error {
	if !fd.messages {
		return nil
	}
	_, errno, err := fd.run(Writing, 1, func(int64) (int64, syscall.Errno) {
		if _, errno := fd.send(nil); errno != 0 {
			return 0, errno
		}
		return 1, 0
	})
	if err == nil && errno != 0 {
		err = ErrnoError("send", errno)
	}
	return err
}

// Run makes attempts until want bytes have moved, or there is an end, and waits in
// between. The caller holds the direction's lock. The error is the wait's.
func (fd *FD) Run(dir Direction, want int64, once Attempt) (n int64, err error) {
	n, _, err = fd.run(dir, want, once)
	return n, err
}

// run also returns the errno of the last try.
func (fd *FD) run(dir Direction, want int64, once Attempt) (n int64, errno syscall.Errno, err error) {
	o := &fd.ops[dir]
	o.once, o.n, o.want, o.errno = once, 0, want, 0
	err = fd.do(dir)
	o.once = nil
	return o.n, o.errno, err
}

// runPolled is Run for system calls of Go's own on the poller's duplicate, which
// nobody but us closes: the descriptor itself is GIO's to close once there are
// objects.
func (fd *FD) runPolled(dir Direction, want int64, once Attempt) (n int64, err error) {
	if _, err := fd.register(); err != nil {
		return 0, err
	}
	return fd.Run(dir, want, once)
}

// The bounds of a brief call, see package sys, in bytes: some 10 microseconds.
const (
	briefRecv = 4 << 10 // that have come
	maxBuffer = 64 << 10
	briefSend = 16 << 10
)

// recv makes the system call that g_socket_receive_with_blocking makes. It never
// blocks, whatever the mode. Reading's lock is held.
func (fd *FD) recv(b []byte) (int, syscall.Errno) {
	n, errno := fd.number(Reading)
	if errno != 0 {
		return 0, errno
	}
	if fd.messages {
		return sys.RecvMessage(n, b)
	}
	// How long it takes is not known before; what comes is mostly like what came.
	m, errno := sys.Recv(n, b, !fd.bulk && len(b) <= maxBuffer && !fd.unix)
	if m > 0 {
		fd.bulk = m > briefRecv
	}
	return m, errno
}

// send is the same for g_socket_send_with_blocking. On a connection that has come
// to wait at Go's poller it is an ordinary call: there are likely many, whose
// goroutines want the processor, and with brief calls the slowest hundredth of them
// would wait a quarter longer. For a short connection it is a fifth of all its cost.
func (fd *FD) send(b []byte) (int, syscall.Errno) {
	n, errno := fd.number(Writing)
	if errno != 0 {
		return 0, errno
	}
	return sys.Send(n, b, len(b) <= briefSend && !fd.unix && fd.poller.Load() == nil)
}

// ErrnoError names the system call. EBADF with the descriptor open is GIO's
// refusal: somebody else closed the GSocket.
func ErrnoError(call string, errno syscall.Errno) error {
	if errno == syscall.EBADF {
		return net.ErrClosed
	}
	return os.NewSyscallError(call, errno)
}

// Close closes the descriptor and wakes whoever waits, with net.ErrClosed. It
// returns when nobody uses the descriptor any more; false when somebody else
// closes it.
func (fd *FD) Close() bool {
	if !fd.BeginClose() {
		return false
	}
	fd.Evict()
	fd.Destroy(true)
	return true
}

// BeginClose is the first part of Close: no operation begins any more. Whoever
// gets true goes on with Evict and then Destroy or Surrender, perhaps after Drain.
func (fd *FD) BeginClose() bool { return fd.fdmu.close() }

// Evict wakes whoever waits for the descriptor and returns when nobody uses it any
// more.
func (fd *FD) Evict() {
	fd.mu.Lock()
	fd.evicted = true
	fd.wakeShared()
	p := fd.poller.Load()
	fd.mu.Unlock()
	if p != nil {
		// Not under mu: it waits for who is inside a RawConn's function, and
		// that may be about to take mu.
		_ = p.file.Close()
	}
	fd.fdmu.awaitLast()
}
