package gio_test

import (
	"context"
	"net"
	"testing"

	gotkgio "github.com/diamondburned/gotk4/pkg/gio/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/gio"
)

// loopback listens on a free port of 127.0.0.1 with this source.
func loopback(t testing.TB, l *gio.SocketListener, source any) net.Addr {
	t.Helper()
	addr, err := l.AddAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, source)
	require.NoError(t, err)
	return addr
}

// sourceOf connects to addr and returns what comes with the connection.
func sourceOf(t testing.TB, l *gio.SocketListener, addr net.Addr) any {
	t.Helper()
	dial(t, addr)
	c, source, err := l.Accept(context.Background())
	require.NoError(t, err)
	require.NoError(t, c.Close())
	if f, ok := source.(func() int); ok { // not comparable in any way
		require.Equal(t, f(), c.Source().(func() int)())
	} else {
		require.Equal(t, source, c.Source(), "also after Close")
	}
	return source
}

func TestAnyValueIsASource(t *testing.T) {
	type point struct{ x, y int }
	p := &point{1, 2}
	l := gio.NewSocketListener(nil)
	defer l.Close()
	for name, source := range map[string]any{
		"nil":         nil,
		"int":         7,
		"zero":        0,
		"string":      "text",
		"struct":      point{3, 4},
		"slice":       []string{"not", "comparable"},
		"map":         map[string]int{"neither": 1},
		"nil pointer": (*point)(nil),
		"error":       net.ErrClosed,
	} {
		t.Run(name, func(t *testing.T) {
			addr := loopback(t, l, source)
			for range 3 {
				require.Equal(t, source, sourceOf(t, l, addr))
			}
		})
	}
	t.Run("pointer", func(t *testing.T) {
		require.Same(t, p, sourceOf(t, l, loopback(t, l, p)))
	})
	t.Run("function", func(t *testing.T) {
		f := sourceOf(t, l, loopback(t, l, func() int { return 42 })).(func() int)
		require.Equal(t, 42, f())
	})
	t.Run("channel", func(t *testing.T) {
		ch := make(chan int)
		require.Equal(t, ch, sourceOf(t, l, loopback(t, l, ch)))
	})
}

func TestEachAddressHasItsOwnSource(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	addrs := map[int]net.Addr{}
	for i := range 8 {
		addrs[i] = loopback(t, l, i)
	}
	for i, addr := range addrs {
		require.Equal(t, i, sourceOf(t, l, addr))
	}
}

func TestSourceOfEveryWayToAdd(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	port, err := l.AddAnyInetPort("any port")
	require.NoError(t, err)
	at := func(port uint16) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(port)} }
	require.Equal(t, "any port", sourceOf(t, l, at(port)))

	free := freePort(t)
	require.NoError(t, l.AddInetPort(free, "this port"))
	require.Equal(t, "this port", sourceOf(t, l, at(free)))

	addr, err := l.AddAddress(&net.UnixAddr{Name: abstract(t), Net: "unix"}, "Unix")
	require.NoError(t, err)
	require.Equal(t, "Unix", sourceOf(t, l, addr))

	addr, err = l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Nil(t, sourceOf(t, l, addr))
}

// freePort is a port that nobody has now.
func freePort(t testing.TB) uint16 {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer ln.Close()
	return uint16(ln.Addr().(*net.TCPAddr).Port)
}

// A GObject goes through GIO as itself, for handlers in C to see. This one is
// made so that gotk4 survives the race detector.
func TestGotk4ObjectIsASource(t *testing.T) {
	other := gio.NewSocketListener(nil)
	defer other.Close()
	requireObjectIsASource(t, other.Gotk4())
}

func requireObjectIsASource[T any](t *testing.T, object *T) {
	t.Helper()
	one := gio.NewSocketListener(nil)
	two := gio.NewSocketListener(nil)
	defer two.Close()
	addr1, addr2 := loopback(t, one, object), loopback(t, two, object)
	require.Same(t, object, sourceOf(t, one, addr1))
	require.Same(t, object, sourceOf(t, two, addr2))
	require.NoError(t, one.Close())
	require.Same(t, object, sourceOf(t, two, addr2), "the other listener's Close changes nothing")
}

func TestNilGotk4ObjectIsASource(t *testing.T) {
	l := gio.NewSocketListener(nil)
	defer l.Close()
	object := (*gotkgio.Cancellable)(nil)
	require.Equal(t, object, sourceOf(t, l, loopback(t, l, object)))
	zero := &gotkgio.Cancellable{}
	require.Same(t, zero, sourceOf(t, l, loopback(t, l, zero)))
}

func TestSourcesAreForgottenAtClose(t *testing.T) {
	_, before := gio.Registered()
	l := gio.NewSocketListener(nil)
	for i := range 10 {
		loopback(t, l, i)
	}
	_, err := l.AddAddress(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, "an address of nobody's")
	require.Error(t, err)
	_, now := gio.Registered()
	require.Equal(t, before+10, now)
	require.NoError(t, l.Close())
	require.True(t, eventually(func() bool {
		_, now := gio.Registered()
		return now <= before
	}))
}

func TestListenSourceComesBack(t *testing.T) {
	type value struct{ n int }
	l := gio.NewSocketListener(nil)
	defer l.Close()
	want := &value{7}
	addr, err := l.ListenSource("tcp", "127.0.0.1:0", want)
	require.NoError(t, err)
	require.Same(t, want, sourceOf(t, l, addr))
	addr, err = l.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.Nil(t, sourceOf(t, l, addr))
	_, err = l.ListenSource("carrier pigeon", "home", want)
	require.ErrorIs(t, err, net.UnknownNetworkError("carrier pigeon"))
}
