package gio_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

// dialEchoService is a service of this library that echoes.
func dialEchoService(t testing.TB, network, address string) net.Addr {
	t.Helper()
	svc := gio.NewSocketService(nil)
	t.Cleanup(func() { _ = svc.Close() })
	addr, err := svc.Listen(network, address)
	require.NoError(t, err)
	go func() {
		_ = svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, c *gio.SocketConnection) {
			_, _ = io.Copy(c, c)
		}))
	}()
	return addr
}

// dialEchoServer is the same by package net.
func dialEchoServer(t testing.TB, network, address string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go acceptEach(l, echoConn)
	return l.Addr()
}

func tcpPort(a net.Addr) uint16 { return uint16(a.(*net.TCPAddr).Port) }

func TestDialConnects(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		for name, serve := range map[string]func(testing.TB, string, string) net.Addr{
			"service": dialEchoService, "net": dialEchoServer,
		} {
			t.Run(name, func(t *testing.T) {
				addr := serve(t, network, address)
				c, err := newClient(t, nil).Dial(t.Context(), network, addr.String())
				require.NoError(t, err)
				require.Equal(t, addr.String(), c.RemoteAddr().String())
				require.NotNil(t, c.LocalAddr())
				require.Nil(t, c.Source())
				requireEcho(t, c)
			})
		}
	})
}

func TestDialSetsNoDelay(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	c, err := newClient(t, nil).Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	defer c.Close()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	var v int
	var serr error
	require.NoError(t, raw.Control(func(fd uintptr) {
		v, serr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	}))
	require.NoError(t, serr)
	require.NotZero(t, v)
}

func TestDialBindsTheLocalAddress(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	client := newClient(t, &gio.ClientConfig{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 3)}})
	for _, host := range []string{"127.0.0.1", "localhost"} {
		c, err := client.Dial(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(int(tcpPort(l.Addr())))))
		require.NoError(t, err)
		defer c.Close()
		peer, err := l.Accept()
		require.NoError(t, err)
		defer peer.Close()
		require.Equal(t, "127.0.0.3", peer.RemoteAddr().(*net.TCPAddr).IP.String())
		require.Equal(t, peer.RemoteAddr().String(), c.LocalAddr().String())
	}
}

func TestDialBindsAUnixAddress(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", dir+"/server")
	require.NoError(t, err)
	defer l.Close()
	client := newClient(t, &gio.ClientConfig{LocalAddr: &net.UnixAddr{Name: dir + "/client", Net: "unix"}})
	c, err := client.Dial(t.Context(), "unix", dir+"/server")
	require.NoError(t, err)
	defer c.Close()
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()
	require.Equal(t, dir+"/client", peer.RemoteAddr().String())
}

// The client's timeout is GIO's for reading and writing as well, until the
// connection is handed out.
func TestDialedConnectionDoesNotTimeOutByItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	c, err := newClient(t, &gio.ClientConfig{Timeout: time.Second}).Dial(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	wrapped.Add(1)
	require.Zero(t, c.Gotk4().Socket().Timeout())
}

func TestDialedConnectionIsANetConn(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		client := newClient(t, nil)
		nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
			l := gio.NewSocketListener(nil)
			defer l.Close()
			addr, err := l.Listen(network, address)
			if err != nil {
				return nil, nil, nil, err
			}
			a, err := client.Dial(context.Background(), addr.Network(), addr.String())
			if err != nil {
				return nil, nil, nil, err
			}
			b, _, err := l.Accept(context.Background())
			if err != nil {
				return nil, nil, nil, err
			}
			return a, b, func() { _ = a.Close(); _ = b.Close() }, nil
		})
	})
}

