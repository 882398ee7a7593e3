// Command chat is a chat server that people can really use, from nc, telnet
// or a browser, built on glibserve.
//
// Package hub is the chat itself and knows nothing of sockets; package lines
// is the door by which terminals come in, and package web the one for
// browsers. This command opens the doors.
package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/examples/shared/program"
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
	open, err := openDoors(chat, opts, log)
	if err != nil {
		return err
	}
	defer open.close()
	if link != nil {
		if err := link.Start(chat); err != nil {
			return err
		}
		defer closeLink(link)
	}
	defer open.logOnSignal(chat, log)()
	served := open.serve()
	// A client that connects before a door is served waits in the kernel.
	if err := open.announce(stdout); err != nil {
		return err
	}

	hangups := make(chan os.Signal, 1)
	if opts.certFile != "" {
		signal.Notify(hangups, syscall.SIGHUP)
		defer signal.Stop(hangups)
	}
	for ctx.Err() == nil {
		select {
		case err := <-served:
			return err
		case <-hangups:
			open.reload(log)
		case <-ctx.Done():
		}
	}
	log.Info("shutting down", "clients", chat.Len())
	chat.Close("The server is shutting down. Goodbye.")
	if link != nil {
		closeLink(link)
	}
	inTime, cancel := context.WithTimeout(context.Background(), goodbyeTime)
	defer cancel()
	return open.shutdown(inTime)
}
