package gio_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// events collects what a handler is told; the loop's thread writes, inside a
// call that the test waits for.
type events []string

func (e *events) note(event gio.ListenerEvent, addr net.Addr) {
	*e = append(*e, event.String()+" "+addr.String())
}

func TestEventsComeInOrder(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l := gio.NewSocketListener(nil)
		defer l.Close()
		var got events
		require.NotZero(t, l.ConnectEvent(got.note))
		addr, err := l.Listen(network, address)
		require.NoError(t, err)
		require.Equal(t, events{
			"binding " + address,
			"bound " + addr.String(),
			"listening " + addr.String(),
			"listened " + addr.String(),
		}, got)
	})
}

func TestListenedMeansThatClientsCanConnect(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	var errs []error
	l.ConnectEvent(func(event gio.ListenerEvent, addr net.Addr) {
		switch event {
		case gio.ListenerBound:
			_, err := net.Dial(addr.Network(), addr.String())
			if err == nil {
				err = fmt.Errorf("connected before listening")
			} else {
				err = nil
			}
			errs = append(errs, err)
		case gio.ListenerListened:
			c, err := net.Dial(addr.Network(), addr.String())
			if err == nil {
				err = c.Close()
			}
			errs = append(errs, err)
		}
	})
	loopback(t, l, nil)
	require.Equal(t, []error{nil, nil}, errs)
}

func TestFailureStopsTheEvents(t *testing.T) {
	taken, addr := listenOn(t, "tcp", "127.0.0.1:0")
	defer taken.Close()
	l := gio.NewSocketListener(nil)
	defer l.Close()
	var got events
	l.ConnectEvent(got.note)
	_, err := l.Listen("tcp", addr.String())
	require.Error(t, err)
	require.Equal(t, events{"binding " + addr.String()}, got)
}

func TestInetPortEmitsEvents(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	count := map[gio.ListenerEvent]int{}
	l.ConnectEvent(func(event gio.ListenerEvent, addr net.Addr) {
		require.NotNil(t, addr)
		count[event]++
	})
	_, err := l.AddAnyInetPort(nil)
	require.NoError(t, err)
	n := len(l.Addrs())
	require.Equal(t, n, count[gio.ListenerListened])
	require.GreaterOrEqual(t, count[gio.ListenerBinding], n)
}

func TestAddedSocketsEmitNoEvent(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	l.ConnectEvent(func(event gio.ListenerEvent, addr net.Addr) { t.Error(event, addr) })
	ln := listenNet(t, "unix", filepath.Join(t.TempDir(), "s"))
	require.NoError(t, l.AddListener(ln, nil))
	require.NoError(t, l.AddFile(fileOf(t, ln), nil))
	require.Len(t, l.Addrs(), 2)
}

func TestEventHandlersRunInOrderUntilDisconnected(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	var got []int
	note := func(i int) func(gio.ListenerEvent, net.Addr) {
		return func(event gio.ListenerEvent, _ net.Addr) {
			if event == gio.ListenerListened {
				got = append(got, i)
			}
		}
	}
	handles := []gio.SignalHandle{l.ConnectEvent(note(0)), l.ConnectEvent(note(1)), l.ConnectEvent(note(2))}
	loopback(t, l, nil)
	require.Equal(t, []int{0, 1, 2}, got)
	l.Disconnect(handles[1])
	l.Disconnect(handles[1]) // once more is no trouble
	l.Disconnect(12345)
	l.Disconnect(0)
	got = nil
	loopback(t, l, nil)
	require.Equal(t, []int{0, 2}, got)
}

func TestHandlerMayDisconnectItself(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	n := 0
	var h gio.SignalHandle
	h = l.ConnectEvent(func(gio.ListenerEvent, net.Addr) {
		n++
		l.Disconnect(h)
	})
	loopback(t, l, nil)
	require.Equal(t, 1, n)
}

func TestEventHandlersAreOnTheLoop(t *testing.T) {
	loop := givenLoop(t)
	l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
	defer l.Close()
	n := 0
	l.ConnectEvent(func(gio.ListenerEvent, net.Addr) {
		if loop.OnLoop() {
			n++
		}
	})
	loopback(t, l, nil)
	require.Equal(t, 4, n)
}

// A handler that listens on one more address gets in the middle of the first.
func TestEventHandlerMayListen(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{UnixMode: 0o600})
	defer svc.Close()
	var inner net.Addr
	svc.ConnectEvent(func(event gio.ListenerEvent, addr net.Addr) {
		if event == gio.ListenerBound && addr.Network() == "unix" {
			inner = loopback(t, &svc.SocketListener, "inner")
		}
	})
	path := filepath.Join(t.TempDir(), "s")
	outer, err := svc.AddAddress(&net.UnixAddr{Name: path, Net: "unix"}, "outer")
	require.NoError(t, err)
	require.Equal(t, path, outer.String())
	require.ElementsMatch(t, []net.Addr{inner, outer}, svc.Addrs())
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), fi.Mode().Perm())
	for want, addr := range map[string]net.Addr{"inner": inner, "outer": outer} {
		require.Equal(t, want, sourceOf(t, &svc.SocketListener, addr))
	}
}

func TestPanicOfAnEventHandlerIsLogged(t *testing.T) {
	l := gio.NewSocketListener(&gio.ListenerConfig{Logger: quiet})
	defer l.Close()
	n := 0
	l.ConnectEvent(func(gio.ListenerEvent, net.Addr) { panic("of a handler") })
	l.ConnectEvent(func(gio.ListenerEvent, net.Addr) { n++ })
	addr := loopback(t, l, nil)
	require.Equal(t, 4, n)
	requireServed(t, l, addr)
}

func TestDisconnectWhileAnotherGoroutineCloses(t *testing.T) {
	loop := givenLoop(t)
	for range 20 {
		l := gio.NewSocketListener(&gio.ListenerConfig{Loop: loop})
		var handles []gio.SignalHandle
		_, err := glibloop.Call(t.Context(), loop, func() (int, error) { // one trip, not hundreds
			for range 300 {
				handles = append(handles, l.ConnectEvent(func(gio.ListenerEvent, net.Addr) {}))
			}
			return 0, nil
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for j := i; j < len(handles); j += 3 {
					l.Disconnect(handles[j])
				}
			}()
		}
		require.NoError(t, l.Close())
		wg.Wait()
	}
}
