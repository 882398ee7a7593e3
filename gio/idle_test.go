package gio_test

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// soon is an idle timeout that passes while a test waits for it.
const soon = 10 * time.Millisecond

// requireIdle wants the error of an idle timeout.
func requireIdle(t testing.TB, err error) {
	t.Helper()
	require.ErrorIs(t, err, gio.ErrIdleTimeout)
	require.ErrorContains(t, err, "idle")
	requireTimeout(t, err)
}

// waitingIn wants one goroutine to wait in the function.
func waitingIn(t testing.TB, function string) { t.Helper(); parked(t, function, 1) }

func TestIdleTimeoutEndsTheReadOfASilentPeer(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		svc := gio.NewSocketService(&gio.ServiceConfig{IdleTimeout: soon})
		defer svc.Close()
		addr, err := svc.Listen(network, address)
		require.NoError(t, err)
		errc := make(chan error, 2)
		serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
			_, err := c.Read(make([]byte, 1))
			errc <- err
			// A wait of its own, at the poller's place now.
			_ = c.SetReadDeadline(time.Now().Add(time.Hour))
			_, err = c.Read(make([]byte, 1))
			errc <- err
		})
		peer := dial(t, addr)
		requireIdle(t, receive(t, errc))
		requireIdle(t, receive(t, errc))
		requireEnd(t, peer)
	})
}

// Each way of waiting that a connection has.
func TestIdleTimeoutEndsEveryWait(t *testing.T) {
	much := make([]byte, 64<<20)
	file, _ := randomFile(t, len(much))
	for name, wait := range map[string]func(c *gio.SocketConnection) error{
		"Read": func(c *gio.SocketConnection) error {
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"Write": func(c *gio.SocketConnection) error {
			n, err := c.Write(much)
			if n == 0 {
				return io.ErrNoProgress // some went out
			}
			return err
		},
		"ReadFrom of a file": func(c *gio.SocketConnection) error {
			_, err := c.ReadFrom(file)
			return err
		},
		"ReceiveFile": func(c *gio.SocketConnection) error {
			_, err := c.ReceiveFile()
			return err
		},
		"ReceiveFiles": func(c *gio.SocketConnection) error {
			_, err := c.ReceiveFiles(3)
			return err
		},
		"ReceiveCredentials": func(c *gio.SocketConnection) error {
			_, err := c.ReceiveCredentials()
			return err
		},
		"SendCredentials": func(c *gio.SocketConnection) error {
			for {
				if err := c.SendCredentials(); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := socketPair(t)
			a.SetIdleTimeout(soon)
			requireIdle(t, wait(a))
		})
	}
	t.Run("TLS", func(t *testing.T) {
		a := newAuthority(t)
		client, server := tlsPair(t, a, a.server(t))
		server.SetIdleTimeout(soon)
		_, err := server.Read(make([]byte, 1))
		requireIdle(t, err)
		_, err = server.Write(much)
		requireIdle(t, err)
		server.SetIdleTimeout(0)
		_, err = client.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(server, make([]byte, 1))
		require.NoError(t, err, "the connection lives")
	})
}

func TestBytesInEitherDirectionPutTheIdleTimeoutOff(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		c.SetIdleTimeout(time.Hour)
		errc := reading(t, c)
		waitingIn(t, "gio.(*SocketConnection).Read")
		c.AgeIdle(59 * time.Minute)
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		c.AgeIdle(59 * time.Minute) // the Read waits for two hours, but the Write was later
		waitingIn(t, "gio.(*SocketConnection).Read")
		require.Empty(t, errc)
		c.AgeIdle(2 * time.Minute)
		requireIdle(t, receive(t, errc))

		// The same with a Write that waits and bytes that come.
		wrote := make(chan error, 1)
		go func() {
			_, err := c.Write(make([]byte, 64<<20))
			wrote <- err
		}()
		waitingIn(t, "gio.(*SocketConnection).Write")
		c.AgeIdle(59 * time.Minute)
		_, err = peer.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 1))
		require.NoError(t, err)
		c.AgeIdle(59 * time.Minute)
		waitingIn(t, "gio.(*SocketConnection).Write")
		c.AgeIdle(2 * time.Minute)
		requireIdle(t, receive(t, wrote))
	})
}

