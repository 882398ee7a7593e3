//go:build linux

// Command soak works a server of glibserve hard for as long as it is told, with
// clients of every kind and faults on purpose, and fails when anything was lost
// or corrupted, or when the server grew.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/glibserve/glibserve/ci/soak/load"
	"github.com/glibserve/glibserve/ci/soak/rival"
	"github.com/glibserve/glibserve/ci/soak/server"
	"github.com/glibserve/glibserve/examples/shared/program"
)

const usage = `Usage: scripts/soak [flags]

Starts a server with eleven services (Serve, Accept, NetListener, Conns,
ConnectIncoming, MaxConns reached, a ThreadedSocketService, one that is often
closed and opened again, one whose consumer changes, one whose connections are
made anew by FileConn and NewSocketConnection, and one with TLS by GIO where that
can do it) on TCP over IPv4 and IPv6, on Unix paths and on abstract names,
and a load with clients of every kind: short, long, bulk, half-closing, slow
readers and writers, idle, floods, silent, garbage, resets, clients that vanish or
stop in the middle of a TLS handshake, handlers that panic, and connections that
GIO code closes. Meanwhile services are stopped and started, closed or shut down
and opened again, their handlers blocked, their sockets made blocking ones; three
processes fight for a path; and the server is left without descriptors. All on
this machine, and through the public API alone.

Every byte is checked in both directions. A client that the kernel accepted while
its service was open must be served. Every few seconds the load pauses; what the
server then holds must not grow over the last half of the time: resident memory,
Go's heap, descriptors, goroutines, threads, GObjects. The status is 1 when
anything was lost, corrupted or grew, or something unexpected was logged.

    scripts/soak -time 20m
    scripts/soak -connections 1000000

With -connections the load is so many short connections to one service instead
(connect, 64 bytes echoed, close), and a sample after every tenth of them.
Ctrl-C ends either early, with the summary.
`

type options struct {
	time        time.Duration
	seed        uint64
	connections int
	workers     int
	grow        float64
	nodirect    bool
	sabotage    string
}

// The roles of the two processes that it starts.
const (
	asServer = "as-server"
	asLoad   = "as-load"
)

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "soak"
	if len(args) == 1 {
		roles := map[string]func(io.Reader, io.Writer) error{asServer: server.Run, asLoad: load.Run, rival.As: rival.Run}
		if role := roles[args[0]]; role != nil {
			if err := role(os.Stdin, os.Stdout); err != nil {
				return program.Fail(name+" "+args[0], err, stderr)
			}
			return program.OK
		}
	}

	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.DurationVar(&o.time, "time", 2*time.Minute, "`how long` to work the server")
	flags.Uint64Var(&o.seed, "seed", 0, "`number` that the choices by chance begin with; 0: another one each time")
	flags.IntVar(&o.connections, "connections", 0, "`how many` short connections to make instead of the mixed load")
	flags.IntVar(&o.workers, "clients", 48, "`how many` clients at a time, floods not counted")
	flags.BoolVar(&o.nodirect, "nodirect", false, "leave all accepting to GIO (GLIBSERVE_DEBUG=nodirect)")
	flags.Float64Var(&o.grow, "grow", 2, "`MiB` that resident memory may grow by over the last half")
	if status, done := program.Parse(flags, usage, o.takeSabotage(args), stdout, stderr); done {
		return status
	}
	if err := o.check(); err != nil {
		return program.Refuse(name, err, stderr)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64N(math.MaxUint32) + 1
	}
	if err := soak(ctx, o, stdout, stderr); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

// takeSabotage takes -sabotage=HOW off the command line: it is for the tests of
// the soak itself, and nothing to offer to people.
func (o *options) takeSabotage(args []string) (rest []string) {
	for _, a := range args {
		if how, ok := strings.CutPrefix(a, "-sabotage="); ok {
			o.sabotage = how
		} else {
			rest = append(rest, a)
		}
	}
	return rest
}

func (o options) check() error {
	switch {
	case o.time < time.Second:
		return errors.New("-time must be a second or more")
	case o.connections < 0:
		return errors.New("-connections must not be negative")
	case o.connections > 0 && o.connections < samples*o.workers:
		return fmt.Errorf("-connections must be at least %d", samples*o.workers)
	case o.workers < 1 || o.workers > 1000:
		return errors.New("-clients must be from 1 to 1000")
	case o.grow <= 0:
		return errors.New("-grow must be more than 0")
	}
	return nil
}

// soak runs one or the other and returns why it failed.
func soak(ctx context.Context, o options, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := start(o, dir, stderr)
	if err != nil {
		return err
	}
	var failed error
	if o.connections > 0 {
		failed = p.flat(ctx, stdout)
	} else {
		failed = p.mixed(ctx, stdout)
	}
	return errors.Join(failed, p.end())
}
