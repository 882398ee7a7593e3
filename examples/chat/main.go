// Command chat is a chat server that people can really use, from nc or
// telnet, built on glibserve.
//
// Package hub is the chat itself and knows nothing of sockets; package lines
// is the door by which terminals come in. This command opens the doors.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"time"

	"github.com/glibserve/glibserve/examples/internal/listen"
	"github.com/glibserve/glibserve/examples/internal/program"
	"github.com/glibserve/glibserve/gio"
)

// goodbyeTime is how long the last words may take to reach everybody.
const goodbyeTime = 3 * time.Second

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "chat"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	var opts options
	opts.register(flags)
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if err := opts.check(); err != nil {
		return program.Refuse(name, err, stderr)
	}
	if err := serve(ctx, &opts, stdout, opts.logger(stderr)); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve opens the doors, says so, and waits until ctx is done.
func serve(ctx context.Context, opts *options, stdout io.Writer, log *slog.Logger) error {
	chat, link, err := newChat(opts, log)
	if err != nil {
		return err
	}
	svc := gio.NewSocketService(&gio.ServiceConfig{Logger: log, MaxConns: maxConns(opts.maxClients)})
	defer svc.Close()
	addrs, err := listen.Open(svc, opts.addresses.Addresses())
	if err != nil {
		return err
	}

	if link != nil {
		if err := link.Start(chat); err != nil {
			return err
		}
		defer closeLink(link)
	}

	// Serve's own ctx stays open: at the end, handlers deliver what is queued.
	served := make(chan error, 1)
	go func() { served <- svc.Serve(context.Background(), terminals(chat, opts, log)) }()
	// A client that connects before Serve runs waits in the kernel.
	if err := listen.Announce(stdout, addrs); err != nil {
		return err
	}

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down", "clients", chat.Len())
	chat.Close("The server is shutting down. Goodbye.")
	if link != nil {
		closeLink(link)
	}
	inTime, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	// The time being up is no failure: some peer did not read to the end.
	if err := svc.Shutdown(inTime); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// maxConns leaves room beside the clients for those who are being told that
// there is no place, or being sent the last of their queue. What comes beyond
// that waits in the kernel: even a flood costs a bounded amount of memory.
func maxConns(maxClients int) int { return maxClients + 64 }
