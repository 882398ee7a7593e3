package gio_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
	objects "github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/test/elsewhere"
)

// asGotk4 is what a program has of a GSocketConnection. gotk4's own way to make it
// does not survive the race detector.
func asGotk4(object uintptr) *gotkgio.SocketConnection {
	return &gotkgio.SocketConnection{IOStream: gotkgio.IOStream{
		Object: objects.Wrap(*(*unsafe.Pointer)(unsafe.Pointer(&object))),
	}}
}

// adoptOf is NewSocketConnection of what gotk4 will keep for good.
func adoptOf(t testing.TB, wrapper *gotkgio.SocketConnection) *gio.SocketConnection {
	t.Helper()
	c, err := gio.NewSocketConnection(wrapper)
	require.NoError(t, err)
	wrapped.Add(1)
	return c
}

// adopt makes the library's connection of one that GIO code has, which stays its own.
func adopt(t testing.TB, object uintptr) *gio.SocketConnection {
	t.Helper()
	require.NotZero(t, object)
	t.Cleanup(func() { elsewhere.Close(object); elsewhere.Unref(object) })
	c := adoptOf(t, asGotk4(object))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// plainService is a GSocketService that the library knows nothing of.
func plainService(t testing.TB) elsewhere.Service {
	t.Helper()
	s := elsewhere.NewService()
	t.Cleanup(s.Free)
	require.NotZero(t, s.Port)
	return s
}

// fromService is a connection that a GSocketService elsewhere has accepted.
func fromService(t testing.TB) (object uintptr, c *gio.SocketConnection, peer net.Conn) {
	t.Helper()
	s := plainService(t)
	peer = dial(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(s.Port)})
	object = s.Accept()
	return object, adopt(t, object), peer
}

// fromClient is a connection that a GSocketClient elsewhere has made. Nobody holds
// another reference to it: a service does for a while after its emission.
func fromClient(t testing.TB) (object uintptr, peer net.Conn) {
	t.Helper()
	ln := listenNet(t, "tcp", "")
	object = elsewhere.Connect(tcpPort(ln.Addr()), false)
	require.NotZero(t, object)
	peer, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _ = peer.Close() })
	require.NoError(t, peer.SetDeadline(time.Now().Add(patience)))
	return object, peer
}

func TestAdoptedConnectionIsANetConn(t *testing.T) {
	s := plainService(t)
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		client := adopt(t, elsewhere.Connect(s.Port, false))
		server := adopt(t, s.Accept())
		return client, server, func() { _, _ = client.Close(), server.Close() }, nil
	})
}

func TestAdoptedConnectionIsExposedFromTheStart(t *testing.T) {
	_, c, peer := fromService(t)
	require.True(t, c.Exposed())
	require.Equal(t, peer.LocalAddr().String(), c.RemoteAddr().String())
	require.Equal(t, peer.RemoteAddr().String(), c.LocalAddr().String())
	require.True(t, c.IsConnected())
	require.Nil(t, c.Source())
	_, ok := c.TLS()
	require.False(t, ok)
}

// Both owners write whole messages at once, and then take turns in reading.
func TestBothOwnersReadAndWrite(t *testing.T) {
	object, c, peer := fromService(t)
	const messages, size = 200, 32
	var writers sync.WaitGroup
	for who, write := range map[byte]func(string) bool{
		'g': func(s string) bool { _, err := c.Write([]byte(s)); return err == nil },
		'c': func(s string) bool { return elsewhere.Write(object, s) },
	} {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for i := range messages {
				if !write(fmt.Sprintf("%c%0*d", who, size-1, i)) {
					t.Error("a write failed")
					return
				}
			}
		}()
	}
	next := map[byte]int{}
	b := make([]byte, size)
	for range 2 * messages {
		_, err := io.ReadFull(peer, b)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%c%0*d", b[0], size-1, next[b[0]]), string(b))
		next[b[0]]++
	}
	writers.Wait()
	for range 20 {
		_, err := peer.Write([]byte("for Go"))
		require.NoError(t, err)
		n, err := c.Read(b)
		require.NoError(t, err)
		require.Equal(t, "for Go", string(b[:n]))
		_, err = peer.Write([]byte("for GIO"))
		require.NoError(t, err)
		require.Equal(t, "for GIO", elsewhere.Read(object))
	}
}

