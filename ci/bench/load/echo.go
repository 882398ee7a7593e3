//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
)

// echoing sends blocks and waits for each to come back, on connections that
// stay or, with churn, on a new one each time.
type echoing struct {
	size  int
	churn bool
}

// edge is EPOLLET, which package syscall has as a negative number.
const edge = 1 << 31

func (e *echoing) triggers(c *conn) uint32 {
	if c.sent == e.size && e.size <= smallWrite {
		return edge | syscall.EPOLLIN | syscall.EPOLLRDHUP
	}
	return edge | syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLOUT
}

// smallWrite always fits the socket's buffer, which is empty then.
const smallWrite = 4 << 10

func (e *echoing) begin(_ *worker, c *conn) error {
	if c.out == nil {
		c.out = make([]byte, e.size)
		for i := range c.out {
			c.out[i] = byte(rand.Uint32())
		}
	}
	return e.next(c)
}

// next begins an operation. What is sent differs for each, so that an echo of
// something else is noticed.
func (e *echoing) next(c *conn) error {
	c.seq++
	binary.LittleEndian.PutUint32(c.out, uint32(c.slot))
	binary.LittleEndian.PutUint64(c.out[4:], c.seq)
	c.sent, c.got = 0, 0
	return e.write(c)
}

func (e *echoing) write(c *conn) error {
	for c.sent < e.size {
		n, err := syscall.Write(c.fd, c.out[c.sent:])
		if err == syscall.EAGAIN { // epoll will say when
			return nil
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		c.sent += n
	}
	return nil
}

func (e *echoing) event(w *worker, c *conn, events uint32) error {
	if c.got == e.size { // it rests
		if events&^syscall.EPOLLOUT != 0 {
			return errors.New("closed by the server")
		}
		return nil
	}
	for {
		// Each time round: the server may wait for room to send before it reads on.
		if err := e.write(c); err != nil {
			return err
		}
		n, err := syscall.Read(c.fd, w.scratch[:min(e.size-c.got, len(w.scratch))])
		switch {
		case err == syscall.EAGAIN:
			return nil
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case n == 0:
			return errors.New("closed by the server")
		case c.got+n > c.sent, !bytes.Equal(w.scratch[:n], c.out[c.got:c.got+n]):
			return errors.New("the echo is not what was sent")
		}
		if c.got += n; c.got == e.size {
			return e.complete(w, c)
		}
	}
}

// complete goes on to the next operation.
func (e *echoing) complete(w *worker, c *conn) error {
	now := w.now()
	if e.churn {
		w.hangUp(c)
	}
	w.done(c, now)
	switch phase := w.win.phase.Load(); {
	case phase >= draining:
		w.park(c)
	case w.pace.limits() && (e.churn || phase > opening):
		w.pace.wait(c)
	case e.churn:
		w.connect(c)
	case phase > opening:
		c.began = now
		return e.next(c)
	}
	return nil
}

// resume begins the next operation of a connection that waited for its turn. One
// that failed meanwhile has been replaced, and is busy.
func (e *echoing) resume(w *worker, c *conn) error {
	switch {
	case e.churn && c.fd < 0:
		w.connect(c)
	case !e.churn && c.got == e.size:
		c.began = w.now()
		return e.next(c)
	}
	return nil
}

// turn wakes the connections that rest; at the end they are used once more,
// and must still work. Those with an operation under way complete it.
func (e *echoing) turn(w *worker, c *conn, phase int32) error {
	if c.got < e.size {
		return nil
	}
	if w.pace.limits() && phase < draining {
		w.pace.wait(c)
		return nil
	}
	c.began = w.now()
	return e.next(c)
}
