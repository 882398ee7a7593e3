package gio

import (
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Held is how many accepted connections nobody has asked for yet.
func (s *SocketService) Held() int {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return len(s.l.pull.held)
}

// Serving tells whether Serve has begun.
func (s *SocketService) Serving() bool {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	return s.l.pull.serve != nil
}

// Live is how many connections are in the books.
func (s *SocketService) Live() int {
	s.l.live.Lock()
	defer s.l.live.Unlock()
	return s.l.live.n
}

// Handling is how many handlers of Serve and run are in progress.
func (s *SocketService) Handling() int {
	s.l.live.Lock()
	defer s.l.live.Unlock()
	return s.l.live.handling
}

// Paused tells the library's own reasons not to accept, as C has them.
func (s *SocketService) Paused() (reasons uint32) {
	_ = s.l.call(func() error {
		reasons = uint32(s.l.native.Pauses())
		return nil
	})
	return reasons
}

// Two of them.
const (
	PauseDescriptors = uint32(native.PauseDescriptors)
	PauseMaxConns    = uint32(native.PauseMaxConns)
)

// WaitForHandlers waits until n handlers are in progress.
func WaitForHandlers(t testing.TB, s *SocketService, n int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); s.Handling() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d handlers in progress, want %d", s.Handling(), n)
		}
	}
}
