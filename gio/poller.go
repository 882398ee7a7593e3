package gio

import "sync"

// pollerSlot has the shared poller of a listener's connections, made when one first
// waits.
type pollerSlot struct {
	mu     sync.Mutex // protects what follows; see listener for the order
	poller *parkingLot
	closed bool
}

func (s *pollerSlot) get() *parkingLot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.poller == nil && !s.closed {
		// Without a descriptor the connection's own place with Go's poller is tried,
		// and complains.
		s.poller, _ = newParkingLot()
	}
	return s.poller
}

// close is part of Close; connections that live on wait with Go's poller.
func (s *pollerSlot) close() {
	s.mu.Lock()
	p := s.poller
	s.poller, s.closed = nil, true
	s.mu.Unlock()
	if p != nil {
		p.close()
	}
}

func (l *listener) sharedPoller() *parkingLot { return l.poller.get() }
