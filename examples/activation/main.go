// Command activation is a service that systemd starts when its first client
// comes: it takes its sockets from systemd, and ends when it has nothing to
// do, until systemd starts it anew.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"github.com/glibserve/glibserve/examples/shared/listen"
	"github.com/glibserve/glibserve/examples/shared/program"
	"github.com/glibserve/glibserve/gio"
)

const name = "activation"

const usage = `Usage: activation [flags]

Tells the time of day to whoever connects, on GLib's GSocketService. It does
not listen by itself: systemd does, starts it when the first client comes,
and hands it the sockets (socket activation). It ends when no client has come
for a while, and systemd starts it anew for the next one; nobody who connects
in between is lost. A socket that is called "utc" tells the time of UTC, each
other one that of this machine.

Try it without an installation, by a program that comes with systemd:

    systemd-socket-activate -l 127.0.0.1:9004 -l /tmp/utc.sock --fdname=local:utc ./activation

and from another terminal:

    nc 127.0.0.1 9004
    nc -U /tmp/utc.sock

The folder units/ beside the source has unit files to install.
`

const (
	// grace is how long a client may take, also at the end.
	grace = 5 * time.Second

	// linger is how long a client that has its answer may stay.
	linger = time.Second
)

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	idle := flags.Duration("idle", 30*time.Second, "end when no client has come for this `time`; 0: never")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if *idle < 0 {
		return program.Refuse(name, errors.New("-idle must not be negative"), stderr)
	}
	if err := check(os.Getenv, os.Getpid(), listens); err != nil {
		return program.Refuse(name, err, stderr)
	}
	// The variables are unset: they are not for the children of this process.
	if err := serve(ctx, activation.Files(true), *idle, stdout, stderr); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// serve serves the sockets until ctx is done or no client has come for a while.
func serve(ctx context.Context, sockets []*os.File, idle time.Duration, stdout, stderr io.Writer) error {
	svc := gio.NewSocketService(nil)
	defer svc.Close()
	for _, socket := range sockets {
		// The name comes back as the Source of the connections.
		if err := svc.AddFile(socket, socket.Name()); err != nil {
			return fmt.Errorf("cannot serve the socket %q of systemd: %w", socket.Name(), err)
		}
		socket.Close() // the service has a duplicate, and systemd its own
	}
	if err := listen.Announce(stdout, svc.Addrs()); err != nil {
		return err
	}

	quiet := newQuiet(idle)
	served := make(chan error, 1)
	go func() {
		served <- svc.Serve(context.Background(), gio.HandlerFunc(func(_ context.Context, conn *gio.SocketConnection) {
			quiet.enter()
			defer quiet.leave()
			// A client that went away is everyday life, not an error of ours.
			_ = tell(conn, time.Now())
		}))
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	case <-quiet.over:
		fmt.Fprintf(stderr, "%s: no client for %v: ending, until systemd starts it anew\n", name, idle)
	}
	// Whoever has been accepted is served. Whoever comes from now on waits in
	// the socket, which systemd keeps open, for the next process.
	graceful, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := svc.Shutdown(graceful); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// tell writes the time, and waits for the client to hang up: what it sent
// without being asked would otherwise, unread, make the kernel reset the
// connection, and the time might not arrive.
func tell(conn *gio.SocketConnection, now time.Time) error {
	if conn.Source() == "utc" {
		now = now.UTC()
	}
	if err := conn.SetDeadline(time.Now().Add(grace)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, now.Format(time.RFC1123Z)); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(linger)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, io.LimitReader(conn, 64<<10))
	return err
}
