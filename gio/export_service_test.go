package gio

import (
	"testing"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// Held is how many accepted connections nobody has asked for yet.
func (s *SocketService) Held() int {
	s.l.queue.mu.Lock()
	defer s.l.queue.mu.Unlock()
	return len(s.l.queue.pending)
}

// Serving tells whether Serve has begun.
func (s *SocketService) Serving() bool {
	sv, _ := s.l.queue.servers()
	return sv != nil
}

// Asked tells whether a goroutine waits for a client.
func (s *SocketService) Asked() bool { return s.l.queue.waits() }

// Live is how many connections are in the table.
func (s *SocketService) Live() int { return s.l.conns.count() }

// Handling is how many handlers of Serve and run are in progress.
func (s *SocketService) Handling() int {
	s.l.conns.mu.Lock()
	defer s.l.conns.mu.Unlock()
	return s.l.conns.handling
}

// Paused tells why nobody accepts, or why the accept loops wait.
func (s *SocketService) Paused() (reasons native.Reasons) {
	_ = s.l.call(func() error {
		_, reasons = s.l.wanted()
		if s.l.mode.short.Load() {
			reasons |= native.PauseDescriptors
		}
		if s.l.conns.full() {
			reasons |= native.PauseMaxConns
		}
		return nil
	})
	return reasons
}

// Two of them.
const (
	PauseDescriptors = native.PauseDescriptors
	PauseMaxConns    = native.PauseMaxConns
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
