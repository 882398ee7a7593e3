// Command nethttp is examples/httpserver on package net: the same http.Server,
// the same handler, another listener.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	const name = "nethttp"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("tcp:127.0.0.1:0")
	flags.Var(addresses, "listen", "`address` to listen on: "+listen.Syntax)
	cert := flags.String("tls-cert", "", "`file` with the certificate in PEM")
	key := flags.String("tls-key", "", "`file` with its private key in PEM")
	if status, done := program.Parse(flags, "Usage: nethttp [flags]\n\nServes HTTP on package net. It is there for scripts/bench to measure.\n", args, stdout, stderr); done {
		return status
	}
	if err := serve(addresses.Addresses()[0], *cert, *key, stdout); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

func serve(address listen.Address, cert, key string, stdout io.Writer) error {
	// Without keep-alive, as the other peers.
	config := net.ListenConfig{KeepAlive: -1}
	ln, err := config.Listen(context.Background(), address.Network, address.Address)
	if err != nil {
		return err
	}
	if err := listen.Announce(stdout, []net.Addr{ln.Addr()}); err != nil {
		return err
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "hello over %s\n", r.Proto)
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	if cert != "" {
		return server.ServeTLS(ln, cert, key)
	}
	return server.Serve(ln)
}
