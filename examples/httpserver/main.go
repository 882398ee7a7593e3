// Command httpserver is package net/http on GLib's GSocketService: all of
// http.Server, HTTP/2 and TLS included, on a net.Listener that GIO accepts
// for.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"expvar"
	"flag"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/gio"
)

const usage = `Usage: httpserver [flags]

Serves HTTP on GLib's GSocketService: a greeting, or the files of a folder. It
prints a line "listening on NETWORK ADDRESS" for each address, then serves
until Ctrl-C, and lets requests under way finish.

    httpserver
    httpserver -dir . -listen tcp:127.0.0.1:8080 -listen unix:/tmp/http.sock

Try it from another terminal:

    curl http://127.0.0.1:8080/
    curl --unix-socket /tmp/http.sock http://localhost/

With a certificate it serves HTTPS, and HTTP/2 to those who can. To make one
for trying out, and to use it:

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj /CN=localhost -days 30 -keyout key.pem -out cert.pem
    httpserver -tls-cert cert.pem -tls-key key.pem
    curl --insecure https://127.0.0.1:8080/

How many clients came and are here, and if nobody is accepted, why:

    httpserver -expvar
    curl http://127.0.0.1:8080/debug/vars
`

type options struct {
	addresses []listen.Address
	cert, key string
	dir       string
	vars      bool // publish the variables of package expvar
	grace     time.Duration
	header    time.Duration // for a request's header to come in
	idle      time.Duration // between two requests
}

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "httpserver"
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("tcp:127.0.0.1:8080")
	flags.Var(addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	flags.StringVar(&o.cert, "tls-cert", "", "`file` with the certificate, and those of its issuers, in PEM")
	flags.StringVar(&o.key, "tls-key", "", "`file` with the certificate's private key in PEM")
	flags.StringVar(&o.dir, "dir", "", "`folder` whose files to serve, all of them, to anybody who asks")
	flags.BoolVar(&o.vars, "expvar", false, "serve /debug/vars, the variables of package expvar, to anybody who asks:\nthe service's numbers are the one named service")
	flags.DurationVar(&o.header, "header-timeout", 10*time.Second, "end a connection whose request, or TLS handshake, takes longer\nthan this `time` to come in, and so one that sends a byte now and then")
	flags.DurationVar(&o.idle, "idle-timeout", 2*time.Minute, "end a connection that sends no further request for this `time`")
	flags.DurationVar(&o.grace, "grace", 5*time.Second, "how long requests may go on after Ctrl-C")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	o.addresses = addresses.Addresses()
	switch {
	case (o.cert == "") != (o.key == ""):
		return program.Refuse(name, errors.New("-tls-cert and -tls-key go together"), stderr)
	case o.grace < 0:
		return program.Refuse(name, errors.New("-grace must not be negative"), stderr)
	case o.header <= 0 || o.idle <= 0:
		return program.Refuse(name, errors.New("-header-timeout and -idle-timeout must be more than 0"), stderr)
	}

	if err := serve(ctx, &o, stdout); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve listens, says so, and serves until ctx is done.
func serve(ctx context.Context, o *options, stdout io.Writer) error {
	server := &http.Server{
		Handler:           handler(o),
		ReadHeaderTimeout: o.header,
		IdleTimeout:       o.idle,
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return fmt.Errorf("cannot use that certificate: %w", err)
		}
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	}

	svc := gio.NewSocketService(nil)
	defer svc.Close()
	serving.Store(svc)
	addrs, err := listen.Open(svc, o.addresses)
	if err != nil {
		return err
	}
	listener := svc.NetListener() // accepts on every address of the service
	served := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			// Not Serve on a listener of crypto/tls: this offers HTTP/2 as well.
			served <- server.ServeTLS(listener, "", "")
		} else {
			served <- server.Serve(listener)
		}
	}()
	if err := listen.Announce(stdout, addrs); err != nil {
		return err
	}

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	graceful, cancel := context.WithTimeout(context.Background(), o.grace)
	defer cancel()
	err = server.Shutdown(graceful)
	if errors.Is(err, context.DeadlineExceeded) {
		// The time being up is no failure.
		return server.Close()
	}
	return err
}

// serving is the service whose numbers the variable shows.
var serving atomic.Pointer[gio.SocketService]

func init() {
	expvar.Publish("service", expvar.Func(func() any {
		if svc := serving.Load(); svc != nil {
			return svc.Stats()
		}
		return nil
	}))
}

func handler(o *options) http.Handler {
	var pages http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello over %s\n", r.Proto)
	})
	if o.dir != "" {
		pages = http.FileServer(http.Dir(o.dir))
	}
	if !o.vars {
		return pages
	}
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	mux.Handle("/debug/vars", expvar.Handler())
	return mux
}
