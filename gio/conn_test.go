package gio_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
)

var names atomic.Int64

// abstract is the address of an abstract Unix socket that nobody else has.
func abstract(t testing.TB) string {
	t.Helper()
	return "@glibserve-test-" + strconv.Itoa(os.Getpid()) + "-" + strconv.Itoa(int(names.Add(1)))
}

// everyNetwork runs f with an address to listen on for each kind of socket.
func everyNetwork(t *testing.T, f func(t *testing.T, network, address string)) {
	t.Run("tcp4", func(t *testing.T) { f(t, "tcp", "127.0.0.1:0") })
	t.Run("tcp6", func(t *testing.T) {
		needIPv6(t)
		f(t, "tcp", "[::1]:0")
	})
	t.Run("unix", func(t *testing.T) { f(t, "unix", filepath.Join(t.TempDir(), "s")) })
	t.Run("abstract", func(t *testing.T) { f(t, "unix", abstract(t)) })
}

var hasIPv6 = sync.OnceValue(func() bool {
	ln, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	return ln.Close() == nil
})

// needIPv6 skips a test on a machine where nobody can listen on ::1.
func needIPv6(t testing.TB) {
	t.Helper()
	if !hasIPv6() {
		t.Skip("this machine has no IPv6")
	}
}

// join returns both ends of a connection, the library's and package net's; the
// first is the test's to Close.
func join(t testing.TB, l *gio.SocketListener, addr net.Addr) (*gio.SocketConnection, net.Conn) {
	t.Helper()
	peer, err := net.Dial(addr.Network(), addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = peer.Close() })
	for {
		c, _, err := l.Accept(context.Background())
		require.NoError(t, err)
		if addr.Network() == "unix" || c.RemoteAddr().String() == peer.LocalAddr().String() {
			return c, peer
		}
		// Another program's, which still dials who had this port before.
		t.Logf("a stranger came from %v", c.RemoteAddr())
		_ = c.Close()
	}
}

// connected is join on a listener of its own.
func connected(t testing.TB, network, address string) (*gio.SocketConnection, net.Conn) {
	t.Helper()
	l, addr := listenOn(t, network, address)
	return join(t, l, addr)
}

// pair is connected with both ends closed at the end of the test.
func pair(t testing.TB, network, address string) (*gio.SocketConnection, net.Conn) {
	t.Helper()
	c, peer := connected(t, network, address)
	t.Cleanup(func() { _ = c.Close() })
	return c, peer
}

// eachPair runs f with a connection of each kind. One that hangs ends the tests.
func eachPair(t *testing.T, f func(t *testing.T, c *gio.SocketConnection, peer net.Conn)) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		name := t.Name()
		watchdog := time.AfterFunc(3*patience, func() { panic(name + " hangs") })
		defer watchdog.Stop()
		c, peer := pair(t, network, address)
		require.NoError(t, peer.SetDeadline(time.Now().Add(patience)))
		f(t, c, peer)
	})
}

// parked waits until n goroutines inside the function are blocked there.
func parked(t testing.TB, function string, n int) {
	t.Helper()
	waiting(t, function, n, blocked...)
}

// blocked are the states of a goroutine that waits for something to happen.
var blocked = []string{"IO wait", "select", "chan receive", "semacquire", "sync.Cond.Wait", "sync.RWMutex.RLock"}

// waiting waits until n goroutines inside the function are in one of the states.
func waiting(t testing.TB, function string, n int, states ...string) {
	t.Helper()
	stacks := ""
	ok := eventually(func() bool {
		stacks = allStacks()
		return countIn(stacks, function, states) == n
	})
	require.True(t, ok, "not %d wait in %s:\n%s", n, function, stacks[:min(len(stacks), 1<<14)])
}

func allStacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func countIn(stacks, function string, states []string) (n int) {
	for _, g := range strings.Split(stacks, "\n\n") {
		_, state, _ := strings.Cut(g, "[") // of the first line
		if strings.Contains(g, function+"(") &&
			slices.ContainsFunc(states, func(s string) bool { return strings.HasPrefix(state, s) }) {
			n++
		}
	}
	return n
}

// reading begins a Read and returns once it waits; the channel has its error.
func reading(t testing.TB, c *gio.SocketConnection) <-chan error {
	t.Helper()
	errc := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		errc <- err
	}()
	stacks := ""
	ok := eventually(func() bool {
		stacks = allStacks()
		return countIn(stacks, "gio.(*SocketConnection).Read", blocked) > 0 || len(errc) > 0
	})
	require.True(t, ok, "Read neither waits nor returns:\n%s", stacks[:min(len(stacks), 1<<14)])
	if len(errc) > 0 {
		require.Fail(t, "Read did not wait", "it returned %v", <-errc)
	}
	return errc
}