// Both read at the same time: each byte goes to one of them, and nobody sleeps over
// what is there.
func TestBothOwnersReadAtOnce(t *testing.T) {
	object, c, peer := fromService(t)
	const total = 1 << 16
	var mu sync.Mutex
	got := 0
	all := make(chan struct{})
	count := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		if got += n; n > 0 && got == total {
			close(all)
		}
	}
	var readers sync.WaitGroup
	readers.Add(2)
	go func() {
		defer readers.Done()
		for b := make([]byte, 64); ; {
			n, err := c.Read(b)
			if count(n); err != nil {
				return
			}
		}
	}()
	go func() {
		defer readers.Done()
		for s := elsewhere.Read(object); s != ""; s = elsewhere.Read(object) {
			count(len(s))
		}
	}()
	for range total / 128 {
		_, err := peer.Write(make([]byte, 128))
		require.NoError(t, err)
	}
	receive(t, all)
	require.NoError(t, peer.Close())
	readers.Wait()
}

func TestCloseOfAnAdoptedConnectionIsForBoth(t *testing.T) {
	object, peer := fromClient(t)
	defer elsewhere.Unref(object)
	wrapper := asGotk4(object)
	before := elsewhere.RefCount(object)
	c := adoptOf(t, wrapper)
	require.Equal(t, before+1, elsewhere.RefCount(object), "a reference of its own")
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.Close(), net.ErrClosed)
	require.Equal(t, before, elsewhere.RefCount(object), "and no other")
	require.True(t, elsewhere.IsClosed(object))
	require.False(t, elsewhere.IsConnected(object))
	requireEnd(t, peer)
}

func TestGIOsCloseOfAnAdoptedConnectionEndsGosRead(t *testing.T) {
	object, c, peer := fromService(t)
	ended := reading(t, c)
	began := time.Now()
	require.True(t, elsewhere.Close(object))
	require.ErrorIs(t, receive(t, ended), net.ErrClosed)
	require.Less(t, time.Since(began), within)
	_, err := c.Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	requireEnd(t, peer)
	require.NoError(t, c.Close())
}

func TestCollectorLeavesAnAdoptedConnectionToGIO(t *testing.T) {
	object, peer := fromClient(t)
	wrapper := asGotk4(object)
	before := elsewhere.RefCount(object)
	adoptOf(t, wrapper)
	require.True(t, eventually(func() bool { collect(); return elsewhere.RefCount(object) == before }), "the reference is given up")
	requireKept(t, peer)
	require.True(t, elsewhere.Write(object, "GIO's"))
	b := make([]byte, 5)
	_, err := io.ReadFull(peer, b)
	require.NoError(t, err)
	require.True(t, elsewhere.Close(object))
	requireEnd(t, peer)
	elsewhere.Unref(object)
	runtime.KeepAlive(wrapper) // its references are counted above
}

