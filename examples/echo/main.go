// Command echo is the smallest real server on glibserve: it sends back
// whatever it is sent, on as many TCP and Unix sockets as it is told.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/gio"
)

const usage = `Usage: ./echo [flags]

Sends back what it is sent, on GLib's GSocketService. It prints a line
"listening on NETWORK ADDRESS" for each address, then serves until Ctrl-C.

    ./echo
    ./echo -listen tcp:127.0.0.1:9000 -listen unix:/tmp/echo.sock -listen unix:@echo

Try it from another terminal:

    nc 127.0.0.1 9000
    nc -U /tmp/echo.sock
`

// maxLoops is far more than any machine has use for; each is a thread.
const maxLoops = 256

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "echo"
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	addresses := listen.Default("tcp:127.0.0.1:9000")
	flags.Var(addresses, "listen", "`address` to listen on, may be given several times:\n"+listen.Syntax)
	grace := flags.Duration("grace", time.Second, "`time` that open connections may go on after Ctrl-C")
	number := flags.Int("loops", 1, "`number` of main loops that serve each TCP address together (SO_REUSEPORT)")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	switch {
	case *grace < 0:
		return program.Refuse(name, errors.New("-grace must not be negative"), stderr)
	case *number < 1 || *number > maxLoops:
		return program.Refuse(name, fmt.Errorf("-loops is a number from 1 to %d", maxLoops), stderr)
	}

	if err := serve(ctx, *number, addresses.Addresses(), *grace, stdout); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve listens, says so, and echoes until ctx is done.
func serve(ctx context.Context, number int, addresses []listen.Address, grace time.Duration, stdout io.Writer) error {
	svc := newLoops(number)
	defer svc.Close()
	addrs, err := listen.Open(svc, addresses)
	if err != nil {
		return err
	}

	// Serve's own ctx stays open: handlers are given the grace to finish.
	served := make(chan error, 1)
	go func() {
		served <- svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) {
			// A client that went away is everyday life, not an error of ours.
			_, _ = io.Copy(conn, conn)
		}))
	}()
	// A client that connects before Serve runs waits in the kernel.
	if err := listen.Announce(stdout, addrs); err != nil {
		return err
	}

	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	graceful, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	// The time being up is no failure: what was still open has been closed.
	if err := svc.Shutdown(graceful); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
