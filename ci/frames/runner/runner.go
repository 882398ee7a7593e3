//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/glibserve/glibserve/ci/internal/measure"
	"github.com/glibserve/glibserve/examples/shared/display"
)

// runner is one run of scripts/frames.
type runner struct {
	bin        string
	display    *display.Display // nil: the user's own
	rounds     int
	length     time.Duration
	warmup     time.Duration
	scenes     []key
	screenshot string // where to; empty once it was taken
	log        io.Writer

	samples map[key][]*sample
	trouble []string
}

// overhead is what a measurement takes beyond its own time: opening the window,
// the connections, the end.
const overhead = 1500 * time.Millisecond

func (r *runner) duration() time.Duration {
	return time.Duration(r.rounds*len(r.scenes)) * (r.length + r.warmup + overhead)
}

// run measures everything, round after round, so that what else the machine does
// falls on all alike.
func (r *runner) run(ctx context.Context) error {
	total, done := r.rounds*len(r.scenes), 0
	began := time.Now()
	for round := range r.rounds {
		for _, k := range r.scenes {
			s, err := r.measure(ctx, k)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			done++
			left := time.Since(began) / time.Duration(done) * time.Duration(total-done)
			what := fmt.Sprintf("%s: %s", findLoad(k.load).title, plain(beside[k.beside].title))
			if k.load == noLoad {
				what = "no load"
			}
			if err != nil {
				r.trouble = append(r.trouble, fmt.Sprintf("%s, round %d: %v", what, round+1, err))
				fmt.Fprintf(r.log, "frames: %d of %d, %s: FAILED: %v\n", done, total, what, err)
				continue
			}
			r.note(what, round, s)
			r.samples[k] = append(r.samples[k], s)
			fmt.Fprintf(r.log, "frames: %d of %d, %s: %d of %d frames, longest gap %.0f ms (%s left)\n",
				done, total, what, s.count(), s.possible(), s.longest(), measure.Clock(left))
		}
	}
	return nil
}

// note remembers what must not be.
func (r *runner) note(what string, round int, s *sample) {
	for _, wrong := range []struct {
		n    int64
		text string
	}{
		{s.lost, "label changes were lost"},
		{s.Disorder, "label changes came out of order"},
		{int64(s.errors), "operations failed"},
	} {
		if wrong.n > 0 {
			r.trouble = append(r.trouble, fmt.Sprintf("%s, round %d: %d %s", what, round+1, wrong.n, wrong.text))
		}
	}
}

// plain is a title without Markdown.
func plain(title string) string { return strings.ReplaceAll(title, "`", "") }

// describeMachine says where the figures come from.
func describeMachine(ctx context.Context, own bool) string {
	where := "on Xvfb, drawn by cairo"
	if own {
		where = "on the display of " + os.Getenv("XDG_SESSION_TYPE")
	}
	return fmt.Sprintf("%s, %d cores of %s, GLib %s, GTK %s %s, %s", time.Now().Format("2 January 2006"),
		runtime.NumCPU(), measure.Processor(), measure.Version(ctx, "gio-2.0"), measure.Version(ctx, "gtk4"), where, runtime.Version())
}
