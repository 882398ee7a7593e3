//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
)

// shaker makes TLS connections, one after the other, until the window is over.
type shaker struct {
	win      *window
	target   *target
	began    time.Time
	lat      hist
	ops      float64
	failures map[string]int
	failed   int

	exchange exchange
}

// exchange is what is done with a connection before it is closed.
type exchange func(ctx context.Context, plain net.Conn, o *options) error

// runExchanges measures connections with one exchange each, o.conns at once.
func runExchanges(ctx context.Context, o *options, f exchange) (*report.Report, error) {
	win := newWindow()
	var ended sync.WaitGroup
	shakers := make([]*shaker, o.conns)
	for i := range shakers {
		t, err := newTarget(o.addr, i%200)
		if err != nil {
			return nil, err
		}
		s := &shaker{win: win, target: t, began: time.Now(), failures: map[string]int{}, exchange: f}
		shakers[i] = s
		ended.Add(1)
		go func() {
			defer ended.Done()
			s.run(ctx, o)
		}()
	}
	// Go's crypto/tls is spread over all processors.
	all := *o
	all.threads = runtime.GOMAXPROCS(0)
	r := &report.Report{}
	err := win.measure(ctx, &all, r)
	win.phase.Store(draining)
	ended.Wait()

	var lat hist
	for _, s := range shakers {
		r.Ops += s.ops
		lat.merge(&s.lat)
		for reason, n := range s.failures {
			r.Count(reason, n)
		}
	}
	r.P50, r.P99 = lat.quantile(0.5), lat.quantile(0.99)
	if err == nil && win.aborted() {
		err = errTooMany
	}
	return r, err
}

func (s *shaker) run(ctx context.Context, o *options) {
	for s.win.phase.Load() < draining && ctx.Err() == nil {
		from := time.Since(s.began)
		if err := s.shake(ctx, o); err != nil {
			s.failures[err.Error()]++
			if s.failed++; s.failed > maxFailures/10 {
				s.win.giveUp()
				return
			}
			continue
		}
		if s.win.is(measuring) {
			s.ops++
			s.lat.add(int64(time.Since(s.began) - from))
		}
	}
}

// shake makes one connection.
func (s *shaker) shake(ctx context.Context, o *options) error {
	plain, err := dialFrom(ctx, s.target, o)
	if err != nil {
		return err
	}
	defer plain.Close()
	return s.exchange(ctx, plain, o)
}

// dialFrom connects from the target's source address.
func dialFrom(ctx context.Context, t *target, o *options) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout:   drainTime,
		LocalAddr: &net.TCPAddr{IP: net.IP(t.source().Addr[:])},
		Control: func(_, _ string, raw syscall.RawConn) error {
			var err error
			return errors.Join(raw.Control(func(fd uintptr) {
				err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, bindAddressNoPort, 1)
			}), err)
		},
	}
	plain, err := dialer.DialContext(ctx, "tcp4", o.addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", cause(err))
	}
	return plain, plain.SetDeadline(time.Now().Add(drainTime))
}

// handshake is a full one: a new session each time. What is measured is work, not
// trust: the certificate was made for this run.
func handshake(ctx context.Context, plain net.Conn) (*tls.Conn, error) {
	conn := tls.Client(plain, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", cause(err))
	}
	if conn.ConnectionState().DidResume {
		return nil, errors.New("handshake: an old session was resumed")
	}
	return conn, nil
}

// requestOverTLS: the request proves that the server has completed the handshake as
// well, which the client alone cannot see in TLS 1.3.
func requestOverTLS(ctx context.Context, plain net.Conn, _ *options) error {
	conn, err := handshake(ctx, plain)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return fmt.Errorf("request: %w", cause(err))
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("answer: %w", cause(err))
	}
	if !strings.HasPrefix(string(answer), fmt.Sprintf("HTTP/1.1 %d ", http.StatusOK)) {
		return fmt.Errorf("the answer is not 200 OK but %.20q", answer)
	}
	return nil
}

// cause is an error without the addresses, which differ each time, so that
// equal ones are counted together.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
