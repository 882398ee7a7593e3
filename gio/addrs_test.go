package gio_test

import (
	"net"
	"testing"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/gio/internal/test/gobject"
)

// What other code adds to the GObject is among the addresses, in its place, and
// clients who come there know where they are.
func TestAddrsHasWhatOthersAdded(t *testing.T) {
	svc, first := newService(t, &gio.ServiceConfig{Loop: newLoop(t)})
	o := native(svc)
	var port int
	onLoop(t, svc.Loop(), func() { port = gobject.AddLoopback(o) })
	require.NotZero(t, port)
	theirs := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	third := loopback(t, &svc.SocketListener, "ours")
	addrs := svc.Addrs()
	require.Len(t, addrs, 3)
	for i, want := range []net.Addr{first, theirs, third} {
		require.Equal(t, want.String(), addrs[i].String())
	}
	taken := make(chan *gio.SocketConnection, 1)
	svc.ConnectIncoming(func(c *gio.SocketConnection, source any) bool { taken <- c; return true })
	for i, source := range []any{nil, nil, "ours"} {
		dial(t, addrs[i])
		c := receive(t, taken)
		require.Equal(t, addrs[i].String(), c.LocalAddr().String())
		require.Equal(t, source, c.Source())
		require.NoError(t, c.Close())
	}
}

// As the first address of a service it is no longer one without.
func TestStatsKnowsOfAnAddressThatOthersAdded(t *testing.T) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: newLoop(t)})
	defer svc.Close()
	o := native(svc)
	requirePaused(t, svc, "no address")
	onLoop(t, svc.Loop(), func() { require.NotZero(t, gobject.AddLoopback(o)) })
	requirePaused(t, svc)
	require.Len(t, svc.Addrs(), 1)
}

func TestAddrsOfAListenerHasWhatOthersAdded(t *testing.T) {
	l := gio.NewSocketListener(&gio.ListenerConfig{Loop: newLoop(t)})
	defer l.Close()
	o := coreglib.BaseObject(l.Gotk4()).Native()
	onLoop(t, l.Loop(), func() { require.NotZero(t, gobject.AddLoopback(o)) })
	require.Len(t, l.Addrs(), 1)
	c, peer := join(t, l, l.Addrs()[0])
	go func() { _, _ = c.Write([]byte("x")); _ = c.Close() }()
	requireAnswer(t, peer, "x")
}
