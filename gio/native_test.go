package gio_test

import (
	"context"
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/elsewhere"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

func TestNativeIsTheObjectWithoutAWrapper(t *testing.T) {
	eachPair(t, func(t *testing.T, c *gio.SocketConnection, peer net.Conn) {
		o := c.Native()
		require.NotZero(t, o)
		require.Equal(t, o, c.Native())
		require.True(t, c.Exposed(), "as by Gotk4")
		elsewhere.Count(o)
		alive := elsewhere.Alive()
		require.True(t, elsewhere.Write(o, "by GIO"))
		b := make([]byte, 6)
		_, err := io.ReadFull(peer, b)
		require.NoError(t, err)
		require.Equal(t, "by GIO", string(b))
		go func() { _, _ = io.Copy(c, c) }()
		say(t, peer, "by Go")
		require.NoError(t, c.Close())
		require.Equal(t, alive-1, elsewhere.Alive(), "nothing keeps it after Close")
		require.Zero(t, c.Native())
	})
}

func TestNativeWithAReferenceOutlivesTheGoValue(t *testing.T) {
	c, peer := connected(t, "tcp", "127.0.0.1:0")
	o := c.Detach().Native()
	elsewhere.Ref(o)
	elsewhere.Count(o)
	alive := elsewhere.Alive()
	collect()
	requireKept(t, peer)
	require.True(t, elsewhere.Write(o, "x"))
	require.True(t, elsewhere.Close(o))
	elsewhere.Unref(o)
	require.True(t, eventually(func() bool { collect(); return elsewhere.Alive() == alive-1 }))
	_, err := io.ReadFull(peer, make([]byte, 1))
	require.NoError(t, err)
	requireEnd(t, peer)
}

// Others may take clients from then on, as after Gotk4.
func TestNativeOfAServiceHasGIOAccept(t *testing.T) {
	directly(t)
	for name, native := range map[string]func(svc *gio.SocketService) uintptr{
		"Native": (*gio.SocketService).Native,
		"of the listener": func(svc *gio.SocketService) uintptr {
			l := &svc.SocketListener
			return l.Native()
		},
	} {
		t.Run(name, func(t *testing.T) {
			svc, addr := newService(t, nil)
			servingDirectly(t, svc, func(context.Context, *gio.SocketConnection) {})
			o := native(svc)
			require.False(t, svc.InDirect())
			h := gobject.Take(o)
			defer h.Disconnect()
			say(t, dial(t, addr), "a handler in C")
			require.Equal(t, 1, h.Calls())
		})
	}
}

func TestNativeOfAListenerAndAClient(t *testing.T) {
	l := gio.NewSocketListener(nil)
	require.NotZero(t, l.Native())
	require.Equal(t, address(l.Gotk4()), l.Native())
	require.NoError(t, l.Close())
	require.Zero(t, l.Native())

	threaded := gio.NewThreadedSocketService(1, nil)
	require.Equal(t, address(threaded.Gotk4()), threaded.Native())
	require.NoError(t, threaded.Close())

	client := gio.NewSocketClient(nil)
	require.Equal(t, "GSocketClient", elsewhere.Type(client.Native()))
	require.Equal(t, address(client.Gotk4()), client.Native())
	require.NoError(t, client.Close())
	require.Zero(t, client.Native())
}
