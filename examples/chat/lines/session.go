package lines

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
)

const (
	// chunk is about how much is collected for one write.
	chunk = 16 << 10

	// maxKept is the largest buffer that a session keeps while it waits. A
	// history needs more; a line does not.
	maxKept = 4 << 10
)

// session is one client on one connection: read runs on one goroutine, write
// on another, and the rest is how each of them ends the other.
type session struct {
	door   *Door
	conn   net.Conn
	client *hub.Client

	mu      sync.Mutex // guards the two below, so that no deadline replaces an end
	ending  bool       // reading is over: no read deadline is set any more
	flushBy time.Time  // when all must have been written; zero: no such time yet
}

// past is a deadline that has been.
var past = time.Unix(1, 0)

// read hands the client's lines to the hub. It returns io.EOF when the peer
// sent all it had to send, nil when the client has left, and what else ended
// the connection.
func (s *session) read() error {
	lines := newReader(s.conn)
	for {
		if err := s.armIdle(); err != nil {
			return err
		}
		line, err := lines.next()
		switch {
		case errors.Is(err, hub.ErrLineTooLong):
			s.client.Refuse(err)
		case errors.Is(err, os.ErrDeadlineExceeded):
			if s.isEnding() {
				return nil
			}
			idle := s.door.cfg.IdleTimeout
			s.client.Leave(fmt.Sprintf("idle for %v", idle), fmt.Sprintf("Nothing came from you for %v, so this connection ends. Goodbye.", idle))
		case err != nil:
			return err
		default:
			s.client.Input(string(line))
		}
		if _, left := s.client.Left(); left {
			return nil
		}
	}
}

// armIdle gives the client IdleTimeout for its next line.
func (s *session) armIdle() error {
	if s.door.cfg.IdleTimeout == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return nil
	}
	return s.conn.SetReadDeadline(time.Now().Add(s.door.cfg.IdleTimeout))
}

// endReading makes read return, now and whenever it looks again.
func (s *session) endReading() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	_ = s.conn.SetReadDeadline(past)
}

func (s *session) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// boundFlush gives a client that has left WriteTimeout to take the rest, all
// together: one that reads a byte now and then would otherwise be served
// until the end of its queue.
func (s *session) boundFlush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushBy = time.Now().Add(s.door.cfg.WriteTimeout)
	_ = s.conn.SetWriteDeadline(s.flushBy)
}

// armWrite gives the client WriteTimeout for one write.
func (s *session) armWrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.flushBy.IsZero() {
		return nil
	}
	return s.conn.SetWriteDeadline(time.Now().Add(s.door.cfg.WriteTimeout))
}

// write sends what the hub queues until there is no more, and returns nil
// when all of it was sent.
func (s *session) write() error {
	var events []*hub.Event
	var text []byte
	for {
		var err error
		events, err = s.client.Next(events)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i, e := range events {
			text = Append(text, e, s.client.ID())
			if len(text) < chunk && i < len(events)-1 {
				continue
			}
			if err := s.send(text); err != nil {
				return err
			}
			text = text[:0]
		}
		if cap(text) > maxKept {
			text = nil
		}
	}
}

func (s *session) send(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	if err := s.armWrite(); err != nil {
		return err
	}
	if _, err := s.conn.Write(text); err != nil {
		// Nobody is there to read; the others should know why.
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.client.Leave(hub.ErrTooSlow.Error(), "")
		} else {
			s.client.Leave("connection lost", "")
		}
		return err
	}
	return nil
}