// A handler may think for as long as it likes: only waits count.
func TestIdleTimeoutDoesNotCountTheHandlersOwnTime(t *testing.T) {
	c, peer := pair(t, "tcp", "127.0.0.1:0")
	c.SetIdleTimeout(time.Hour)
	errc := reading(t, c)
	_, err := peer.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, receive(t, errc))
	c.AgeIdle(2 * time.Hour)
	errc = reading(t, c)
	waitingIn(t, "gio.(*SocketConnection).Read")
	c.AgeIdle(0)
	waitingIn(t, "gio.(*SocketConnection).Read")
	c.AgeIdle(time.Hour)
	requireIdle(t, receive(t, errc))
}

func TestAnIdleTimeoutLeavesTheDeadlines(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		c.SetIdleTimeout(time.Hour)
		idle := func() {
			t.Helper()
			errc := reading(t, c)
			waitingIn(t, "gio.(*SocketConnection).Read")
			c.AgeIdle(time.Hour)
			requireIdle(t, receive(t, errc))
		}
		idle()
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Hour)))
		idle()
		// Not at once, as with the deadline by which it was woken.
		errc := reading(t, c)
		waitingIn(t, "gio.(*SocketConnection).Read")
		_, err := peer.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, receive(t, errc))
		// The earlier one wins, and says what it was.
		require.NoError(t, c.SetReadDeadline(time.Now().Add(soon)))
		_, err = c.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.NotErrorIs(t, err, gio.ErrIdleTimeout)
		require.NoError(t, c.SetDeadline(past))
		_, err = c.Write([]byte("x"))
		requireTimeout(t, err)
		require.NoError(t, c.SetDeadline(time.Time{}))
		idle()
		c.SetIdleTimeout(0)
		errc = reading(t, c)
		waitingIn(t, "gio.(*SocketConnection).Read")
		c.AgeIdle(10 * time.Hour)
		waitingIn(t, "gio.(*SocketConnection).Read")
		require.NoError(t, c.SetReadDeadline(past))
		err = receive(t, errc)
		requireTimeout(t, err)
		require.NotErrorIs(t, err, gio.ErrIdleTimeout)
	})
}

// The limit may pass anywhere on the way to the poller.
func TestIdleTimeoutWhileAReadRegisters(t *testing.T) {
	for i := range 2000 {
		a, b, err := gio.SocketPair()
		require.NoError(t, err)
		a.SetIdleTimeout(time.Duration(1+20*i) * time.Nanosecond)
		_, err = a.Read(make([]byte, 1))
		requireIdle(t, err)
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
	}
}

// Deadlines are set, bytes come and the limit passes, all at once.
func TestIdleTimeoutsAndDeadlinesAtTheSameTime(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		c.SetIdleTimeout(time.Millisecond)
		stop := again(func() {
			_ = c.SetDeadline(time.Now().Add(time.Hour))
			c.SetIdleTimeout(time.Millisecond)
		})
		defer stop()
		sent := 0
		for got := 0; got < 50; {
			n, err := c.Read(make([]byte, 1))
			got += n
			if err != nil {
				requireIdle(t, err)
				_, err = peer.Write([]byte("x"))
				require.NoError(t, err)
				sent++
			}
		}
		stop()
		c.SetIdleTimeout(0)
		for got := 50; got < sent; got++ {
			_, err := io.ReadFull(c, make([]byte, 1))
			require.NoError(t, err)
		}
	})
}

