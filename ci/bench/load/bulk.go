//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
)

// megabyte is the unit of bulk work.
const megabyte = 1e6

// bulk counts n bytes of c.
func (w *worker) bulk(c *conn, n int) {
	c.bytes += uint64(n)
	if w.win.is(measuring) {
		w.ops += float64(n) / megabyte
	}
	w.serve(c)
}

// filling sends without end to a sink, which says at the end how much it got.
type filling struct{}

// Level-triggered, one write for each event: a connection whose server keeps
// up would otherwise never let go.
func (filling) triggers(*conn) uint32 { return syscall.EPOLLOUT | syscall.EPOLLIN }

func (filling) begin(_ *worker, c *conn) error {
	c.bytes, c.out, c.got = 0, make([]byte, 8), 0
	return nil
}

func (f filling) event(w *worker, c *conn, events uint32) error {
	if events&^syscall.EPOLLOUT != 0 {
		return f.answer(w, c)
	}
	n, err := syscall.Write(c.fd, peer.Pattern())
	if err == syscall.EAGAIN {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	w.bulk(c, n)
	return nil
}

// answer reads the total, which comes after all has been sent and never before.
func (filling) answer(w *worker, c *conn) error {
	n, err := syscall.Read(c.fd, c.out[c.got:])
	switch {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("closed by the server")
	case !w.win.is(draining):
		return errors.New("the server answered before it had everything")
	}
	if c.got += n; c.got < len(c.out) {
		return nil
	}
	if total := binary.BigEndian.Uint64(c.out); total != c.bytes {
		return errors.New("the server did not get all the bytes that were sent")
	}
	w.hangUp(c)
	w.park(c)
	return nil
}

func (filling) resume(*worker, *conn) error { return nil } // never at a pace

func (filling) turn(w *worker, c *conn, phase int32) error {
	if phase != draining {
		return nil
	}
	ev := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.slot)}
	if err := syscall.EpollCtl(w.epoll, syscall.EPOLL_CTL_MOD, c.fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	if err := syscall.Shutdown(c.fd, syscall.SHUT_WR); err != nil {
		return fmt.Errorf("shutdown: %w", err)
	}
	return nil
}

// taking reads without end from a source.
type taking struct{}

func (taking) triggers(*conn) uint32 { return syscall.EPOLLIN }

func (taking) begin(_ *worker, c *conn) error {
	c.bytes = 0
	return nil
}

func (taking) event(w *worker, c *conn, _ uint32) error {
	pattern := peer.Pattern()
	at := int(c.bytes % uint64(len(pattern)))
	n, err := syscall.Read(c.fd, w.scratch[:len(pattern)-at])
	switch {
	case err == syscall.EAGAIN:
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return errors.New("closed by the server")
	case !bytes.Equal(w.scratch[:n], pattern[at:at+n]):
		return errors.New("what came is not what the server sends")
	}
	w.bulk(c, n)
	return nil
}

func (taking) resume(*worker, *conn) error { return nil }

func (taking) turn(w *worker, c *conn, phase int32) error {
	if phase == draining {
		w.hangUp(c)
		w.park(c)
	}
	return nil
}
