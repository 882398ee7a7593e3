package netfd

import (
	"sync"
	"sync/atomic"
)

// Direction is the side of a descriptor that an operation is about.
type Direction uint8

// The directions.
const (
	Reading Direction = iota
	Writing
)

// The bits of fdMutex.word. The lock and wait bits are Reading's; Writing's are
// one further up.
const (
	closedBit = 1 << 0 // no operation begins any more
	lastBit   = 1 << 1 // Close waits for the last reference
	lockBit   = 1 << 2
	waitBit   = 1 << 4 // somebody waits for the lock; changed under contention.mu
	reference = 1 << 8 // the rest counts references
)

// fdMutex keeps operations and Close apart, as internal/poll's fdMutex does:
// reads are serialised among themselves, and so are writes; each operation holds
// a reference, and Close waits for the last one. Everything is one atomic word:
// an operation that nobody contends with costs one compare-and-swap on its way
// in and one on its way out.
//
// The locks of the two directions come before FD.mu. Who needs both takes
// Reading's first.
type fdMutex struct {
	word atomic.Uint64
	slow atomic.Pointer[contention]
}

// contention is where those wait who find a lock taken. It is made for the first
// of them and kept.
type contention struct {
	mu    sync.Mutex // protects queue and the wait bits; nothing is locked under it
	queue [2][]*gate
	last  *gate // where Close waits; set before lastBit
}

// gate holds one goroutine up until somebody opens it, once. It is no channel and
// no sync.Cond: the runtime ends the process when one of these is used both inside
// and outside a bubble of testing/synctest, and a connection may be.
type gate struct{ mu sync.RWMutex }

func newGate() *gate {
	g := &gate{}
	g.mu.Lock()
	return g
}

// wait is RLock, not Lock, which would spin first.
func (g *gate) wait() {
	g.mu.RLock()
	g.mu.RUnlock() //nolint:staticcheck // nothing is protected: this is the wait
}

func (g *gate) open() { g.mu.Unlock() }

// incref takes a reference; false when closed.
func (m *fdMutex) incref() bool {
	for {
		old := m.word.Load()
		if old&closedBit != 0 {
			return false
		}
		if m.word.CompareAndSwap(old, old+reference) {
			return true
		}
	}
}

// decref gives up a reference.
func (m *fdMutex) decref() {
	if now := m.word.Add(^uint64(reference - 1)); now&closedBit != 0 {
		m.left(now)
	}
}

// lock takes the lock of a direction, and a reference; false when closed.
func (m *fdMutex) lock(dir Direction) bool {
	if old := m.word.Load(); old&(closedBit|lockBit<<dir) == 0 &&
		m.word.CompareAndSwap(old, (old|lockBit<<dir)+reference) {
		return true
	}
	return m.lockSlow(dir)
}

func (m *fdMutex) lockSlow(dir Direction) bool {
	for {
		old := m.word.Load()
		switch {
		case old&closedBit != 0:
			return false
		case old&(lockBit<<dir) != 0:
			m.await(dir)
		case m.word.CompareAndSwap(old, (old|lockBit<<dir)+reference):
			return true
		}
	}
}

// unlock gives up what lock took.
func (m *fdMutex) unlock(dir Direction) {
	// Adding the two's complement clears the bit, which is set, and takes the
	// reference away at once.
	now := m.word.Add(^uint64(lockBit<<dir + reference - 1))
	if now&(closedBit|waitBit<<dir) != 0 {
		if now&(waitBit<<dir) != 0 {
			m.wake(dir)
		}
		m.left(now)
	}
}

// locked tells whether an operation of the direction is in progress.
func (m *fdMutex) locked(dir Direction) bool { return m.word.Load()&(lockBit<<dir) != 0 }

func (m *fdMutex) closed() bool { return m.word.Load()&closedBit != 0 }

// await waits until the lock of the direction was given up, or nearly.
func (m *fdMutex) await(dir Direction) {
	c := m.contention()
	c.mu.Lock()
	for {
		old := m.word.Load()
		if old&closedBit != 0 || old&(lockBit<<dir) == 0 {
			c.mu.Unlock()
			return
		}
		if m.word.CompareAndSwap(old, old|waitBit<<dir) {
			break
		}
	}
	g := newGate()
	c.queue[dir] = append(c.queue[dir], g)
	c.mu.Unlock()
	g.wait()
}

// wake has the first of those who wait try again.
func (m *fdMutex) wake(dir Direction) {
	c := m.contention()
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queue[dir]
	if len(q) == 0 {
		return // Close was there first
	}
	q[0].open()
	c.queue[dir] = q[1:]
	if len(q) == 1 {
		c.queue[dir] = nil
		m.word.And(^uint64(waitBit << dir))
	}
}

// close lets no operation begin any more and refuses those who wait for a lock;
// false when that was done before.
func (m *fdMutex) close() bool {
	old := m.word.Or(closedBit)
	if old&closedBit != 0 {
		return false
	}
	if old&(waitBit<<Reading|waitBit<<Writing) != 0 {
		c := m.contention()
		c.mu.Lock()
		defer c.mu.Unlock()
		for dir, q := range c.queue {
			for _, g := range q {
				g.open()
			}
			c.queue[dir] = nil
		}
		m.word.And(^uint64(waitBit<<Reading | waitBit<<Writing))
	}
	return true
}

// awaitLast waits until there is no reference; it is for whoever closed.
func (m *fdMutex) awaitLast() {
	for {
		old := m.word.Load()
		if old < reference {
			return
		}
		c := m.contention()
		c.last = newGate()
		if m.word.CompareAndSwap(old, old|lastBit) {
			c.last.wait()
			return
		}
	}
}

// left is called when a reference was given up after close, with the word as it
// was then.
func (m *fdMutex) left(now uint64) {
	if now < reference && now&lastBit != 0 {
		m.slow.Load().last.open()
	}
}

func (m *fdMutex) contention() *contention {
	if c := m.slow.Load(); c != nil {
		return c
	}
	m.slow.CompareAndSwap(nil, &contention{})
	return m.slow.Load()
}
