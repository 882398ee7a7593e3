package giostream

import (
	"sync"
	"time"
)

// deadline ends waits that Go's poller knows nothing of. The zero value has no
// deadline.
type deadline struct {
	expire func() // called on each expiry, on some goroutine; immutable, may be nil

	mu      sync.Mutex // protects what follows
	timer   *time.Timer
	expired chan struct{} // closed when the deadline has passed
}

// done is closed once the deadline that is set now has passed.
func (d *deadline) done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.channel()
}

func (d *deadline) channel() chan struct{} {
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

// passed tells whether it has.
func (d *deadline) passed() bool {
	select {
	case <-d.done():
		return true
	default:
		return false
	}
}

// set replaces the deadline; the zero time means none. Who waits already is
// bound by the new one.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.expired // its function runs or has run
	}
	d.timer = nil
	select {
	case <-d.channel():
		if left := time.Until(t); t.IsZero() || left > 0 {
			d.expired = make(chan struct{})
		}
	default:
	}
	if t.IsZero() {
		return
	}
	expired := d.expired
	expire := func() {
		close(expired)
		if d.expire != nil {
			d.expire()
		}
	}
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, expire)
		return
	}
	select {
	case <-expired:
	default:
		expire()
	}
}
