package netfd

import (
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// Once others may have the GObjects, the descriptor is theirs to close at any
// moment, and its number may be another file's right after. So FD uses the poller's
// duplicate alone from then on, inside the poller's functions, where nobody can
// close that; and it asks the GSocket whether it is still open.

// lookEvery is how often somebody looks whether GIO code has closed a GSocket. It
// tells nobody, and the peer sees no end while there is a duplicate.
const lookEvery = 250 * time.Millisecond

// stepTime is how long a system call that does not wait may take. A goroutine may
// lose its thread in the middle of it.
const stepTime = 10 * time.Millisecond

// Expose is Objects for somebody else to have them.
func (fd *FD) Expose() (native.Connection, error) {
	n, err := fd.Objects()
	if err != nil || fd.objects.exposed() {
		return n, err
	}
	fd.Share(false)
	fd.expose()
	for dir := Reading; dir <= Writing; dir++ {
		fd.awaitStep(dir)
	}
	return n, nil
}

// expose is called before others have the objects.
func (fd *FD) expose() {
	_, err := fd.register()
	fd.mu.Lock()
	if !fd.objects.exposed() {
		if err != nil { // no descriptor: what needs one asks again, and must know it
			fd.inode = sys.Inode(int(fd.sysfd))
		}
		fd.objects.state.Store(exposedObjects)
	}
	fd.wakeShared()
	fd.mu.Unlock()
	watched.add(fd)
}

// awaitStep waits until no operation uses the descriptor's number any more: one
// that goes on does so in the poller's hands. TLS, which holds the lock as well,
// does not use it.
func (fd *FD) awaitStep(dir Direction) {
	for end := time.Now().Add(stepTime); fd.fdmu.locked(dir) && !fd.ops[dir].polling.Load() && time.Now().Before(end); {
		runtime.Gosched()
	}
}

// exposed is the number for a step of an operation. EAGAIN sends those who are not
// in the poller's hands there.
func (fd *FD) exposed(dir Direction) (int, syscall.Errno) {
	switch {
	case !fd.ops[dir].polling.Load():
		return -1, syscall.EAGAIN
	case fd.closedByOthers():
		return -1, syscall.EBADF
	}
	return fd.poller.Load().fd, 0
}

// number is the number for a step of an operation in any state.
func (fd *FD) number(dir Direction) (int, syscall.Errno) {
	if fd.objects.exposed() {
		return fd.exposed(dir)
	}
	return int(fd.sysfd), 0
}

// closedByOthers tells whether GIO code has closed the GSocket. The first to notice
// has the duplicate closed: the peer sees the end, and who waits gets net.ErrClosed.
// The caller holds a reference.
func (fd *FD) closedByOthers() bool {
	if !fd.objects.exposed() || !fd.lost.Load() && fd.objects.native.FD() >= 0 {
		return false
	}
	if fd.lost.CompareAndSwap(false, true) {
		go fd.lose() // it waits for who is inside a RawConn's function
	}
	return true
}

// Control calls f with a number of the descriptor that is good until f returns.
func (fd *FD) Control(f func(fd int)) error {
	if !fd.fdmu.incref() {
		return net.ErrClosed
	}
	defer fd.fdmu.decref()
	if !fd.objects.exposed() {
		f(int(fd.sysfd))
		return nil
	}
	if fd.closedByOthers() {
		return net.ErrClosed
	}
	p, err := fd.register()
	if err != nil {
		return err
	}
	return fd.waitResult(p.raw.Control(func(n uintptr) { f(int(n)) }))
}

// waitResult is the error of a poller's function. It is net.ErrClosed also where
// GIO code was the one who closed.
func (fd *FD) waitResult(err error) error {
	if err != nil && (fd.Closed() || fd.lost.Load()) {
		return net.ErrClosed
	}
	return bareError(err)
}

func (fd *FD) lose() {
	fd.mu.Lock()
	p, w := fd.poller.Load(), fd.watch
	fd.mu.Unlock()
	if w != nil {
		w.Close()
	}
	if p != nil {
		_ = p.file.Close()
	}
}

func (fd *FD) unwatch() {
	if fd.objects.exposed() {
		watched.remove(fd)
	}
}

// watchList are the descriptors whose GObjects others may close.
type watchList struct {
	mu      sync.Mutex // protects what follows; nothing is locked under it
	fds     map[*FD]struct{}
	running bool
}

var watched = watchList{fds: make(map[*FD]struct{})}

func (w *watchList) add(fd *FD) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fds[fd] = struct{}{}
	// A timer of a bubble of testing/synctest ends with that.
	if !w.running && !native.InBubble(time.Now()) {
		w.running = true
		time.AfterFunc(lookEvery, w.look)
	}
}

func (w *watchList) remove(fd *FD) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.fds, fd)
}

func (w *watchList) look() {
	w.mu.Lock()
	fds := make([]*FD, 0, len(w.fds))
	for fd := range w.fds {
		fds = append(fds, fd)
	}
	if w.running = len(fds) > 0; w.running {
		time.AfterFunc(lookEvery, w.look)
	}
	w.mu.Unlock()
	for _, fd := range fds {
		if !fd.fdmu.incref() {
			continue
		}
		if fd.closedByOthers() {
			w.remove(fd)
		}
		fd.fdmu.decref()
	}
}
