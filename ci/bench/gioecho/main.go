// Command gioecho is the peer on this library.
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
	peer.Main("gioecho", "Serves connections on GLib's GSocketService, a goroutine for each.", serve)
}

func serve(opts peer.Options) error {
	cfg := &gio.ServiceConfig{}
	if opts.CertFile != "" && !opts.CryptoTLS {
		cfg.TLS = &gio.TLSConfig{CertFile: opts.CertFile, KeyFile: opts.KeyFile}
	}
	svc := gio.NewSocketService(cfg)
	defer svc.Close()
	addr, err := svc.Listen(opts.Address.Network, opts.Address.Address)
	if err != nil {
		return err
	}
	if err := listen.Announce(os.Stdout, []net.Addr{addr}); err != nil {
		return err
	}
	if opts.CryptoTLS {
		return serveCryptoTLS(svc, opts)
	}
	return svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) {
		_ = opts.Work(conn) // a client that went away is no error of ours
	}))
}

// serveCryptoTLS is as people do it without TLS by GIO.
func serveCryptoTLS(svc *gio.SocketService, opts peer.Options) error {
	ln, err := opts.OverTLS(svc.NetListener())
	if err != nil {
		return err
	}
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			_ = opts.Work(conn)
		}()
	}
}
