package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/gio"
)

// door is a set of addresses and those who come in there.
type door struct {
	addrs    []net.Addr
	protocol string // for the announcement, "" for lines of text
	stats    func() gio.Stats
	serve    func() error // until shutdown or close
	shutdown func(context.Context) error
	close    func() error
	reload   func() error // reads the certificate again; nil without TLS
}

// doors are all the ways into the chat.
type doors []*door

// openDoors listens on every address. Clients wait in the kernel until serve.
func openDoors(chat *hub.Hub, opts *options, log *slog.Logger) (doors, error) {
	cert := &certificate{certFile: opts.certFile, keyFile: opts.keyFile}
	if opts.certFile != "" {
		if err := cert.load(); err != nil {
			return nil, err
		}
	}
	var open doors
	for _, way := range []struct {
		addresses *listen.Flag
		open      func(addresses []listen.Address) (*door, error)
	}{
		{opts.addresses, func(a []listen.Address) (*door, error) { return openLines(chat, opts, nil, a, log) }},
		{opts.tlsAddresses, func(a []listen.Address) (*door, error) { return openLines(chat, opts, opts.gioTLS(), a, log) }},
		{opts.webAddresses, func(a []listen.Address) (*door, error) { return openWeb(chat, opts, nil, a, log) }},
		{opts.webTLSAddresses, func(a []listen.Address) (*door, error) { return openWeb(chat, opts, cert, a, log) }},
	} {
		addresses := way.addresses.Addresses()
		if len(addresses) == 0 {
			continue
		}
		d, err := way.open(addresses)
		if err != nil {
			open.close()
			return nil, err
		}
		open = append(open, d)
	}
	return open, nil
}

// announce tells where the doors are.
func (ds doors) announce(w io.Writer) error {
	for _, d := range ds {
		if err := listen.AnnounceWith(w, d.addrs, d.protocol); err != nil {
			return err
		}
	}
	return nil
}

// serve lets people in. What ends a door by itself comes through the channel.
func (ds doors) serve() <-chan error {
	failed := make(chan error, len(ds))
	for _, d := range ds {
		go func() { failed <- d.serve() }()
	}
	return failed
}

// shutdown waits until everybody is gone, or until ctx is done, which is no
// failure: some peer did not read to the end.
func (ds doors) shutdown(ctx context.Context) error {
	ended := make(chan error)
	for _, d := range ds {
		go func() { ended <- d.shutdown(ctx) }()
	}
	var all error
	for range ds {
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			all = errors.Join(all, err)
		}
	}
	return all
}

func (ds doors) close() {
	for _, d := range ds {
		_ = d.close()
	}
}

// openLines opens the door for lines of text, over TLS unless that is nil.
func openLines(chat *hub.Hub, opts *options, secure *gio.TLSConfig, addresses []listen.Address, log *slog.Logger) (*door, error) {
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: log, MaxConns: maxConns(opts.maxClients), TLS: secure})
	addrs, err := listen.Open(svc, addresses)
	if err != nil {
		svc.Close()
		return nil, err
	}
	d := &door{addrs: addrs, stats: svc.Stats, shutdown: svc.Shutdown, close: svc.Close}
	handler := terminals(chat, opts, log)
	if secure != nil {
		d.protocol, d.reload = "TLS", svc.ReloadTLS
		shaking, end := context.WithCancel(context.Background())
		handler = encrypted(shaking, handler, log)
		d.shutdown = func(ctx context.Context) error {
			end() // who is not in yet need not be waited for
			return svc.Shutdown(ctx)
		}
	}
	// Serve's own ctx stays open: at the end, handlers deliver what is queued.
	d.serve = func() error { return svc.Serve(context.Background(), handler) }
	return d, nil
}

// maxConns leaves room beside the clients for those who are being told that
// there is no place, or being sent the last of their queue. What comes beyond
// that waits in the kernel: even a flood costs a bounded amount of memory.
func maxConns(maxClients int) int { return maxClients + 64 }

// terminals is the door for lines of text on TCP and Unix sockets.
func terminals(chat *hub.Hub, opts *options, log *slog.Logger) gio.HandlerFunc {
	door := lines.New(lines.Config{Hub: chat, IdleTimeout: opts.idleTimeout, Logger: log})
	return func(ctx context.Context, conn *gio.SocketConnection) {
		door.Serve(ctx, conn, lines.Origin(conn, log))
	}
}

// encrypted lets those in who complete a TLS handshake while shaking is not
// done: nobody holds a place in the chat who does not even speak TLS.
func encrypted(shaking context.Context, handler gio.HandlerFunc, log *slog.Logger) gio.HandlerFunc {
	return func(ctx context.Context, conn *gio.SocketConnection) {
		if err := conn.Handshake(shaking); err != nil {
			log.Info("no TLS", "remote", conn.RemoteAddr(), "reason", err)
			return
		}
		handler(ctx, conn)
	}
}
