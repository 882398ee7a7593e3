package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"syscall"

	coreglib "github.com/diamondburned/gotk4/pkg/core/glib"
	"github.com/diamondburned/gotk4/pkg/gio/v2"
)

// backlog is that of the server in C; GIO's own is 10.
const backlog = 128

// rawGotk4 is GSocketService as gotk4 wraps it, with blocking reads and writes
// on a goroutine for each connection: it has no other way.
func rawGotk4() ([]net.Addr, error) {
	// By hand, for TCP_NODELAY and the backlog, which connections inherit.
	socket, err := gio.NewSocket(gio.SocketFamilyIPv4, gio.SocketTypeStream, gio.SocketProtocolTCP)
	if err != nil {
		return nil, err
	}
	socket.SetListenBacklog(backlog)
	if err := socket.SetOption(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return nil, err
	}
	if err := socket.Bind(gio.NewInetSocketAddressFromString("127.0.0.1", 0), true); err != nil {
		return nil, err
	}
	if err := socket.Listen(); err != nil {
		return nil, err
	}
	bound, err := socket.LocalAddress()
	if err != nil {
		return nil, err
	}
	inet, ok := bound.(*gio.InetSocketAddress)
	if !ok {
		return nil, fmt.Errorf("bound to a %T", bound)
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
			echo(stream{ctx, gio.BaseInputStream(conn.InputStream()), gio.BaseOutputStream(conn.OutputStream())})
		}()
		return true
	})
	service.Start()
	return []net.Addr{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(inet.Port())}}, nil
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
