package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/shared/listen"
)

const usage = `Usage: chat [flags]

A chat server for people with a terminal or a browser: rooms, nicknames,
private messages and a short history, on GLib's GSocketService. It prints a
line "listening on NETWORK ADDRESS" for each address, then serves until Ctrl-C,
which tells everybody before it ends.

    chat
    chat -listen tcp:127.0.0.1:9001 -listen unix:/tmp/chat.sock -listen unix:@chat
    chat -web tcp:127.0.0.1:9080

Servers that share a NATS server are one chat, with the same rooms and people:

    chat -listen tcp:127.0.0.1:9001 -nats nats://127.0.0.1:4222
    chat -listen tcp:127.0.0.1:9002 -nats nats://127.0.0.1:4222

Come in from other terminals, and type /help there:

    nc 127.0.0.1 9001
    nc -U /tmp/chat.sock

or with a browser: http://127.0.0.1:9080/

SIGUSR1 has it log how many came and are here, for each address, and if nobody
is accepted there, why.

With a certificate people come in over TLS. To make one for trying out, and to
use it:

    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost -days 30 \
        -keyout key.pem -out cert.pem
    chat -tls-cert cert.pem -tls-key key.pem \
        -listen-tls tcp:127.0.0.1:9443 -web-tls tcp:127.0.0.1:9444
    openssl s_client -quiet -CAfile cert.pem -verify_return_error -connect localhost:9443

A renewed certificate needs no restart: SIGHUP has both files read again, for
those who come in from then on. What is wrong with them is logged, and those
that were read before stay. In a systemd unit:

    ExecReload=kill -HUP $MAINPID
`

// options is the command line of the program.
type options struct {
	addresses       *listen.Flag
	tlsAddresses    *listen.Flag
	webAddresses    *listen.Flag
	webTLSAddresses *listen.Flag
	certFile        string
	keyFile         string
	webHosts        string

	maxClients  int
	maxPerHost  int
	idleTimeout time.Duration
	queue       int
	rate        float64
	nats        string
	natsSubject string
	natsBeat    time.Duration
	logLevel    slog.Level
	logFormat   string
}

func (o *options) register(flags *flag.FlagSet) {
	o.addresses = listen.Default("tcp:127.0.0.1:9001")
	flags.Var(o.addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	o.tlsAddresses, o.webAddresses, o.webTLSAddresses = listen.Default(), listen.Default(), listen.Default()
	flags.Var(o.tlsAddresses, "listen-tls", "as -listen, for lines of text over TLS: `address` to listen on")
	flags.Var(o.webAddresses, "web", "as -listen, for browsers: `address` to serve the web page on")
	flags.Var(o.webTLSAddresses, "web-tls", "as -web, over TLS (https): `address` to serve the web page on")
	flags.StringVar(&o.webHosts, "web-host", "", "`names`, with commas between them, at which browsers may ask for the page,\nbeside localhost, IP addresses, this machine's name and those in the certificate")
	flags.StringVar(&o.certFile, "tls-cert", "", "`file` with the certificate, and those of its issuers, in PEM")
	flags.StringVar(&o.keyFile, "tls-key", "", "`file` with the certificate's private key in PEM")
	flags.IntVar(&o.maxClients, "max-clients", 1000, "how many `people` may be here at once; who comes then is told to try later")
	flags.IntVar(&o.maxPerHost, "max-per-host", 0, "how many `people` may come from one IP address or Unix user; 0: any number")
	flags.DurationVar(&o.idleTimeout, "idle-timeout", time.Hour, "end a connection that sends no line for this `time`; 0: never")
	flags.IntVar(&o.queue, "queue", 256, "how many `lines` may wait for a slow reader before it is disconnected")
	flags.Float64Var(&o.rate, "rate", 10, "`lines` a second that one client may send, after 40 at once;\na faster one is slowed down; 0: any number")
	flags.StringVar(&o.nats, "nats", "", "`URL` of a NATS server that links this server to others, such as nats://127.0.0.1:4222;\nseveral may be given with commas between them; empty: this server is alone")
	flags.StringVar(&o.natsSubject, "nats-subject", cluster.DefaultSubject, "what the NATS subjects begin with: servers with the same one are one chat")
	flags.DurationVar(&o.natsBeat, "nats-heartbeat", 2*time.Second, "how `often` the others are told that this server is there;\nafter four times this without a word they take it for gone")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	flags.StringVar(&o.logFormat, "log-format", "text", "`format` of the log: text or json")
}

// check finds what is wrong with the values that package flag accepted.
func (o *options) check() error {
	switch {
	case o.maxClients < 1:
		return errors.New("-max-clients must be at least 1")
	case o.maxPerHost < 0:
		return errors.New("-max-per-host must not be negative")
	case o.idleTimeout < 0:
		return errors.New("-idle-timeout must not be negative")
	case o.queue < 1:
		return errors.New("-queue must be at least 1")
	case o.rate < 0 || math.IsNaN(o.rate) || math.IsInf(o.rate, 0):
		return errors.New("-rate must be a number, and not negative")
	case o.logFormat != "text" && o.logFormat != "json":
		return fmt.Errorf("-log-format is text or json, not %q", o.logFormat)
	}
	return cmp.Or(o.checkTLS(), o.checkAddresses(), o.checkNATS())
}

// checkTLS finds half of what TLS needs.
func (o *options) checkTLS() error {
	wanted := len(o.tlsAddresses.Addresses())+len(o.webTLSAddresses.Addresses()) > 0
	given := o.certFile != ""
	switch {
	case given != (o.keyFile != ""):
		return errors.New("-tls-cert and -tls-key go together")
	case wanted && !given:
		return errors.New("-listen-tls and -web-tls need a certificate: -tls-cert and -tls-key")
	case given && !wanted:
		return errors.New("-tls-cert is for the addresses of -listen-tls and -web-tls, and there are none")
	}
	return nil
}

// checkAddresses finds an address that two flags want; a flag itself finds
// one that it was given twice.
func (o *options) checkAddresses() error {
	wanted := make(map[listen.Address]bool)
	for _, addresses := range []*listen.Flag{o.addresses, o.tlsAddresses, o.webAddresses, o.webTLSAddresses} {
		for _, address := range addresses.Addresses() {
			if wanted[address] && !address.AnyPort() {
				return fmt.Errorf("%s is wanted for two protocols: give each an address of its own", address)
			}
			wanted[address] = true
		}
	}
	return nil
}

func (o *options) logger(w io.Writer) *slog.Logger {
	how := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, how))
	}
	return slog.New(slog.NewTextHandler(w, how))
}
