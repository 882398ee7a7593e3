package gio_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"unsafe"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	objects "github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/test/elsewhere"
)

// socketOf is what a program has of a GSocket.
func socketOf(object uintptr) *gotkgio.Socket {
	o := objects.Wrap(*(*unsafe.Pointer)(unsafe.Pointer(&object)))
	return &gotkgio.Socket{Object: o, DatagramBased: gotkgio.DatagramBased{Object: o}, Initable: gotkgio.Initable{Object: o}}
}

// listeningSocket is a GSocket for the test's time.
func listeningSocket(t testing.TB) *gotkgio.Socket {
	t.Helper()
	object, _ := elsewhere.Listening()
	t.Cleanup(func() { elsewhere.SocketClose(object); elsewhere.Unref(object) })
	return socketOf(object)
}

func TestAddedGSocketIsAcceptedFrom(t *testing.T) {
	eachMode(t, func(t *testing.T) {
		object, port := elsewhere.Listening()
		defer elsewhere.Unref(object)
		addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)}
		svc := gio.NewSocketService(nil)
		number := elsewhere.SocketFD(object)
		require.NoError(t, svc.AddSocket(socketOf(object), "the source"))
		require.Equal(t, number, elsewhere.SocketFD(object))
		require.Equal(t, addr.String(), svc.Addrs()[0].String())
		sources := make(chan any, 1)
		serve(t, svc, func(ctx context.Context, c *gio.SocketConnection) {
			sources <- c.Source()
			echo(ctx, c)
		})
		say(t, dial(t, addr), "hello")
		require.Equal(t, "the source", receive(t, sources))
		svc.Stop()
		svc.Start()
		say(t, dial(t, addr), "again")
		receive(t, sources)

		require.NoError(t, svc.Close())
		require.GreaterOrEqual(t, elsewhere.SocketFD(object), 0, "it stays its owner's")
		waits := dial(t, addr)
		require.True(t, elsewhere.SocketClose(object))
		requireEnd(t, waits)
		_, err := net.Dial("tcp", addr.String())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	})
}

func TestClosingAnAddedGSocketChangesNothing(t *testing.T) {
	object, port := elsewhere.Listening()
	defer elsewhere.Unref(object)
	l := gio.NewSocketListener(nil)
	defer l.Close()
	require.NoError(t, l.AddSocket(socketOf(object), nil))
	require.True(t, elsewhere.SocketClose(object))
	c, _ := join(t, l, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)})
	require.NoError(t, c.Close())
}

func TestGSocketThatCannotBeAddedSaysWhy(t *testing.T) {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	closed, _ := elsewhere.Listening()
	defer elsewhere.Unref(closed)
	require.True(t, elsewhere.SocketClose(closed))
	err := svc.AddSocket(socketOf(closed), nil)
	require.ErrorIs(t, err, net.ErrClosed)

	c, _ := pair(t, "tcp", "127.0.0.1:0")
	err = svc.AddSocket(c.Socket().Gotk4(), nil)
	require.ErrorIs(t, err, syscall.EINVAL)
	require.ErrorContains(t, err, "does not listen")

	for _, none := range []*gotkgio.Socket{nil, {}} {
		err = svc.AddSocket(none, nil)
		require.ErrorContains(t, err, "nil socket")
		var op *net.OpError
		require.ErrorAs(t, err, &op)
	}
	require.Empty(t, svc.Addrs())
}
