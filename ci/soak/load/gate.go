//go:build linux

package load

import "sync"

// gate knows when a service is closed for a while, of which the load is told
// before and after: only then may a client be refused or cut.
type gate struct {
	mu         sync.Mutex
	soft, hard uint64        // changes of the service's being closed; odd: it is now. hard: without waiting for handlers
	hurry      chan struct{} // closed: those that take long should come to an end
}

// entry is the state of a gate when a connection began.
type entry struct {
	soft, hard uint64
	hurry      <-chan struct{}
}

func newGate() *gate { return &gate{hurry: make(chan struct{})} }

func (g *gate) enter() entry {
	g.mu.Lock()
	defer g.mu.Unlock()
	return entry{g.soft, g.hard, g.hurry}
}

// turn is called before the service is closed and after it is open again.
func (g *gate) turn(graceful bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.soft++
	if !graceful {
		g.hard++
	}
	if g.soft%2 == 1 {
		close(g.hurry)
	} else {
		g.hurry = make(chan struct{})
	}
}

// excuses tells whether a connection may have been cut. One that a handler
// greeted is cut by Close, and not by Shutdown, which waits for the handler.
func (g *gate) excuses(e entry, greeted bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	hard := e.hard%2 == 1 || g.hard != e.hard
	soft := e.soft%2 == 1 || g.soft != e.soft
	return hard || soft && !greeted
}
