package main

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/glibserve/glibserve/gio"
)

// loops are services that share their addresses, each on a main loop of its
// own. One loop accepts on one thread: where that is the limit, several on one
// port (SO_REUSEPORT) let the kernel deal the clients out.
type loops []*gio.SocketService

func newLoops(n int) loops {
	all := make(loops, n)
	for i := range all {
		all[i] = gio.NewSocketService(nil)
	}
	return all
}

// Listen listens with every service on a TCP address. A Unix socket has no
// SO_REUSEPORT and is the first one's alone.
func (all loops) Listen(network, address string) (net.Addr, error) {
	if len(all) == 1 || !strings.HasPrefix(network, "tcp") {
		return all[0].Listen(network, address)
	}
	// With SO_REUSEPORT a second program of the same user would get the port
	// as well, and half of the clients: without it, the kernel refuses that.
	alone, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	addr := alone.Addr()
	if err := alone.Close(); err != nil {
		return nil, err
	}
	for _, svc := range all {
		if err := listenTogether(svc, network, addr.String()); err != nil {
			return nil, err
		}
	}
	return addr, nil
}

// listenTogether adds a socket of its own on an address that others share.
func listenTogether(svc *gio.SocketService, network, address string) error {
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		cerr := raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, cerr)
	}}
	ln, err := config.Listen(context.Background(), network, address)
	if err != nil {
		return err
	}
	defer ln.Close() // the service has a duplicate
	return svc.AddListener(ln, nil)
}

// Serve returns when the first of them does, with its error.
func (all loops) Serve(ctx context.Context, h gio.Handler) error {
	ended := make(chan error, len(all))
	for _, svc := range all {
		go func() { ended <- svc.Serve(ctx, h) }()
	}
	return <-ended
}

// Shutdown shuts all down at once, within the same time.
func (all loops) Shutdown(ctx context.Context) error {
	var group errgroup.Group
	for _, svc := range all {
		group.Go(func() error { return svc.Shutdown(ctx) })
	}
	return group.Wait()
}

// Close closes all.
func (all loops) Close() {
	for _, svc := range all {
		_ = svc.Close()
	}
}
