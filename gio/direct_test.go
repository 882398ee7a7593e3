package gio_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// byGIO has GIO accept all clients, and directly the library where it may.
func byGIO(t *testing.T)    { t.Cleanup(gio.LeaveToGIO(true)) }
func directly(t *testing.T) { t.Cleanup(gio.LeaveToGIO(false)) }

// servingDirectly is serve, in direct mode.
func servingDirectly(t *testing.T, svc *gio.SocketService, f gio.HandlerFunc) <-chan error {
	t.Helper()
	directly(t)
	errc := serve(t, svc, f)
	requireDirect(t, svc)
	return errc
}

// requireDirect waits until goroutines accept.
func requireDirect(t *testing.T, svc *gio.SocketService) {
	t.Helper()
	require.Eventually(t, svc.InDirect, patience, time.Millisecond)
}

// A connection is the same, however it was accepted.
func TestConnectionsAcceptedDirectly(t *testing.T) {
	directly(t)
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	type sourced struct {
		conn   *gio.SocketConnection
		source any
	}
	served := make(chan sourced, 16)
	var addrs []net.Addr
	want := map[string]any{}
	for i, network := range []string{"tcp", "unix", "unix"} {
		var addr net.Addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
		if network == "unix" {
			name := []string{filepath.Join(t.TempDir(), "s"), abstract(t)}[i-1]
			addr = &net.UnixAddr{Name: name, Net: "unix"}
		}
		source := &struct{ n int }{i}
		got, err := svc.AddAddress(addr, source)
		require.NoError(t, err)
		addrs = append(addrs, got)
		want[got.String()] = source
	}
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(ctx context.Context, c *gio.SocketConnection) {
			served <- sourced{c, c.Source()}
			echo(ctx, c)
		}))
	}()
	requireDirect(t, svc)
	for range 3 {
		for _, addr := range addrs {
			peer := dial(t, addr)
			say(t, peer, "directly")
			got := receive(t, served)
			require.Same(t, want[addr.String()], got.source)
			require.Equal(t, addr.String(), got.conn.LocalAddr().String())
			require.Equal(t, peer.LocalAddr().String() == "", got.conn.RemoteAddr().String() == "")
			if addr.Network() == "tcp" {
				require.Equal(t, peer.LocalAddr().String(), got.conn.RemoteAddr().String())
				require.Equal(t, 1, option(t, got.conn, syscall.IPPROTO_TCP, syscall.TCP_NODELAY))
			}
			require.NoError(t, peer.Close())
		}
		require.True(t, svc.InDirect())
	}
}

// Whoever could see an emission has it from the moment that the call returns.
func TestDirectModeEndsForThoseWhoWouldSeeAnEmission(t *testing.T) {
	t.Run("ConnectIncoming", func(t *testing.T) {
		svc, addr := newService(t, nil)
		servingDirectly(t, svc, echo)
		for range 20 {
			seen := make(chan struct{}, 1)
			h := svc.ConnectIncoming(func(*gio.SocketConnection, any) bool {
				seen <- struct{}{}
				return false
			})
			require.False(t, svc.InDirect())
			say(t, dial(t, addr), "seen, and served")
			receive(t, seen)
			svc.Disconnect(h)
			requireDirect(t, svc)
		}
	})
	t.Run("Gotk4", func(t *testing.T) {
		svc, addr := newService(t, nil)
		servingDirectly(t, svc, echo)
		active := false
		require.NoError(t, svc.Loop().Call(context.Background(), func() error {
			active = svc.Gotk4().IsActive()
			return nil
		}))
		require.True(t, active)
		require.False(t, svc.InDirect())
		say(t, dial(t, addr), "by GIO")
		rounds(t, addr, 500, 8)
		require.False(t, svc.InDirect())
	})
	t.Run("AddAddress", func(t *testing.T) {
		svc, addr := newService(t, nil)
		servingDirectly(t, svc, echo)
		for range 20 {
			more, err := svc.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			say(t, dial(t, more), "new")
			say(t, dial(t, addr), "old")
			requireDirect(t, svc)
		}
	})
}

