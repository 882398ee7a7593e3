package giostream

import "sync"

// claims is about operations that have a TLS stream to themselves. GIO refuses a read
// beside one as if it would block, and then a source for the socket may never fire:
// what there is to read may be inside GIO already. The zero value is ready for use.
type claims struct {
	mu   sync.Mutex // protects what follows; nothing is locked under it
	n    int        // how many have begun
	over chan struct{}
}

// begin is before the one; the function returned is for after it. There is one at a
// time.
func (c *claims) begin() (end func()) {
	over := make(chan struct{})
	c.mu.Lock()
	c.n++
	c.over = over
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.over = nil
		c.mu.Unlock()
		close(over)
	}
}

// claim is a moment.
type claim struct {
	n    int
	over chan struct{} // of the operation in progress, or nil
}

func (c *claims) now() claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return claim{c.n, c.over}
}

// since tells whether there was an operation at any time since then, and gives what is
// closed at its end, or nil when that was before.
func (c *claims) since(then claim) (over <-chan struct{}, was bool) {
	now := c.now()
	return now.over, then.over != nil || now.n != then.n
}