func TestIdleTimeoutIsOfEveryConnectionButNetListeners(t *testing.T) {
	cfg := &gio.ServiceConfig{IdleTimeout: time.Hour}
	limits := make(chan time.Duration, 1)
	t.Run("Serve", func(t *testing.T) {
		svc, addr := newService(t, cfg)
		serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { limits <- c.IdleLimit() })
		dial(t, addr)
		require.Equal(t, time.Hour, receive(t, limits))
	})
	t.Run("ConnectIncoming", func(t *testing.T) {
		svc, addr := newService(t, cfg)
		svc.ConnectIncoming(func(c *gio.SocketConnection, _ any) bool {
			limits <- c.IdleLimit()
			return false
		})
		dial(t, addr)
		require.Equal(t, time.Hour, receive(t, limits))
	})
	t.Run("ConnectRun", func(t *testing.T) {
		svc, addr := newThreaded(t, 1, cfg)
		svc.ConnectRun(func(c *gio.SocketConnection, _ any) bool {
			limits <- c.IdleLimit()
			return false
		})
		dial(t, addr)
		require.Equal(t, time.Hour, receive(t, limits))
	})
	t.Run("Conns", func(t *testing.T) {
		svc, addr := newService(t, cfg)
		dial(t, addr)
		for c, err := range svc.Conns(t.Context()) {
			require.NoError(t, err)
			require.Equal(t, time.Hour, c.IdleLimit())
			require.NoError(t, c.Close())
			break
		}
	})
	t.Run("Accept and NetListener", func(t *testing.T) {
		svc, addr := newService(t, cfg)
		dial(t, addr)
		c, _, err := svc.Accept(t.Context())
		require.NoError(t, err)
		require.Equal(t, time.Hour, c.IdleLimit())
		require.NoError(t, c.Close())
		dial(t, addr)
		n, err := svc.NetListener().Accept()
		require.NoError(t, err)
		require.Zero(t, n.(*gio.SocketConnection).IdleLimit())
		require.NoError(t, n.Close())
	})
}

func TestCloseEndsTheIdleTimeout(t *testing.T) {
	c, _ := pair(t, "tcp", "127.0.0.1:0")
	c.SetIdleTimeout(time.Hour)
	errc := reading(t, c)
	waitingIn(t, "gio.(*SocketConnection).Read")
	require.NoError(t, c.Close())
	require.ErrorIs(t, receive(t, errc), net.ErrClosed)
	c.SetIdleTimeout(time.Minute)
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, net.ErrClosed)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// A Write that moves nothing is no sign of life: a peer that neither reads nor
// writes is idle, whatever is tried.
func TestWritesThatFailDoNotPutTheIdleTimeoutOff(t *testing.T) {
	c, _ := socketPair(t)
	fill(t, c)
	c.SetIdleTimeout(time.Hour)
	errc := reading(t, c)
	waitingIn(t, "gio.(*SocketConnection).Read")
	c.AgeIdle(59 * time.Minute)
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Millisecond)))
	n, err := c.Write([]byte("heartbeat"))
	requireTimeout(t, err)
	require.Zero(t, n)
	c.AgeIdle(time.Minute)
	requireIdle(t, receive(t, errc))
}

// The wait may be anywhere: with the service's connections at first, later at a
// place of its own.
func TestSetIdleTimeoutReachesWhatWaitsAlready(t *testing.T) {
	svc, addr := newService(t, nil)
	conns := make(chan *gio.SocketConnection, 1)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) { conns <- c.Detach() })
	peer := dial(t, addr)
	c := receive(t, conns)
	defer c.Close()
	for range 10 {
		errc := reading(t, c)
		waitingIn(t, "gio.(*SocketConnection).Read")
		c.SetIdleTimeout(soon)
		requireIdle(t, receive(t, errc))
		c.SetIdleTimeout(0)
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, c)
		copied <- err
	}()
	say(t, peer, "round")
	waitingIn(t, "gio.(*SocketConnection).ReadFrom")
	c.SetIdleTimeout(soon)
	requireIdle(t, receive(t, copied))
}

// The limit may pass before the connection is in a poller, where it could be woken.
func TestIdleTimeoutOfAnInstant(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{IdleTimeout: 5 * time.Microsecond})
	const total, atOnce = 500, 100
	errc := make(chan error, total)
	serve(t, svc, func(_ context.Context, c *gio.SocketConnection) {
		_, err := c.Read(make([]byte, 1))
		errc <- err
	})
	clients := make(chan struct{}, atOnce)
	for range total {
		clients <- struct{}{}
		go func() {
			defer func() { <-clients }()
			c, err := net.Dial("tcp", addr.String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = c.Read(make([]byte, 1))
		}()
	}
	for range total {
		requireIdle(t, receive(t, errc))
	}
}
