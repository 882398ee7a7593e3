//go:build linux

// Command runner measures the frames that a window draws while its process
// serves, and writes the tables and the picture. scripts/frames builds what it needs and
// starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/glibserve/glibserve/ci/internal/measure"
	"github.com/glibserve/glibserve/examples/shared/display"
	"github.com/glibserve/glibserve/examples/shared/program"
)

type options struct {
	bin        string
	rounds     int
	length     time.Duration
	warmup     time.Duration
	only       string
	own        bool
	quick      bool
	plan       bool
	out        string
	picture    string
	readme     string
	screenshot string
}

func main() { program.Main(run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	const name = "scripts/frames" // which is how people call it
	var o options
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.StringVar(&o.bin, "bin", "", "`folder` of the built programs")
	flags.BoolVar(&o.plan, "plan", false, "check the flags, say how long it will take, and end")
	flags.IntVar(&o.rounds, "rounds", 3, "how often each is measured")
	o.length = 4 * time.Second
	flags.Var((*measure.Seconds)(&o.length), "seconds", "how `long` each is measured")
	flags.DurationVar(&o.warmup, "warmup", time.Second, "how long to work before each")
	flags.StringVar(&o.only, "only", "", "kinds of `load`, by the beginnings of their names, with commas: "+loadNames())
	flags.BoolVar(&o.own, "display", false, "open the window on your own display, not on an invisible one")
	flags.BoolVar(&o.quick, "quick", false, "one round of one second each, to see that everything works")
	flags.StringVar(&o.out, "out", "", "`file` to write the results to")
	flags.StringVar(&o.picture, "picture", "", "`file` to draw the frame times into, a PNG")
	flags.StringVar(&o.readme, "readme", "", "`file` with a place for the short table")
	flags.StringVar(&o.screenshot, "screenshot", "", "`file` to save a picture of the window to, a PNG")
	if status, done := program.Parse(flags, "Usage: runner -bin DIR [flags]\n\nUse scripts/frames, which builds what this runs.\n", args, stdout, stderr); done {
		return status
	}
	if o.quick {
		o.rounds, o.length, o.warmup = 1, time.Second, 300*time.Millisecond
	}
	r, err := o.prepare(stderr)
	if err != nil {
		return program.Refuse(name, err, stderr)
	}
	if o.plan {
		fmt.Fprintf(stderr, "frames: %d measurements; about %s\n", len(r.scenes)*o.rounds, r.duration().Round(10*time.Second))
		return program.OK
	}
	return o.execute(ctx, r, stdout, stderr)
}

func (o *options) prepare(log io.Writer) (*runner, error) {
	switch {
	case o.rounds < 1:
		return nil, errors.New("-rounds is 1 or more")
	case o.length < 500*time.Millisecond || o.length > time.Minute:
		return nil, errors.New("-seconds is 0.5 to 60")
	case o.warmup < 0 || o.warmup > time.Minute:
		return nil, errors.New("-warmup is 0s to 1m")
	case o.own && o.screenshot != "":
		return nil, errors.New("-screenshot is of the invisible display")
	}
	scenes, err := choose(o.only)
	if err != nil {
		return nil, err
	}
	return &runner{
		rounds: o.rounds, length: o.length, warmup: o.warmup, scenes: scenes, log: log,
		samples: map[key][]*sample{}, screenshot: o.screenshot,
	}, nil
}

func (o *options) execute(ctx context.Context, r *runner, stdout, stderr io.Writer) int {
	var err error
	if r.bin, err = filepath.Abs(o.bin); err != nil {
		return program.Fail("frames", err, stderr)
	}
	if !o.own {
		if r.display, err = display.Start(); err != nil {
			return program.Fail("frames", err, stderr)
		}
		defer r.display.Close()
	}
	began := time.Now()
	if err := r.run(ctx); err != nil && len(r.samples) == 0 {
		return measure.Interrupted
	}
	fmt.Fprintf(stderr, "frames: %s\n\n", measure.Clock(time.Since(began)))
	fmt.Fprint(stdout, r.document(describeMachine(context.WithoutCancel(ctx), o.own)))
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "\nframes: interrupted: these are the measurements until then, and nothing is written")
		return measure.Interrupted
	}
	if err := o.write(context.WithoutCancel(ctx), r); err != nil {
		return program.Fail("frames", err, stderr)
	}
	if len(r.trouble) > 0 {
		fmt.Fprintln(stderr, "\nframes: something went wrong: see the notes")
		return program.Failure
	}
	return program.OK
}
