// Command dbus is a D-Bus service without a message bus: peers connect to it
// by GLib's GSocketService, and each accepted connection is handed to GDBus.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/glibserve/glibserve/examples/dbus/peer"
	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/gio"
	"github.com/glibserve/glibserve/glibloop"
)

const usage = `Usage: dbus [flags]

Serves an object on peer-to-peer D-Bus, on GLib's GSocketService and GDBus. It
prints a line "listening on NETWORK ADDRESS" for each address, then serves
until Ctrl-C. Processes of the same user may call it.

    dbus
    dbus -listen unix:/tmp/greeter.sock -listen unix:@greeter

Try it from another terminal:

    gdbus call --address unix:path=/tmp/greeter.sock -d com.example.Greeter -o /com/example/Greeter \
        -m com.example.Greeter.Greet World
    gdbus call --address unix:abstract=greeter -d com.example.Greeter -o /com/example/Greeter \
        -m org.freedesktop.DBus.Properties.Get com.example.Greeter Count
`

// grace is how long the goodbye to the peers may take.
const grace = 5 * time.Second

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "dbus"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("unix:/tmp/greeter.sock")
	flags.Var(addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	anonymous := flags.Bool("anonymous", false, "let in whoever can connect, without asking who it is")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	for _, address := range addresses.Addresses() {
		if strings.HasPrefix(address.Network, "tcp") && !*anonymous {
			return program.Refuse(name, errors.New("-listen "+address.String()+
				" needs -anonymous: the kernel tells whose process a peer is on Unix sockets only"), stderr)
		}
	}

	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := serve(ctx, addresses.Addresses(), *anonymous, stdout, log); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve listens, says so, and serves until ctx is done.
func serve(ctx context.Context, addresses []listen.Address, anonymous bool, stdout io.Writer, log *slog.Logger) error {
	contract, err := peer.ParseInterface(introspection)
	if err != nil {
		return err
	}
	// A loop of our own that outlives the service: peers need it to the end.
	loop := glibloop.New()
	defer loop.Close()
	svc := gio.NewSocketService(&gio.ServiceConfig{Loop: loop, Logger: log})
	defer svc.Close()
	addrs, err := listen.Open(svc, addresses)
	if err != nil {
		return err
	}

	server := &peer.Server{
		Loop: loop, GUID: peer.NewGUID(), Path: objectPath, Interface: contract,
		Object: newGreeter(), Anonymous: anonymous,
	}
	served := make(chan error, 1)
	go func() {
		// With ctx done, Serve takes no further client and the handlers' ctx is
		// done as well.
		served <- svc.Serve(ctx, gio.HandlerFunc(func(ctx context.Context, conn *gio.SocketConnection) {
			// Serve closes conn after this: GDBus itself leaves the descriptor open
			// when a peer has left, for as long as somebody holds the GObject.
			if err := server.Serve(ctx, conn); err != nil && ctx.Err() == nil {
				log.Info("a peer was not let in", "remote", conn.RemoteAddr(), "error", err)
			}
		}))
	}()
	if err := listen.Announce(stdout, addrs); err != nil {
		return err
	}

	if err := <-served; ctx.Err() == nil {
		return err
	}
	inTime, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return svc.Shutdown(inTime)
}
