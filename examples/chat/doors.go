package main

import (
	"context"
	"log/slog"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/gio"
)

// terminals is the door for lines of text on TCP and Unix sockets.
func terminals(chat *hub.Hub, opts *options, log *slog.Logger) gio.Handler {
	door := lines.New(lines.Config{Hub: chat, IdleTimeout: opts.idleTimeout, Logger: log})
	return gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
		door.Serve(ctx, conn, lines.Origin(conn, log))
	})
}
