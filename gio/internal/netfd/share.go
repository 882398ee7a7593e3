package netfd

import "github.com/glibserve/glibserve/gio/internal/sys"

// Shared tells whether others may have the open file description.
func (fd *FD) Shared() bool { return fd.modeShared.Load() }

// Share is called before others get the open file description: a duplicate, or the
// GSocket. They may make it a blocking one at any moment. Calls that have
// MSG_DONTWAIT don't care; splice(2) and sendfile(2) are bounded by timeouts from
// then on. Where GIO moves the bytes, as for TLS, byGIO has its calls bounded for good.
func (fd *FD) Share(byGIO bool) {
	if byGIO {
		_ = fd.Control(sys.BoundWaits)
	}
	if fd.modeShared.Load() {
		return
	}
	if !byGIO && !fd.unix {
		_ = fd.Control(sys.ClearReceiveTimeout)
	}
	fd.modeShared.Store(true)
	for i := range fd.ops {
		// What is under way was begun in our own mode and ends by itself.
		fd.ops[i].moving.Lock()
		fd.ops[i].moving.Unlock() //nolint:staticcheck // nothing is protected: this is the wait
	}
}