// When Stop returns nobody accepts, and nobody is lost.
func TestStopInDirectMode(t *testing.T) {
	svc, addr := newService(t, nil)
	var n atomic.Int64
	servingDirectly(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		n.Add(1)
		echo(ctx, c)
	})
	underFire(t, svc, addr, func() {
		for range 200 {
			svc.Stop()
			require.False(t, svc.InDirect())
			require.False(t, svc.IsActive())
			svc.Start()
			_ = eventually(svc.InDirect)
		}
	})
	svc.Stop()
	gio.WaitForHandlers(t, svc, 0)
	before := n.Load()
	waiting := dial(t, addr)
	time.Sleep(20 * time.Millisecond) // in which nothing may happen
	require.Equal(t, before, n.Load())
	svc.Start()
	say(t, waiting, "served after all")
}

// Accept has its clients in direct mode as well, and no more than it asks for.
func TestAcceptInDirectMode(t *testing.T) {
	directly(t)
	svc, addr := newService(t, nil)
	requireServed(t, &svc.SocketListener, addr)
	requireDirect(t, svc)
	for range 100 {
		requireServed(t, &svc.SocketListener, addr)
	}
	require.True(t, svc.InDirect())
	require.Eventually(t, func() bool { return svc.OpenConns() == 0 }, patience, time.Millisecond)
	peers := []net.Conn{dial(t, addr), dial(t, addr), dial(t, addr)}
	time.Sleep(20 * time.Millisecond) // in which nothing may happen
	require.LessOrEqual(t, svc.OpenConns(), 1, "nobody asks")
	for range peers {
		c, _, err := svc.Accept(context.Background())
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
}

// A client that comes when Accept gives up is the next Accept's.
func TestAcceptThatGivesUpInDirectModeLosesNobody(t *testing.T) {
	directly(t)
	svc, addr := newService(t, nil)
	stop := make(chan struct{})
	lost := hammer(t, addr, 4, stop)
	ended := make(chan struct{})
	var direct atomic.Int64
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%50)*10*time.Microsecond)
			c, _, err := svc.Accept(ctx)
			cancel()
			if svc.InDirect() {
				direct.Add(1)
			}
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				go func() {
					echo(context.Background(), c)
					_ = c.Close()
				}()
			}
		}
	}()
	require.True(t, eventually(func() bool { return direct.Load() > 500 }))
	close(stop)
	served, missed := lost()
	require.Zero(t, missed)
	require.Positive(t, served)
	require.NoError(t, svc.Close())
	<-ended
}

func TestNetListenerInDirectMode(t *testing.T) {
	directly(t)
	svc, addr := newService(t, nil)
	ln := svc.NetListener()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		acceptEach(ln, echoConn)
	}()
	requireDirect(t, svc)
	rounds(t, addr, 500, 8)
	underFire(t, svc, addr, func() {
		for range 100 {
			svc.Stop()
			require.False(t, svc.InDirect())
			svc.Start()
		}
	})
	say(t, dial(t, addr), "quiet")
	require.NoError(t, svc.Close())
	<-ended
}

func TestMaxConnsInDirectMode(t *testing.T) {
	const limit = 5
	svc, addr := newService(t, &gio.ServiceConfig{MaxConns: limit})
	var now, most atomic.Int64
	servingDirectly(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		echo(ctx, c)
		now.Add(-1) // before it is closed, which lets the next one in
	})
	stop := again(svc.Sync) // while some are being accepted
	rounds(t, addr, 3000, 4*limit)
	stop()
	require.LessOrEqual(t, most.Load(), int64(limit))
	require.Positive(t, most.Load())
	say(t, dial(t, addr), "one more")
}

