// Package rawgotk4 serves by GSocketService as gotk4 wraps it, without this library, with
// blocking reads and writes on a goroutine for each connection: gotk4 has no other way.
package rawgotk4

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"syscall"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	"github.com/diamondburned/gotk4/pkg/gio/v2"
)

// backlog is that of the servers in C; GIO's own is 10.
const backlog = 128

// Serve gives each connection to work, on the default main context, which the caller
// iterates. It returns the address that it has, and closes a connection when work returns.
func Serve(address string, work func(conn io.ReadWriter)) (net.Addr, error) {
	socket, addr, err := openSocket(address)
	if err != nil {
		return nil, err
	}
	service := gio.NewSocketService()
	if err := service.AddSocket(socket, nil); err != nil {
		return nil, err
	}
	service.ConnectIncoming(func(conn *gio.SocketConnection, _ *coreglib.Object) bool {
		go func() {
			ctx := context.Background()
			// gotk4 never frees a connection: without this it would also stay open.
			defer func() { _ = conn.Close(ctx) }()
			work(stream{ctx, gio.BaseInputStream(conn.InputStream()), gio.BaseOutputStream(conn.OutputStream())})
		}()
		return true
	})
	service.Start()
	return addr, nil
}

// openSocket makes the listening socket by hand, because TCP_NODELAY is
// inherited from it: set on each connection, it would make gotk4 wrap, and
// never free, one object more.
func openSocket(address string) (*gio.Socket, net.Addr, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, nil, fmt.Errorf("not an address and port: %w", err)
	}
	socket, err := gio.NewSocket(gio.SocketFamilyIPv4, gio.SocketTypeStream, gio.SocketProtocolTCP)
	if err != nil {
		return nil, nil, err
	}
	socket.SetListenBacklog(backlog)
	bindTo := gio.NewInetSocketAddressFromString(at.Addr().String(), uint(at.Port()))
	if bindTo == nil {
		return nil, nil, errors.New("not an address: " + address)
	}
	if err := socket.SetOption(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return nil, nil, err
	}
	if err := socket.Bind(bindTo, true); err != nil {
		return nil, nil, err
	}
	if err := socket.Listen(); err != nil {
		return nil, nil, err
	}
	bound, err := socket.LocalAddress()
	if err != nil {
		return nil, nil, err
	}
	inet, ok := bound.(*gio.InetSocketAddress)
	if !ok {
		return nil, nil, fmt.Errorf("bound to a %T", bound)
	}
	return socket, net.TCPAddrFromAddrPort(netip.AddrPortFrom(at.Addr(), uint16(inet.Port()))), nil
}

// stream is a connection's two streams as an io.ReadWriter.
type stream struct {
	ctx context.Context
	in  *gio.InputStream
	out *gio.OutputStream
}

func (s stream) Read(p []byte) (int, error) {
	n, err := s.in.Read(s.ctx, p)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func (s stream) Write(p []byte) (int, error) {
	n, err := s.out.WriteAll(s.ctx, p)
	return int(n), err
}