func TestConnIsANetConn(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		l, addr := listenOn(t, network, address)
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			a, b := join(t, l, addr)
			return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
		})
	})
}

func TestConcurrentWritesAreWhole(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		const writers, size = 6, 512 << 10 // more than the kernel takes at once
		for i := range writers {
			go func() { _, _ = c.Write(bytes.Repeat([]byte{byte('a' + i)}, size)) }()
		}
		seen := map[byte]bool{}
		b := make([]byte, size)
		for range writers {
			_, err := io.ReadFull(peer, b)
			require.NoError(t, err)
			require.Equal(t, size, bytes.Count(b, b[:1]), "another write came in between")
			require.False(t, seen[b[0]])
			seen[b[0]] = true
		}
	})
}

func TestConcurrentReadersGetEveryByteOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		const total = 4 << 20
		go func() {
			b := make([]byte, total)
			for i := range b {
				b[i] = byte(i)
			}
			_, _ = peer.Write(b)
			_ = peer.(interface{ CloseWrite() error }).CloseWrite()
		}()
		var counts [256]atomic.Int64
		var wg sync.WaitGroup
		for range 6 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				b := make([]byte, 1000)
				for {
					n, err := c.Read(b)
					for _, x := range b[:n] {
						counts[x].Add(1)
					}
					if err != nil {
						return
					}
				}
			}()
		}
		wg.Wait()
		for i := range counts {
			require.EqualValues(t, total/256, counts[i].Load())
		}
	})
}

func TestReadAndWriteOfNothing(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, _ net.Conn) {
		nothing := func() {
			for _, b := range [][]byte{nil, {}} {
				n, err := c.Read(b) // there is no data: it must not wait
				require.NoError(t, err)
				require.Zero(t, n)
				n, err = c.Write(b)
				require.NoError(t, err)
				require.Zero(t, n)
			}
		}
		nothing()
		require.NoError(t, c.SetDeadline(time.Now().Add(time.Hour))) // now with the poller
		nothing()
		require.NoError(t, c.Close())
		_, err := c.Read(nil)
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.Write(nil)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

func TestEndOfFileStays(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		_, err := peer.Write([]byte("last"))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "last", string(b))
		for range 3 {
			n, err := c.Read(make([]byte, 1))
			require.Equal(t, io.EOF, err, "a bare io.EOF, as package net's")
			require.Zero(t, n)
		}
	})
}

func TestIsConnectedUntilClose(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		require.True(t, c.IsConnected())
		require.NoError(t, peer.Close())
		_, err := c.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.True(t, c.IsConnected(), "a peer that has gone shows in Read, not here")
		require.NoError(t, c.Close())
		require.False(t, c.IsConnected())
	})
}

// Everything at once, for the race detector.
func TestAnyGoroutineMayCallAnything(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		go func() { _, _ = io.Copy(peer, peer) }()
		b := make([]byte, 4096)
		calls := []func() error{
			func() error { _, err := c.Read(make([]byte, 4096)); return err },
			func() error { _, err := c.Write(b); return err },
			func() error { return c.SetDeadline(time.Now().Add(time.Millisecond)) },
			func() error { return c.SetReadDeadline(time.Time{}) },
			func() error { return c.SetWriteDeadline(time.Time{}) },
			func() error { _ = c.LocalAddr().String(); _ = c.RemoteAddr().String(); return nil },
			func() error { c.IsConnected(); c.Source(); return nil },
			func() error { return c.SetKeepAlive(true) },
			func() error { _, err := c.PeerCredentials(); return err },
			func() error { _, err := c.ReadFrom(bytes.NewReader(b)); return err },
			func() error {
				raw, err := c.SyscallConn()
				if err == nil {
					err = raw.Control(func(uintptr) {})
				}
				return err
			},
			func() error { c.Detach(); return nil },
		}
		var wg sync.WaitGroup
		var rounds atomic.Int64
		for _, call := range calls {
			for range 2 {
				wg.Add(1)
				go func() {
					defer wg.Done()
					for !errors.Is(c.SetLinger(-1), net.ErrClosed) {
						_ = call()
						if rounds.Add(1) == 3000 {
							_ = c.Close()
						}
					}
				}()
			}
		}
		wg.Wait()
		require.ErrorIs(t, c.Close(), net.ErrClosed)
	})
}
