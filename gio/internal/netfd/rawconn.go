package netfd

import (
	"net"
	"os"
	"syscall"
)

// rawConn is a descriptor for system calls of others: the poller's duplicate.
type rawConn struct {
	fd *FD
	p  *poller
}

// RawConn is for system calls of others. Its descriptor is a duplicate: options and
// data are the socket's, closing is not. Deadlines count, the idle limit does not.
func (fd *FD) RawConn() (syscall.RawConn, error) {
	if !fd.fdmu.incref() {
		return nil, net.ErrClosed
	}
	defer fd.fdmu.decref()
	if fd.closedByOthers() {
		return nil, net.ErrClosed
	}
	p, err := fd.register()
	if err != nil {
		return nil, err
	}
	return &rawConn{fd, p}, nil
}

func (r *rawConn) Control(f func(fd uintptr)) error {
	if r.closed() {
		return net.ErrClosed
	}
	return r.fd.waitResult(r.p.raw.Control(f))
}

func (r *rawConn) Read(f func(fd uintptr) bool) error {
	for !r.closed() {
		set := r.p.set[Reading].Load()
		if err := r.p.raw.Read(f); err != os.ErrDeadlineExceeded || !r.restoreDeadline(Reading, set) {
			return r.fd.waitResult(err)
		}
	}
	return net.ErrClosed
}

func (r *rawConn) Write(f func(fd uintptr) bool) error {
	for !r.closed() {
		set := r.p.set[Writing].Load()
		if err := r.p.raw.Write(f); err != os.ErrDeadlineExceeded || !r.restoreDeadline(Writing, set) {
			return r.fd.waitResult(err)
		}
	}
	return net.ErrClosed
}

// closed tells whether we or others have closed the connection.
func (r *rawConn) closed() bool {
	if !r.fd.fdmu.incref() {
		return true
	}
	defer r.fd.fdmu.decref()
	return r.fd.closedByOthers()
}

// restoreDeadline tells whether the file's deadline was the idle limit's, left by an
// operation before, and puts the user's in its place. An operation that is about to
// wait puts it back.
// It may also have been set anew since it passed: set is how often it had been before.
func (r *rawConn) restoreDeadline(dir Direction, set uint32) bool {
	r.fd.mu.Lock()
	defer r.fd.mu.Unlock()
	if r.fd.Closed() {
		return false
	}
	if r.p.idleAt[dir].Load() == 0 {
		return r.p.set[dir].Load() != set
	}
	return r.p.setDeadline(dir, r.p.deadline[dir], 0) == nil
}
