//go:build linux

// Command runner measures this library and its peers side by side and writes
// the table. scripts/bench builds what it needs and starts it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/measure"
	"github.com/glibserve/glibserve/examples/shared/program"
)

type options struct {
	bin     string
	rounds  int
	length  time.Duration
	warmup  time.Duration
	only    string
	peers   string
	idle    int
	out     string
	samples string
	quick   bool
	plan    bool
}

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "scripts/bench" // which is how people call it
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.bin, "bin", "", "`folder` of the built programs")
	flags.BoolVar(&o.plan, "plan", false, "check the flags, say how long it will take, and end")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each is measured")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how long to work before each")
	flags.StringVar(&o.only, "only", "", "kinds of `work`, by the beginnings of their names, with commas: "+strings.Join(workNames(), " "))
	flags.StringVar(&o.peers, "peers", "", "`peers` to measure, with commas: "+strings.Join(peerNames(), " "))
	flags.IntVar(&o.idle, "idle", 6000, "how many idle `connections`")
	flags.StringVar(&o.out, "out", "", "`file` to write the results to")
	flags.StringVar(&o.samples, "samples", "", "`file` to write every single report to, as JSON")
	flags.BoolVar(&o.quick, "quick", false, "one round of one second each, to see that everything works")
	o.length = 3 * time.Second
	flags.Var((*measure.Seconds)(&o.length), "seconds", "how `long` each is measured")
	if status, done := program.Parse(flags, "Usage: runner -bin DIR [flags]\n\nUse scripts/bench, which builds what this runs.\n", args, stdout, stderr); done {
		return status
	}
	b, err := prepare(&o, stderr)
	if err != nil {
		return program.Refuse(name, err, stderr)
	}
	if o.plan {
		fmt.Fprintf(stderr, "bench: %s; about %s\n", b.summary(), b.duration().Round(10*time.Second))
		return program.OK
	}
	return b.execute(ctx, &o, stdout, stderr)
}

// prepare makes of the options what is to be done.
func prepare(o *options, stderr io.Writer) (*bench, error) {
	if o.quick {
		o.rounds, o.length, o.warmup, o.idle = 1, time.Second, 200*time.Millisecond, min(o.idle, 500)
	}
	switch {
	case o.rounds < 1:
		return nil, errors.New("-rounds is 1 or more")
	case o.length < 100*time.Millisecond || o.length > 10*time.Minute:
		return nil, errors.New("-seconds is 0.1 to 600")
	case o.warmup < 0 || o.warmup > 10*time.Minute:
		return nil, errors.New("-warmup is 0s to 10m")
	case o.idle < 1:
		return nil, errors.New("-idle is 1 or more")
	}
	b := &bench{
		bin: o.bin, rounds: o.rounds, length: o.length, warmup: o.warmup, log: stderr,
		results: map[key][]*report.Report{},
	}
	// Both sides need descriptors, and package net's io.Copy three for each client: a pipe is two.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && limit.Cur < 1<<30 {
		if most := (int(limit.Cur) - 200) / 3; o.idle > most && most > 0 {
			fmt.Fprintf(stderr, "bench: this system lets a process open %d files: %d idle connections, not %d\n", limit.Cur, most, o.idle)
			o.idle = most
		}
	}
	var err error
	if b.works, err = chooseWorks(o.only, allWorks(o.idle, o.plan || hasLoops(o.bin))); err != nil {
		return nil, err
	}
	b.peers, err = choosePeers(o.peers)
	return b, err
}

func (b *bench) summary() string {
	return fmt.Sprintf("%s of work, %s, %s of %s each", count(len(b.works), "kind"), count(len(b.shown()), "peer"), count(b.rounds, "round"), b.length)
}

// execute runs, prints and writes.
func (b *bench) execute(ctx context.Context, o *options, stdout, stderr io.Writer) int {
	const name = "scripts/bench"
	dir, err := os.MkdirTemp("", "glibserve-bench.")
	if err != nil {
		return program.Fail(name, err, stderr)
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	if b.bin, err = filepath.Abs(o.bin); err != nil {
		return program.Fail(name, err, stderr)
	}
	if err := makeCert(dir); err != nil {
		return program.Fail(name, err, stderr)
	}
	if _, err := exec.LookPath("wrk"); err != nil {
		b.leaveOut("http", "wrk is not installed")
	}
	began := time.Now()
	runErr := b.run(ctx)
	fmt.Fprintf(stderr, "bench: %s\n\n", measure.Clock(time.Since(began)))
	if len(b.results) == 0 && runErr != nil {
		return measure.Interrupted
	}

	text := b.document(describeMachine(context.WithoutCancel(ctx)))
	fmt.Fprint(stdout, text)
	if runErr != nil {
		fmt.Fprintln(stderr, "\nbench: interrupted: these are the measurements until then, and nothing is written")
		return measure.Interrupted
	}
	if err := b.write(o, text); err != nil {
		return program.Fail(name, err, stderr)
	}
	if b.failed() {
		fmt.Fprintln(stderr, "\nbench: something went wrong: see the notes")
		return program.Failure
	}
	return program.OK
}

// leaveOut drops a kind of work that cannot be measured here.
func (b *bench) leaveOut(name, why string) {
	for i, w := range b.works {
		if w.name == name {
			fmt.Fprintf(b.log, "bench: %s: left out: %s\n", w.title, why)
			b.works = append(b.works[:i:i], b.works[i+1:]...)
			return
		}
	}
}

func (b *bench) write(o *options, text string) error {
	if o.out != "" {
		if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if o.samples == "" {
		return nil
	}
	samples := map[string][]*report.Report{}
	for k, reports := range b.results {
		samples[k.work+" "+k.peer] = reports
	}
	data, err := json.MarshalIndent(samples, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(o.samples, append(data, '\n'), 0o644)
}
