package giostream

import (
	"context"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/netfd"
)

// shortestPause and longestPause are between two tries while something else goes on
// in a TLS stream. What this package does there never waits for the peer; a handshake
// or a close of GIO code may.
const (
	shortestPause = 20 * time.Microsecond
	longestPause  = 20 * time.Millisecond
)

// transfer is what a direction is busy with.
type transfer struct {
	buf  []byte
	err  error // of the last try
	once netfd.Attempt
}

// result is a try's as the descriptor wants it. An error ends the operation like
// anything that moves nothing.
func (tr *transfer) result(n int, err error) (int64, syscall.Errno) {
	if tr.err = err; err == native.ErrWouldBlock {
		return int64(n), syscall.EAGAIN
	}
	return int64(n), 0
}

// run makes tries until want bytes have moved or there is an end. A refused one is
// made again for as long as that takes: the descriptor looks each time whether a
// deadline has passed.
func (t *TLS) run(tr *transfer, dir netfd.Direction, b []byte) (done int, err error) {
	want := int64(len(b))
	if dir == netfd.Reading {
		want = 1
	}
	for pause := shortestPause; ; pause = min(2*pause, longestPause) {
		tr.buf, tr.err = b[done:], nil
		n, err := t.fd.Run(dir, want-int64(done), tr.once)
		tr.buf = nil
		done += int(n)
		if err != nil || tr.err != native.ErrRefused {
			return done, err
		}
		if dir == netfd.Reading && t.readClosed.Load() {
			return done, nil
		}
		time.Sleep(pause)
		if t.fd.Closed() {
			return done, net.ErrClosed
		}
	}
}

// Read reads what was decrypted. The caller holds Reading's lock.
func (t *TLS) Read(b []byte) (int, error) {
	if err := t.ready(context.Background(), &t.rdl); err != nil {
		return 0, err
	}
	if len(b) == 0 {
		return 0, nil
	}
	n, err := t.run(&t.rd, netfd.Reading, b)
	switch {
	case err != nil:
		return 0, err
	case t.rd.err != nil && t.readClosed.Load():
		return 0, io.EOF
	case t.rd.err != nil:
		return 0, t.rd.err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (t *TLS) tryRead(int64) (int64, syscall.Errno) {
	t.one.Lock()
	defer t.one.Unlock()
	return t.rd.result(t.stream.Read(t.rd.buf, native.Cancellable{}))
}

// Write encrypts and writes all of b. The caller holds Writing's lock.
func (t *TLS) Write(b []byte) (int, error) {
	n, err := 0, t.readyToWrite()
	left := len(t.rest) > 0 // of a Write before this one
	if err == nil && len(b) > 0 {
		n, err = t.send(b)
	}
	switch {
	case err == nil || t.wr.err != native.ErrWouldBlock:
	case t.fd.Closed():
		t.cut = true
	case !left:
		// TLS has made a record of this and will send that, whatever is written
		// next: it counts as written.
		t.rest = append([]byte(nil), b[n:min(len(b), n+maxRecord)]...)
		n += len(t.rest)
	}
	return n, err
}

// readyToWrite waits for the handshake and completes what a Write before this one
// left to TLS.
func (t *TLS) readyToWrite() error {
	err := t.ready(context.Background(), &t.wdl)
	if err == nil && len(t.rest) > 0 {
		var n int
		n, err = t.send(t.rest)
		t.rest = t.rest[n:]
	}
	return err
}

func (t *TLS) send(b []byte) (int, error) {
	n, err := t.run(&t.wr, netfd.Writing, b)
	if err == nil {
		err = t.wr.err
	}
	return n, err
}

func (t *TLS) tryWrite(done int64) (int64, syscall.Errno) {
	b := t.wr.buf[done:]
	return t.wr.result(t.stream.Write(b[:min(len(b), maxRecord)], native.Cancellable{}))
}
