//go:build glibserve_foreign

// Package foreignhook makes the listeners and connections of package net those of gio,
// in a test binary that imports it, unless GLIBSERVE_FOREIGN is "net".
package foreignhook

import (
	"context"
	"net"
	"os"
	"strings"

	"github.com/glibserve/glibserve/gio"
)

type listener struct {
	net.Listener
	svc *gio.SocketService
}

// Accept gives a connection that outlives its listener, as package net's does.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c.(*gio.SocketConnection).Detach(), nil
}

func (l *listener) Close() error {
	err := l.Listener.Close()
	_ = l.svc.Close()
	return err
}

func ours(network string) bool {
	switch network {
	case "tcp", "tcp4", "tcp6", "unix", "unixpacket":
		return true
	}
	return false
}

func init() {
	if os.Getenv("GLIBSERVE_FOREIGN") == "net" {
		return
	}
	net.ForeignListen = func(_ context.Context, network, address string) (net.Listener, error) {
		if !ours(network) {
			return nil, nil
		}
		// To package net that is both families.
		if port, ok := strings.CutPrefix(address, "0.0.0.0:"); ok && network == "tcp" {
			address = "[::]:" + port
		}
		svc := gio.NewSocketService(nil)
		if _, err := svc.Listen(network, address); err != nil {
			_ = svc.Close()
			return nil, err
		}
		return &listener{svc.NetListener(), svc}, nil
	}
	client := gio.NewSocketClient(&gio.ClientConfig{DisableProxy: true})
	net.ForeignDial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !ours(network) {
			return nil, nil
		}
		return client.DialContext(ctx, network, address)
	}
}
