package netfd

import (
	"os"
	"sync"
	"sync/atomic"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// objects are the GObjects around a descriptor. One that Go accepted has none at
// first: they are made when something asks for what needs them, or when somebody
// else is to have them; most short connections end before.
type objects struct {
	state  atomic.Uint32
	native native.Connection // written before state says that it is there

	mu sync.Mutex // held while they are made; nothing is locked under it
}

// The states, each of which implies those before it. exposedObjects is stored
// after native: whoever sees it may use that.
const (
	noObjects      = iota
	madeObjects    // ours alone
	exposedObjects // others may have them, and close them
)

// CountConnections has every connection count from then on until GObject finalizes
// it; for GLIBSERVE_DEBUG=leaks and tests.
var CountConnections atomic.Bool

// withoutObjects are the connections that began without GObjects and have not got
// any, and those of them that ended, while CountConnections is set.
var withoutObjects struct{ begun, ended atomic.Int64 }

// Counted tells how many connections were counted and how many of those have
// ended: GObject has finalized them, or they never had objects.
func Counted() (accepted, finalized uint64) {
	a, f := native.Counted()
	return a + uint64(withoutObjects.begun.Load()), f + uint64(withoutObjects.ended.Load())
}

func (o *objects) init(n native.Connection) {
	counts := CountConnections.Load()
	switch {
	case !n.Valid():
		if counts {
			withoutObjects.begun.Add(1)
		}
		return
	case counts:
		n.Count()
	}
	o.native = n
	o.state.Store(madeObjects)
}

func (o *objects) exposed() bool { return o.state.Load() == exposedObjects }

// HasObjects tells whether there are GObjects.
func (fd *FD) HasObjects() bool { return fd.objects.state.Load() != noObjects }

// Exposed tells whether others may have the GObjects.
func (fd *FD) Exposed() bool { return fd.objects.exposed() }

// Objects returns the GObjects, which are made if there are none, or why there
// can't be any. The caller holds a reference.
func (fd *FD) Objects() (native.Connection, error) {
	o := &fd.objects
	if o.state.Load() != noObjects {
		return o.native, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state.Load() == noObjects {
		n, err := native.NewConnection(int(fd.sysfd))
		if err != nil {
			return native.Connection{}, os.NewSyscallError("socket", err)
		}
		o.native = n
		if CountConnections.Load() {
			n.Count()
			withoutObjects.begun.Add(-1)
		}
		o.state.Store(madeObjects)
	}
	return o.native, nil
}

// Destroy closes the descriptor, and the stream with it, or, when closeStream is
// false, gives up the reference to the GObjects alone: then they are somebody
// else's to close. It is the end of Close, after Evict.
func (fd *FD) Destroy(closeStream bool) {
	switch n := fd.Surrender(); {
	case !n.Valid():
		if CountConnections.Load() {
			withoutObjects.ended.Add(1)
		}
		sys.Close(int(fd.sysfd), !fd.lingers && fd.poller.Load() == nil)
	case closeStream:
		n.Close()
	default:
		n.Unref()
	}
}

// Surrender is Destroy for who closes the GObjects, if there are any. The reference
// is the caller's then.
func (fd *FD) Surrender() native.Connection {
	fd.unwatch()
	n := fd.objects.native
	fd.objects.native = native.Connection{}
	return n
}
