package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/gio"
)

// terminals is the door for lines of text on TCP and Unix sockets.
func terminals(chat *hub.Hub, opts *options, log *slog.Logger) gio.Handler {
	door := lines.New(lines.Config{Hub: chat, IdleTimeout: opts.idleTimeout, Logger: log})
	return gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
		door.Serve(ctx, conn, origin(conn, log))
	})
}

// origin says where a connection comes from: the IP address, or on a Unix
// socket, where the kernel tells, the user.
func origin(conn *gio.SocketConnection, log *slog.Logger) hub.Origin {
	switch addr := conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		// Finds out within hours that a peer's machine is gone.
		if err := conn.SetKeepAlive(true); err != nil {
			log.Debug("no keep-alive", "remote", addr, "error", err)
		}
		return hub.Origin{Door: "tcp", Host: addr.IP.String()}
	default:
		peer, err := conn.PeerCredentials()
		if err != nil {
			log.Debug("no peer credentials", "error", err)
			return hub.Origin{Door: "unix"}
		}
		return hub.Origin{Door: "unix", Host: "uid " + strconv.FormatUint(uint64(peer.UID), 10)}
	}
}
