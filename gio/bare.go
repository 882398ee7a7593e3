package gio

import (
	"os"
	"sync/atomic"
	"syscall"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
)

// A TCP connection that was accepted in a rush is bare at first: a descriptor
// without GObjects. They are made when something is asked for that needs them,
// or when somebody else is to have them; most short connections end before.

// bareCounts are the bare connections that began and have not got GObjects, and
// those of them that ended; for debugLeaks.
var bareCounts struct{ begun, ended atomic.Int64 }

// counted tells how many connections were counted and how many of those have been
// finalized; one that ended without GObjects is both.
func counted() (accepted, finalized uint64) {
	a, f := native.Counted()
	return a + uint64(bareCounts.begun.Load()), f + uint64(bareCounts.ended.Load())
}

// begin is for a connection that came without GObjects: it does without, or gets
// them at once. TLS needs them, and a Unix socket may carry descriptors, with
// which closing may take any time.
func (c *conn) begin() error {
	if debugLeaks {
		bareCounts.begun.Add(1)
	}
	c.bare.Store(true)
	if c.family == syscall.AF_UNIX || c.tls.Load() != nil {
		_, err := c.objects()
		return err
	}
	return nil
}

// count is for debugLeaks, once there are GObjects.
func (c *conn) count() {
	if debugLeaks {
		c.native.Count()
	}
}

// objects returns the connection's GObjects, or why it can't have them. The caller
// holds life.
func (c *conn) objects() (native.Connection, error) {
	if c.bare.Load() {
		c.addrMu.Lock()
		defer c.addrMu.Unlock()
		if c.bare.Load() {
			n, err := native.NewConnection(int(c.fd))
			if err != nil {
				return native.Connection{}, os.NewSyscallError("socket", err)
			}
			c.native = n
			c.count()
			if debugLeaks {
				bareCounts.begun.Add(-1)
			}
			c.bare.Store(false)
		}
	}
	return c.native, nil
}

// closeObjects closes the stream and gives up the reference, or closes what there
// is instead. The caller holds life for writing.
func (c *conn) closeObjects() {
	if c.bare.Load() {
		if debugLeaks {
			bareCounts.ended.Add(1)
		}
		sys.Close(int(c.fd), !c.lingers && c.poll.file.Load() == nil)
		return
	}
	c.native.Close()
}
