package lines_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/shared/servertest"
	"github.com/glibserve/glibserve/gio"
)

// patience is how long anything may take that should be there at once.
const patience = servertest.Patience

// server is a door on a listening socket.
type server struct {
	t      *testing.T
	addr   net.Addr
	cancel context.CancelFunc // ends the context of every Serve
	done   sync.WaitGroup     // the running Serves
	ended  chan struct{}      // one for each Serve that returned
}

// testLog shows the server's log when a test fails.
type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", line)
	return len(line), nil
}

// where is what a test is run on: the sockets of the library, and those of
// package net, because a door must do with any net.Conn.
type where struct{ sockets, network string }

// each runs a test everywhere.
func each(t *testing.T, test func(t *testing.T, on where)) {
	for _, on := range []where{{"gio", "tcp"}, {"gio", "unix"}, {"net", "tcp"}, {"net", "unix"}} {
		t.Run(on.sockets+" "+on.network, func(t *testing.T) {
			t.Parallel()
			test(t, on)
		})
	}
}

func serve(t *testing.T, on where, cfg lines.Config) *server {
	t.Helper()
	address := "127.0.0.1:0"
	if on.network == "unix" {
		address = t.TempDir() + "/s"
	}
	cfg.Logger = slog.New(slog.NewTextHandler(testLog{t}, nil))
	door := lines.New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{t: t, cancel: cancel, ended: make(chan struct{}, 1000)}
	handle := func(conn net.Conn) {
		door.Serve(ctx, conn, hub.Origin{Door: on.network})
		s.ended <- struct{}{}
	}
	var stop func() error
	if on.sockets == "gio" {
		stop = s.listenGIO(on.network, address, handle)
	} else {
		stop = s.listenNet(on.network, address, handle)
	}
	t.Cleanup(func() {
		cancel()
		require.NoError(t, stop())
		s.wait()
	})
	return s
}

func (s *server) listenGIO(network, address string, handle func(net.Conn)) (stop func() error) {
	svc := gio.NewSocketService(nil)
	addr, err := svc.Listen(network, address)
	require.NoError(s.t, err)
	s.addr = addr
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) { handle(conn) }))
	}()
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return svc.Shutdown(ctx)
	}
}

func (s *server) listenNet(network, address string, handle func(net.Conn)) (stop func() error) {
	ln, err := net.Listen(network, address)
	require.NoError(s.t, err)
	s.addr = ln.Addr()
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.done.Add(1)
			go func() {
				defer s.done.Done()
				defer conn.Close()
				handle(conn)
			}()
		}
	}()
	return ln.Close
}

// wait waits until every Serve has returned.
func (s *server) wait() {
	s.t.Helper()
	done := make(chan struct{})
	go func() { s.done.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		require.Fail(s.t, "a Serve does not return")
	}
}

func (s *server) dial() *servertest.Peer {
	s.t.Helper()
	return servertest.Dial(s.t, s.addr)
}

// enter is dial, past the greeting, under a name.
func (s *server) enter(name string) *servertest.Peer {
	s.t.Helper()
	p := s.dial()
	p.Send("/nick %s\n", name)
	p.Expect("You are " + name + " now.")
	return p
}
