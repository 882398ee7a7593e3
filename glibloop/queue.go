package glibloop

import (
	"sync"
	"sync/atomic"
)

// item is a posted function and the place it was posted at, a return address.
type item struct {
	fn func()
	pc uintptr
}

// block is a piece of the queue: a burst grows it without copying, and leaves
// little behind. It fills 2 KiB.
type block struct {
	next  *block
	n     int
	items [126]item
}

// keepBlocks bounds the memory that a burst leaves behind.
const keepBlocks = 32

// queue is a Loop's FIFO. Posters append to in; the thread that owns the
// context takes all of it over into out and serves itself there, so that
// posters and loop meet at the lock once for a batch and not for every function.
type queue struct {
	// mu guards what follows, and orders the owner's fields below between one
	// owning thread and the next. It is never held while a function runs.
	mu      sync.Mutex
	in      *block // the oldest
	last    *block
	free    *block
	nfree   int
	posted  uint64 // functions ever posted
	closed  bool   // nothing is accepted any more
	pending *int32 // core.pending

	// signalled is what *pending says. It stays set while a batch runs, so that
	// posters do not wake a loop that is awake, and is cleared together with
	// finding the queue empty.
	signalled bool

	// Only the owner of the context touches these. They are fields, not locals
	// of the drain, because a nested main loop goes on where the outer one is.
	out   *block
	head  int    // next in out
	taken uint64 // functions ever started
}

// push appends it; the caller wakes the loop if wake is set.
func (q *queue) push(it item) (wake, ok bool) {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false, false
	}
	wake = q.add(it)
	q.mu.Unlock()
	return wake, true
}

// add is push for a caller that holds mu and has seen that closed is not set.
func (q *queue) add(it item) (wake bool) {
	b := q.last
	if b == nil || b.n == len(b.items) {
		b = q.grow()
	}
	b.items[b.n] = it
	b.n++
	q.posted++
	return q.signal()
}

// grow appends a block to in. The caller holds mu.
func (q *queue) grow() *block {
	b := q.free
	if b != nil {
		q.free, b.next = b.next, nil
		q.nfree--
	} else {
		b = new(block)
	}
	if q.last == nil {
		q.in = b
	} else {
		q.last.next = b
	}
	q.last = b
	return b
}

// signal asks for a dispatch. The caller holds mu, and wakes the loop if true.
func (q *queue) signal() bool {
	if q.signalled {
		return false
	}
	q.signalled = true
	atomic.StoreInt32(q.pending, 1)
	return true
}

// advance puts the next block into out when that is used up. When there is
// none it takes the signal back and reports false.
func (q *queue) advance() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b := q.out; b != nil {
		q.out = b.next
		if q.nfree < keepBlocks {
			b.next, b.n = q.free, 0
			q.free = b
			q.nfree++
		}
	}
	if q.out == nil {
		q.out, q.in, q.last = q.in, nil, nil
	}
	q.head = 0
	if q.out != nil {
		return true
	}
	q.signalled = false
	atomic.StoreInt32(q.pending, 0)
	return false
}

// take is the next function; false when there is none.
func (q *queue) take() (item, bool) {
	if (q.out == nil || q.head == q.out.n) && !q.advance() {
		return item{}, false
	}
	slot := &q.out.items[q.head]
	it := *slot
	*slot = item{} // do not keep what it refers to
	q.head++
	q.taken++
	return it, true
}

// begin makes the caller, who owns the context, see what the previous owner of
// it wrote.
func (q *queue) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
}