func TestWhatCannotBeAdoptedSaysWhy(t *testing.T) {
	s := plainService(t)
	closed := elsewhere.Connect(s.Port, false)
	elsewhere.Unref(s.Accept())
	require.True(t, elsewhere.Close(closed))
	other, one := elsewhere.Connect(s.Port, false), elsewhere.Connect(s.Port, false)
	for range 2 {
		elsewhere.Unref(s.Accept())
	}
	for name, tt := range map[string]struct {
		object uintptr
		is     error
		text   string
	}{
		"closed":                  {closed, net.ErrClosed, "closed"},
		"not connected":           {elsewhere.Unconnected(), syscall.ENOTCONN, "not connected"},
		"datagrams":               {elsewhere.Datagram(), syscall.ESOCKTNOSUPPORT, "not a stream socket"},
		"a class of its own":      {elsewhere.Filtered(), errors.ErrUnsupported, "NewStreamConn"},
		"around another's socket": {elsewhere.Wrapper(one, other), errors.ErrUnsupported, "NewStreamConn"},
	} {
		require.NotZero(t, tt.object, name)
		wrapper := asGotk4(tt.object)
		before := elsewhere.RefCount(tt.object)
		_, err := gio.NewSocketConnection(wrapper)
		require.ErrorIs(t, err, tt.is, name)
		require.ErrorContains(t, err, tt.text, name)
		var op *net.OpError
		require.ErrorAs(t, err, &op, name)
		require.Equal(t, before, elsewhere.RefCount(tt.object), name)
		elsewhere.Close(tt.object)
		elsewhere.Unref(tt.object)
	}
	for _, object := range []uintptr{one, other} {
		elsewhere.Close(object)
		elsewhere.Unref(object)
	}
	for _, none := range []*gotkgio.SocketConnection{nil, {}} {
		_, err := gio.NewSocketConnection(none)
		require.ErrorContains(t, err, "nil connection")
	}
}

// Close waits for the peer where GIO code asked for that.
func TestAdoptedConnectionClosesGracefullyIfGIOCodeSaidSo(t *testing.T) {
	object, c, peer := fromService(t)
	elsewhere.SetGraceful(object)
	require.True(t, c.GracefulDisconnect())
	closed := make(chan error, 1)
	go func() { closed <- c.Close() }()
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
	_, err := peer.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	requireNothing(t, closed, "Close did not wait for the peer")
	require.NoError(t, peer.Close())
	require.NoError(t, receive(t, closed))
}

// GDBus reads and writes its stream on a thread of its own.
func TestGDBusGoesOnWithItsStreamAdopted(t *testing.T) {
	server, client, ok := elsewhere.DBus()
	require.True(t, ok)
	defer elsewhere.Unref(server)
	defer elsewhere.Unref(client)
	c := adopt(t, elsewhere.DBusStream(server))
	who, err := c.PeerCredentials()
	require.NoError(t, err)
	require.Equal(t, os.Getpid(), who.PID)
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Hour)))
	for range 10 {
		require.True(t, elsewhere.DBusPing(client))
		require.True(t, elsewhere.DBusPing(server))
	}
	require.True(t, c.IsConnected())
	require.True(t, elsewhere.DBusClose(client))
	// The other end has gone, which GDBus sees, and closes its stream.
	require.True(t, eventually(func() bool { return elsewhere.DBusIsClosed(server) }))
	_, err = c.Read(make([]byte, 1))
	require.True(t, err == io.EOF || errors.Is(err, net.ErrClosed), "got %v", err)
	require.NoError(t, c.Close())
}

// GIO code waits on a thread of its own, in poll(2), which keeps the socket open.
func TestCloseEndsWhatGIOCodeWaitsFor(t *testing.T) {
	for name, mine := range map[string]func(t *testing.T) (c *gio.SocketConnection, object uintptr, peer net.Conn){
		"adopted": func(t *testing.T) (*gio.SocketConnection, uintptr, net.Conn) {
			object, c, peer := fromService(t)
			return c, object, peer
		},
		"Native": func(t *testing.T) (*gio.SocketConnection, uintptr, net.Conn) {
			c, peer := pair(t, "tcp", "127.0.0.1:0")
			object := c.Native()
			elsewhere.Ref(object)
			t.Cleanup(func() { elsewhere.Unref(object) })
			return c, object, peer
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, object, peer := mine(t)
			ended := make(chan string, 1)
			go func() { ended <- elsewhere.Read(object) }()
			waiting(t, "elsewhere.Read", 1, "syscall")
			require.NoError(t, c.Close())
			requireEnd(t, peer)
			require.Empty(t, receive(t, ended))
		})
	}
}
