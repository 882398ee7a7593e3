package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/glibserve/glibserve/examples/chat/cluster"
	"github.com/glibserve/glibserve/examples/internal/listen"
)

const usage = `Usage: chat [flags]

A chat server for people with a terminal: rooms, nicknames, private messages
and a short history, on GLib's GSocketService. It prints a line
"listening on NETWORK ADDRESS" for each address, then serves until Ctrl-C,
which tells everybody before it ends.

    chat
    chat -listen tcp:127.0.0.1:9001 -listen unix:/tmp/chat.sock -listen unix:@chat

Servers that share a NATS server are one chat, with the same rooms and people:

    chat -listen tcp:127.0.0.1:9001 -nats nats://127.0.0.1:4222
    chat -listen tcp:127.0.0.1:9002 -nats nats://127.0.0.1:4222

Come in from other terminals, and type /help there:

    nc 127.0.0.1 9001
    nc -U /tmp/chat.sock
`

// options is the command line of the program.
type options struct {
	addresses   *listen.Flag
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
	return o.checkNATS()
}

func (o *options) logger(w io.Writer) *slog.Logger {
	how := &slog.HandlerOptions{Level: o.logLevel}
	if o.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, how))
	}
	return slog.New(slog.NewTextHandler(w, how))
}
