//go:build linux

package load

import (
	"fmt"
	"io"
	"time"

	"github.com/glibserve/glibserve/ci/soak/wire"
)

// greeting waits until a handler has the connection.
func (v *visit) greeting() error {
	var b [wire.GreetingSize]byte
	if _, err := io.ReadFull(v.conn, b[:]); err != nil {
		return fmt.Errorf("waiting for the greeting: %w", err)
	}
	id, err := wire.Greeting(b[:])
	if err != nil || id != v.place.Service {
		return fmt.Errorf("%w: the greeting is % x", errCorrupt, b)
	}
	v.greeted = true
	return nil
}

// say sends the header and, in the same segment if it is small, the payload.
func (v *visit) say(h wire.Header, up *wire.Stream, n int) error {
	b := v.w.buffer[:wire.HeaderSize+n]
	h.Put(b)
	up.Fill(b[wire.HeaderSize:])
	return v.send(b, n)
}

func (v *visit) send(b []byte, payload int) error {
	if _, err := v.conn.Write(b); err != nil {
		return fmt.Errorf("sending: %w", err)
	}
	v.count.Up += uint64(payload)
	return nil
}

// pour sends n bytes in pieces.
func (v *visit) pour(up *wire.Stream, n, piece int, pause func()) error {
	for n > 0 {
		b := v.w.buffer[:min(n, piece)]
		up.Fill(b)
		if err := v.send(b, len(b)); err != nil {
			return err
		}
		n -= len(b)
		pause()
	}
	return nil
}

// reply wants the server to have got all that was sent.
func (v *visit) reply(up *wire.Stream) error {
	var b [wire.ReplySize]byte
	if _, err := io.ReadFull(v.conn, b[:]); err != nil {
		return fmt.Errorf("waiting for the reply: %w", err)
	}
	got, err := wire.ReadReply(b[:])
	if err != nil {
		return fmt.Errorf("%w: the server got %+v of %+v: %w", errCorrupt, got, up.Reply(), err)
	}
	if got != up.Reply() {
		return fmt.Errorf("%w: the server got %+v of %+v", errCorrupt, got, up.Reply())
	}
	return nil
}

// drink takes n bytes in pieces and checks each.
func (v *visit) drink(down *wire.Stream, n, piece int, pause func()) error {
	for n > 0 {
		got, err := v.conn.Read(v.w.buffer[:min(n, piece)])
		if !down.Check(v.w.buffer[:got]) {
			return fmt.Errorf("%w, after %d that were right", errCorrupt, down.Reply().Bytes)
		}
		v.count.Down += uint64(got)
		n -= got
		if err != nil && n > 0 {
			return fmt.Errorf("%d bytes are missing: %w", n, err)
		}
		pause()
	}
	return nil
}

// end wants the server's clean end, with nothing after what was due.
func (v *visit) end() error {
	n, err := v.conn.Read(v.w.buffer[:1])
	if n > 0 {
		return fmt.Errorf("%w: more than was due", errCorrupt)
	}
	if err != io.EOF {
		return fmt.Errorf("waiting for the end: %w", err)
	}
	return nil
}

func atOnce() {}

// pauses makes short pauses of up to d, and none any more once the service is
// about to be closed or the load to pause.
func (v *visit) pauses(d time.Duration) func() {
	hurried := v.w.load.hurried()
	return func() {
		select {
		case <-v.entry.hurry:
		case <-hurried:
		case <-time.After(time.Duration(v.w.random.Int64N(int64(d)))):
		}
	}
}
