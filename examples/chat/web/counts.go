package web

import (
	"context"
	"time"
)

const (
	// counts is the Kind of the message with the rooms and how many are in each. One
	// comes at the beginning, and one after each change.
	counts = "counts"

	// countsPause is the least time between two of them: many who come at once must
	// not mean as many messages to everybody.
	countsPause = 200 * time.Millisecond
)

// count keeps the client told of the rooms until ctx is done.
func (s *session) count(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-s.welcomed:
	}
	var out batch
	for {
		rooms, more, changed := s.door.cfg.Hub.Counts()
		m := &message{Kind: counts, More: more}
		for _, room := range rooms {
			m.Rooms = append(m.Rooms, roomMessage(room))
		}
		if out.add(m) != nil {
			return
		}
		if _, left := s.client.Left(); left || s.send(out.take()) != nil {
			return // what write sends fails as well, and that ends it all
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(countsPause):
		}
	}
}