// The duplicates of the listening sockets are gone when Close returns: nobody
// can connect, and the port is free.
func TestCloseInDirectMode(t *testing.T) {
	for range 20 {
		svc, addr := newService(t, nil)
		errc := servingDirectly(t, svc, echo)
		peer := dial(t, addr)
		say(t, peer, "in")
		require.NoError(t, svc.Close())
		_, err := net.Dial(addr.Network(), addr.String())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		requireEnd(t, peer)
		require.ErrorIs(t, receive(t, errc), gio.ErrServiceClosed)
	}
}

// Serve after Serve: no client is lost in between.
func TestServeEndsInDirectMode(t *testing.T) {
	svc, addr := newService(t, nil)
	servingUntil := func(f gio.HandlerFunc) context.CancelFunc {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- svc.Serve(ctx, f) }()
		return func() {
			cancel()
			require.ErrorIs(t, receive(t, ended), context.Canceled)
			require.True(t, eventually(func() bool { return !svc.InDirect() }))
		}
	}
	directly(t)
	stop := make(chan struct{})
	lost := hammer(t, addr, 4, stop)
	for range 50 {
		end := servingUntil(echo)
		_ = eventually(svc.InDirect)
		end()
	}
	serve(t, svc, echo)
	close(stop)
	served, missed := lost()
	require.Zero(t, missed)
	require.Positive(t, served)
}

// What was accepted is served to its end.
func TestShutdownInDirectMode(t *testing.T) {
	svc, addr := newService(t, nil)
	release := make(chan struct{})
	servingDirectly(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
		b := make([]byte, 1)
		if _, err := c.Read(b); err == nil {
			<-release
			_, _ = c.Write(b)
		}
	})
	var peers []net.Conn
	for range 50 {
		peers = append(peers, dial(t, addr))
		_, err := peers[len(peers)-1].Write([]byte("x"))
		require.NoError(t, err)
	}
	gio.WaitForHandlers(t, svc, len(peers))
	done := make(chan error, 1)
	go func() { done <- svc.Shutdown(context.Background()) }()
	require.True(t, eventually(func() bool { return !svc.InDirect() }))
	close(release)
	for _, peer := range peers {
		_, err := peer.Read(make([]byte, 1))
		require.NoError(t, err)
	}
	require.NoError(t, receive(t, done))
}

func TestOutOfDescriptorsInDirectMode(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
	servingDirectly(t, svc, echo)
	kept := dial(t, addr)
	say(t, kept, "in before")
	gio.WaitForHandlers(t, svc, 1)
	limitDescriptors(t, 512)
	var socks [8]int
	for i := range socks {
		socks[i] = rawSocket(t)
	}
	free := takeAllDescriptors(t)
	for _, s := range socks {
		rawConnect(t, s, addr)
	}
	require.True(t, eventually(func() bool { return svc.Paused()&gio.PauseDescriptors != 0 }))
	before := cpuTime(t)
	const interval = 300 * time.Millisecond
	time.Sleep(interval) // what is measured, not a wait
	require.Less(t, cpuTime(t)-before, interval/2)
	say(t, kept, "goes on")
	free()
	for _, s := range socks {
		rawSay(t, s, "served")
	}
	require.True(t, eventually(func() bool { return svc.Paused()&gio.PauseDescriptors == 0 }))
}

// The accept loops wait before the last descriptor is taken, as GIO's accept does in
// the other mode.
func TestDirectModeLeavesDescriptorsToOthers(t *testing.T) {
	svc, addr := newService(t, &gio.ServiceConfig{Logger: quiet})
	limitDescriptors(t, 512)
	servingDirectly(t, svc, echo)
	var socks []int
	for range 250 {
		socks = append(socks, rawSocket(t))
	}
	for _, s := range socks {
		rawConnect(t, s, addr)
	}
	require.True(t, eventually(func() bool { return svc.Paused()&gio.PauseDescriptors != 0 }))
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	for _, s := range socks {
		require.NoError(t, syscall.Shutdown(s, syscall.SHUT_WR))
	}
	require.True(t, eventually(func() bool { return svc.Paused()&gio.PauseDescriptors == 0 }))
	say(t, dial(t, addr), "again")
}
