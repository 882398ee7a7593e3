package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/glibserve/glibserve/examples/chat/hub"
	"github.com/glibserve/glibserve/examples/chat/lines"
	"github.com/glibserve/glibserve/examples/chat/web"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/gio"
)

const (
	// requestTime is how long a request for the page may take. A WebSocket is
	// a request too, but from its beginning on it has times of its own.
	requestTime = 10 * time.Second

	// lastPages is how long requests for the page may go on at the end.
	// Browsers open connections that they may never use.
	lastPages = 500 * time.Millisecond
)

// openWeb opens the door for browsers: net/http on connections that GIO
// accepts, over TLS unless that is nil.
func openWeb(chat *hub.Hub, opts *options, cert *certificate, addresses []listen.Address, log *slog.Logger) (*door, error) {
	page := web.New(web.Config{Hub: chat, IdleTimeout: opts.idleTimeout, Origin: webOrigin, Hosts: func() []string { return opts.hosts(cert) }, Logger: log})
	server := &http.Server{
		Handler:        page,
		ConnContext:    func(ctx context.Context, conn net.Conn) context.Context { return withOrigin(ctx, conn, log) },
		ReadTimeout:    requestTime,
		WriteTimeout:   requestTime,
		IdleTimeout:    requestTime,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is no failure of ours
	}
	protocol := "HTTP"
	var reload func() error
	if cert != nil {
		protocol, reload, server.TLSConfig = "HTTPS", cert.load, cert.config()
	}
	// Twice the clients: a browser keeps a few connections beside its WebSocket.
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: log, MaxConns: maxConns(2 * opts.maxClients)})
	addrs, err := listen.Open(svc, addresses)
	if err != nil {
		svc.Close()
		return nil, err
	}
	listener := svc.NetListener()
	return &door{
		addrs: addrs, protocol: protocol, reload: reload, stats: svc.Stats,
		serve: func() error {
			if cert != nil {
				return server.ServeTLS(listener, "", "")
			}
			return server.Serve(listener)
		},
		shutdown: func(ctx context.Context) error {
			soon, cancel := context.WithTimeout(ctx, lastPages)
			defer cancel()
			err := server.Shutdown(soon) // knows nothing of WebSockets
			if errors.Is(err, context.DeadlineExceeded) {
				err = server.Close()
			}
			return errors.Join(err, page.Shutdown(ctx), svc.Close())
		},
		close: func() error { return errors.Join(server.Close(), svc.Close()) },
	}, nil
}

// hosts are the names at which the page may be asked for: those that were given, the
// machine's, and those that the certificate is for, which may have been renewed.
func (o *options) hosts(cert *certificate) []string {
	all := strings.FieldsFunc(o.webHosts, func(r rune) bool { return r == ',' || r == ' ' })
	if name, err := os.Hostname(); err == nil {
		all = append(all, name)
	}
	if cert != nil && cert.pair.Load().Leaf != nil {
		all = append(all, cert.pair.Load().Leaf.DNSNames...)
	}
	return all
}

// originKey is where a request's context has the hub.Origin.
type originKey struct{}

// withOrigin asks a connection where it comes from, once.
func withOrigin(ctx context.Context, conn net.Conn, log *slog.Logger) context.Context {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	var from hub.Origin
	if plain, ok := conn.(*gio.SocketConnection); ok {
		from = lines.Origin(plain, log)
	}
	from.Door = "web"
	return context.WithValue(ctx, originKey{}, from)
}

func webOrigin(r *http.Request) hub.Origin {
	from, _ := r.Context().Value(originKey{}).(hub.Origin)
	return from
}
