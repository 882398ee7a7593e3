// Command giobulk is this library's side of the bulk work; for the echoes
// examples/echo is measured.
package main

import (
	"context"
	"net"
	"os"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/gio"
)

func main() {
	peer.Main("giobulk", "Serves connections on GLib's GSocketService, a goroutine for each.", serve)
}

func serve(opts peer.Options) error {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	addr, err := svc.Listen(opts.Address.Network, opts.Address.Address)
	if err != nil {
		return err
	}
	if err := listen.Announce(os.Stdout, []net.Addr{addr}); err != nil {
		return err
	}
	return svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) {
		_ = opts.Work(conn) // a client that went away is no error of ours
	}))
}
