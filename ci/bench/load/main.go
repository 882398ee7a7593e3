//go:build linux

// Command load is the client side of the measurements: one kind of work, on
// one server of this machine, for a few seconds. It checks everything that
// comes back and prints a report as JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/examples/shared/program"
)

const usage = `Usage: load -addr 127.0.0.1:PORT [flags]

Puts one kind of work on a server of this machine and prints, as JSON, what
was measured. scripts/bench runs it; by hand:

    echo -listen tcp:127.0.0.1:9000 &
    load -addr 127.0.0.1:9000 -work echo -conns 64

The kinds of work:

    connect   connect, send a block, get it back, close: -conns at once
    echo      send a block, get it back, on -conns connections that stay
    sink      send without end; the server answers how much it got
    source    receive without end
    idle      open -conns connections, use each once, let them rest; then again
    tls       connect, TLS handshake, one HTTP request, close: -conns at once
    handshake connect, TLS handshake, send a block, get it back, close: -conns at once
    garbage   connect, send what is no TLS, wait for the end: -conns at once
    tls-idle  as idle, over TLS
    http      GET / with wrk, on -conns connections that stay
`

type options struct {
	addr    string
	work    string
	conns   int
	size    int
	pid     int
	rate    int
	threads int
	length  time.Duration
	warmup  time.Duration
}

// works has the function of each kind of work.
var works = map[string]func(context.Context, *options) (*report.Report, error){
	"connect": func(ctx context.Context, o *options) (*report.Report, error) {
		return runWorkers(ctx, o, &echoing{size: o.size, churn: true})
	},
	"echo": func(ctx context.Context, o *options) (*report.Report, error) {
		return runWorkers(ctx, o, &echoing{size: o.size})
	},
	"sink":   func(ctx context.Context, o *options) (*report.Report, error) { return runWorkers(ctx, o, filling{}) },
	"source": func(ctx context.Context, o *options) (*report.Report, error) { return runWorkers(ctx, o, taking{}) },
	"idle":   runIdle,
	"tls": func(ctx context.Context, o *options) (*report.Report, error) {
		return runExchanges(ctx, o, requestOverTLS)
	},
	"handshake": func(ctx context.Context, o *options) (*report.Report, error) {
		return runExchanges(ctx, o, echoOverTLS)
	},
	"garbage":  func(ctx context.Context, o *options) (*report.Report, error) { return runExchanges(ctx, o, garbage) },
	"tls-idle": runTLSIdle,
	"http":     runWrk,
}

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "load"
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.addr, "addr", "", "the server's `address`: 127.0.0.1:PORT")
	flags.StringVar(&o.work, "work", "echo", "the `kind` of work, see above")
	flags.IntVar(&o.conns, "conns", 64, "how many connections at a time")
	flags.IntVar(&o.size, "size", 64, "`bytes` in a block, 16 to 1048576")
	flags.IntVar(&o.pid, "pid", 0, "the server's process, to measure what it uses; 0 measures this side only")
	flags.IntVar(&o.rate, "rate", 0, "operations a second, at most, of connect and echo; 0: as many as they can")
	flags.IntVar(&o.threads, "threads", max(1, runtime.NumCPU()/2), "threads of this side")
	flags.DurationVar(&o.length, "length", 3*time.Second, "how long to measure")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how long to work before that")
	if status, done := program.Parse(flags, usage, args, stdout, stderr); done {
		return status
	}
	if err := o.check(); err != nil {
		return program.Refuse(name, err, stderr)
	}
	r, err := works[o.work](ctx, &o)
	if err != nil {
		if r != nil && r.Failures() > 0 {
			err = fmt.Errorf("%w (%s)", err, strings.Join(r.Reasons(), "; "))
		}
		return program.Fail(name, err, stderr)
	}
	if err := json.NewEncoder(stdout).Encode(r); err != nil {
		return program.Fail(name, err, stderr)
	}
	return program.OK
}

func (o *options) check() error {
	switch {
	case works[o.work] == nil:
		return fmt.Errorf("-work %s: there is no such kind", o.work)
	case o.addr == "":
		return errors.New("-addr is missing")
	case o.conns < 1 || o.threads < 1:
		return errors.New("-conns and -threads are 1 or more")
	case o.size < 16 || o.size > 1<<20:
		return errors.New("-size is 16 to 1048576")
	case o.rate < 0 || o.rate > 0 && o.work != "connect" && o.work != "echo":
		return errors.New("-rate is for connect and echo, and 0 or more")
	case o.length <= 0 || o.warmup < 0:
		return errors.New("-length is more than 0s, and -warmup at least that")
	}
	_, err := newTarget(o.addr, 0)
	return err
}
