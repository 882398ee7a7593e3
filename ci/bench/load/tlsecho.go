//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/proc"
)

// echoBlock sends a block and wants it back.
func echoBlock(conn net.Conn, size int) error {
	block := bytes.Repeat([]byte("TLS "), size/4+1)[:size]
	if _, err := conn.Write(block); err != nil {
		return fmt.Errorf("write: %w", cause(err))
	}
	back := make([]byte, size)
	if _, err := io.ReadFull(conn, back); err != nil {
		return fmt.Errorf("read: %w", cause(err))
	}
	if !bytes.Equal(back, block) {
		return errors.New("what came back is something else")
	}
	return nil
}

// echoOverTLS is a handshake and one block there and back.
func echoOverTLS(ctx context.Context, plain net.Conn, o *options) error {
	conn, err := handshake(ctx, plain)
	if err != nil {
		return err
	}
	if err := echoBlock(conn, o.size); err != nil {
		return err
	}
	_ = conn.Close() // says close_notify; the server may have gone already
	return nil
}

// garbage is what comes to every port: no TLS, of 26 bytes. How the server ends it is
// its good right.
func garbage(_ context.Context, plain net.Conn, _ *options) error {
	if _, err := io.WriteString(plain, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return fmt.Errorf("write: %w", cause(err))
	}
	_, err := io.Copy(io.Discard, plain)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		return errors.New("the server says nothing and does not hang up")
	}
	return nil
}

// runTLSIdle measures what TLS connections cost that do nothing.
func runTLSIdle(ctx context.Context, o *options) (*report.Report, error) {
	if o.pid <= 0 {
		return nil, errors.New("-work tls-idle needs -pid")
	}
	r := &report.Report{}
	before, err := restOverTLS(ctx, o, r, maxOpening)
	if err != nil {
		return r, err
	}
	after, err := restOverTLS(ctx, o, r, o.conns)
	if err != nil {
		return r, err
	}
	r.Ops, r.Seconds = float64(o.conns), o.length.Seconds()
	r.PerConn = float64(after.RSS-before.RSS) / float64(o.conns)
	return r, fillMemory(r, o.pid)
}

// restOverTLS opens connections, uses each once, lets them rest and reads the server's
// memory; then it uses each once more and closes them.
func restOverTLS(ctx context.Context, o *options, r *report.Report, n int) (m proc.Memory, err error) {
	conns := make([]*tls.Conn, n)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	each := func(f func(i int) error) error {
		const together = 8
		errs := make(chan error, together)
		var all sync.WaitGroup
		for first := range together {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := first; i < n; i += together {
					if err := f(i); err != nil {
						errs <- err
						return
					}
				}
			}()
		}
		all.Wait()
		close(errs)
		return <-errs
	}
	err = each(func(i int) error {
		t, err := newTarget(o.addr, i%200)
		if err != nil {
			return err
		}
		plain, err := dialFrom(ctx, t, o)
		if err != nil {
			return err
		}
		if conns[i], err = handshake(ctx, plain); err != nil {
			_ = plain.Close()
			return err
		}
		return echoBlock(conns[i], o.size)
	})
	if err != nil {
		r.Count(err.Error(), 1)
		return m, err
	}
	if !newWindow().sleep(ctx, o.length) {
		return m, ctx.Err()
	}
	if m, err = proc.ReadMemory(o.pid); err != nil {
		return m, err
	}
	return m, each(func(i int) error {
		if err := conns[i].SetDeadline(time.Now().Add(drainTime)); err != nil {
			return err
		}
		return echoBlock(conns[i], o.size)
	})
}
