package gio_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/elsewhere"
)

// address is the GObject's.
func address(o coreglib.Objector) uintptr { return coreglib.BaseObject(o).Native() }

// tlsListener is a server of crypto/tls.
func tlsListener(t *testing.T) (ln net.Listener, port uint16) {
	t.Helper()
	cfg := newAuthority(t).server(t)
	cert, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
	require.NoError(t, err)
	ln, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	return ln, tcpPort(ln.Addr())
}

// wrappedTLS is what a GSocketClient with its own TLS makes, and its peer.
func wrappedTLS(t *testing.T) (object uintptr, peer net.Conn) {
	t.Helper()
	ln, port := tlsListener(t)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := ln.Accept()
		if err == nil {
			err = c.(*tls.Conn).Handshake()
		}
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	object = elsewhere.Connect(port, true)
	require.NotZero(t, object)
	peer = receive(t, accepted)
	t.Cleanup(func() { _ = peer.Close() })
	return object, peer
}

func TestAdoptedWrapperIsReadThroughItsTLS(t *testing.T) {
	object, peer := wrappedTLS(t)
	require.Equal(t, "GTcpWrapperConnection", elsewhere.Type(object))
	c := adopt(t, object)
	state, ok := c.TLS()
	require.True(t, ok)
	require.Equal(t, uint16(tls.VersionTLS13), state.Version)
	require.NoError(t, c.Handshake(context.Background()), "it is done")
	go func() { _, _ = io.Copy(c, c) }()
	say(t, peer, "plain text by Go")
	require.True(t, elsewhere.Write(object, "by GIO"))
	b := make([]byte, 6)
	_, err := io.ReadFull(peer, b)
	require.NoError(t, err)
	require.Equal(t, "by GIO", string(b))

	require.Equal(t, object, c.Native(), "still the object that came in")
	require.True(t, elsewhere.IsTLS(address(c.Stream())))
	require.NoError(t, c.Close())
	_, err = peer.Read(b)
	require.Equal(t, io.EOF, err, "with close_notify")
	require.True(t, elsewhere.IsClosed(object))
	require.Nil(t, c.Stream())
}

func TestAdoptedWrapperCarriesMuchBothWays(t *testing.T) {
	object, peer := wrappedTLS(t)
	exchange(t, adopt(t, object), peer, 4<<20)
}

func TestGIOsCloseOfAnAdoptedWrapperEndsGosRead(t *testing.T) {
	object, _ := wrappedTLS(t)
	c := adopt(t, object)
	ended := reading(t, c)
	require.True(t, elsewhere.Close(object))
	require.ErrorIs(t, receive(t, ended), net.ErrClosed)
}

// outOfTLS is a TLS connection of the library's and its peer, of crypto/tls.
func outOfTLS(t *testing.T, f func(t *testing.T, c *gio.SocketConnection, peer net.Conn)) {
	a := newAuthority(t)
	svc := gio.NewSocketService(&gio.ServiceConfig{TLS: a.server(t)})
	defer svc.Close()
	for network, where := range map[string]string{"tcp": "127.0.0.1:0", "unix": abstract(t)} {
		t.Run(network, func(t *testing.T) {
			addr, err := svc.Listen(network, where)
			require.NoError(t, err)
			peer := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
			c, _, err := svc.Accept(context.Background())
			require.NoError(t, err)
			defer c.Close()
			shaken := make(chan error, 1)
			go func() { shaken <- peer.Handshake() }()
			f(t, c, peer)
			require.NoError(t, receive(t, shaken))
		})
	}
}

// shake does the handshake.
func shake(t *testing.T, c *gio.SocketConnection) {
	t.Helper()
	require.NoError(t, c.Handshake(context.Background()))
}

// By Native, which leaves nothing behind: a GTlsConnection that GIO code has waited
// for keeps a main context, and gotk4 would keep that.
func TestGIOCodeReadsThePlainTextOfATLSConnection(t *testing.T) {
	for name, object := range map[string]func(c *gio.SocketConnection) uintptr{
		"connection": (*gio.SocketConnection).Native,
		"stream":     func(c *gio.SocketConnection) uintptr { return elsewhere.Base(c.Native()) },
	} {
		for when, first := range map[string]func(*testing.T, *gio.SocketConnection){
			"after the handshake": shake,
			"before":              func(*testing.T, *gio.SocketConnection) {},
		} {
			t.Run(name+" "+when, func(t *testing.T) {
				outOfTLS(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
					first(t, c)
					o := object(c)
					require.Equal(t, name == "stream", elsewhere.IsTLS(o))
					sent := make(chan error, 1)
					go func() { _, err := peer.Write([]byte("plain text")); sent <- err }()
					require.Equal(t, "plain text", elsewhere.Read(o))
					require.NoError(t, receive(t, sent))
					go func() { _, _ = io.Copy(c, c) }()
					say(t, peer, "Go goes on")
					require.True(t, elsewhere.Write(o, "GIO"))
					b := make([]byte, 3)
					_, err := io.ReadFull(peer, b)
					require.NoError(t, err)
					require.Equal(t, "GIO", string(b))
					_, ok := c.TLS()
					require.True(t, ok)
					elsewhere.Ref(o)
					defer elsewhere.Unref(o)
					require.NoError(t, c.Close())
					require.True(t, elsewhere.IsClosed(o))
					_, err = peer.Read(b)
					require.Equal(t, io.EOF, err, "with close_notify")
					require.Zero(t, c.Native())
				})
			})
		}
	}
}

func TestGotk4AndStreamOfATLSConnectionAreThePlainText(t *testing.T) {
	outOfTLS(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		shake(t, c)
		wrapped.Add(1) // what is below TLS is kept with it
		require.Equal(t, c.Native(), address(c.Gotk4()))
		first := c.Gotk4()
		require.Same(t, first, c.Gotk4())
		require.Equal(t, elsewhere.Base(c.Native()), address(c.Stream()))
		require.IsType(t, (*gotkgio.TLSConnection)(nil), c.Stream())
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "hello")
		require.NoError(t, c.Close())
		require.Nil(t, c.Gotk4())
		require.Nil(t, c.Stream())
	})
}

// Forgotten, it is GIO code's: the wrapper keeps TLS and the socket.
func TestCollectorLeavesGIOItsTLSConnection(t *testing.T) {
	a := newAuthority(t)
	svc, addr := newService(t, &gio.ServiceConfig{TLS: a.server(t)})
	peer := tls.Client(dial(t, addr), &tls.Config{RootCAs: a.pool, ServerName: "localhost"})
	shaken := make(chan error, 1)
	go func() { shaken <- peer.Handshake() }()
	o := func() uintptr {
		c, _, err := svc.Accept(context.Background())
		require.NoError(t, err)
		shake(t, c)
		o := c.Detach().Native()
		elsewhere.Ref(o)
		return o
	}()
	require.NoError(t, receive(t, shaken))
	elsewhere.Count(o)
	alive := elsewhere.Alive()
	require.True(t, eventually(func() bool { collect(); return elsewhere.RefCount(o) == 1 }), "ours is given up")
	require.True(t, elsewhere.Write(o, "GIO's"))
	b := make([]byte, 5)
	_, err := io.ReadFull(peer, b)
	require.NoError(t, err)
	require.Equal(t, "GIO's", string(b))
	require.True(t, elsewhere.Close(o))
	elsewhere.Unref(o)
	require.Equal(t, alive-1, elsewhere.Alive())
	_, err = peer.Read(b)
	require.Error(t, err)
}