func TestManyGoroutinesDialAtOnce(t *testing.T) {
	everyNetwork(t, func(t *testing.T, network, address string) {
		addr := dialEchoService(t, network, address)
		client := newClient(t, nil)
		errs := make(chan error, 32)
		for range cap(errs) {
			go func() {
				errs <- func() error {
					b := make([]byte, 16)
					for range 20 {
						c, err := client.Dial(context.Background(), network, addr.String())
						if err != nil {
							return err
						}
						_, err = c.Write(b)
						if err == nil {
							_, err = io.ReadFull(c, b)
						}
						_ = c.Close()
						if err != nil {
							return err
						}
					}
					return nil
				}()
			}()
		}
		for range cap(errs) {
			require.NoError(t, <-errs)
		}
		requireNoDials(t)
	})
}

func TestDialWorksOnALoopThatSomebodyElseIterates(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	own := glibloop.New() // lends its context a thread
	defer own.Close()
	client := newClient(t, &gio.ClientConfig{Loop: glibloop.Adopt(own.MainContext())})
	require.Same(t, own, client.Loop())
	c, err := client.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	requireEcho(t, c)
}

func TestClientsWithoutALoopShareOne(t *testing.T) {
	a, b := newClient(t, nil), newClient(t, nil)
	require.Same(t, a.Loop(), b.Loop())
	loop := a.Loop()
	require.NoError(t, a.Close())
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	c, err := b.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err, "the loop ended with the first client")
	requireEcho(t, c)
	require.NoError(t, b.Close())
	if gio.ClientsAlive() == 0 { // no other test's client has it
		select {
		case <-loop.Done():
		case <-time.After(patience):
			t.Fatal("the loop did not end with the last client")
		}
	}
}

func TestForgottenClientIsCollected(t *testing.T) {
	before := gio.ClientsAlive()
	func() {
		client := gio.NewSocketClient(nil)
		client.ConnectEvent(func(gio.ClientEvent, string, net.Addr) {})
		require.Equal(t, before+1, gio.ClientsAlive())
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		return gio.ClientsAlive() <= before
	}, patience, 10*time.Millisecond)
}

func TestForgottenDialedConnectionIsClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	func() {
		c, err := newClient(t, nil).Dial(t.Context(), "tcp", l.Addr().String())
		require.NoError(t, err)
		require.True(t, c.IsConnected())
	}()
	peer, err := l.Accept()
	require.NoError(t, err)
	defer peer.Close()
	defer again(runtime.GC)()
	require.NoError(t, peer.SetReadDeadline(time.Now().Add(patience)))
	_, err = peer.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
}

func TestConnectionsOutliveTheirClient(t *testing.T) {
	addr := dialEchoServer(t, "tcp", "127.0.0.1:0")
	client := gio.NewSocketClient(nil)
	c, err := client.Dial(t.Context(), "tcp", addr.String())
	require.NoError(t, err)
	require.NoError(t, client.Close())
	requireEcho(t, c)
}

func TestClientGotk4IsTheSameObject(t *testing.T) {
	client := newClient(t, &gio.ClientConfig{Timeout: 1500 * time.Millisecond, DisableProxy: true})
	object := client.Gotk4()
	require.NotNil(t, object)
	require.Same(t, object, client.Gotk4())
	require.EqualValues(t, 2, client.Gotk4().Timeout())
	require.False(t, client.Gotk4().EnableProxy())
	require.NoError(t, client.Close())
	require.Nil(t, client.Gotk4())
}

func BenchmarkDial(b *testing.B) {
	addr := dialEchoServer(b, "tcp", "127.0.0.1:0")
	closeNow := func(c interface {
		SetLinger(sec int) error
		Close() error
	},
	) {
		_ = c.SetLinger(0) // a reset leaves no TIME_WAIT behind
		_ = c.Close()
	}
	b.Run("peer=gio", func(b *testing.B) {
		client := newClient(b, nil)
		b.ReportAllocs()
		for b.Loop() {
			c, err := client.Dial(context.Background(), "tcp", addr.String())
			if err != nil {
				b.Fatal(err)
			}
			closeNow(c)
		}
	})
	b.Run("peer=net", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, err := net.Dial("tcp", addr.String())
			if err != nil {
				b.Fatal(err)
			}
			closeNow(c.(*net.TCPConn))
		}
	})
}
