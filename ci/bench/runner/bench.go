//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/measure"
)

// bench is one run of everything that was asked for.
type bench struct {
	bin    string // the built programs
	dir    string // where they are run
	rounds int
	length time.Duration
	warmup time.Duration
	works  []*work
	peers  map[string]bool
	log    io.Writer

	results map[key][]*report.Report
	trouble []trouble
}

type key struct{ work, peer string }

// trouble is what went wrong in one measurement.
type trouble struct {
	key
	round int
	text  string
}

// step is one measurement to make.
type step struct {
	work *work
	peer string
}

// steps are those of a round: for each kind of work the peers in turn.
func (b *bench) steps() (servers, benchmarks []step) {
	for _, w := range b.works {
		for _, p := range peers {
			switch {
			case !b.peers[p.name] || !w.has(p.name):
			case w.bench != "":
				benchmarks = append(benchmarks, step{w, p.name})
			default:
				servers = append(servers, step{w, p.name})
			}
		}
	}
	return servers, benchmarks
}

// duration estimates how long the run takes.
func (b *bench) duration() time.Duration {
	servers, benchmarks := b.steps()
	round := time.Duration(len(servers)) * (b.warmup + b.length + time.Second)
	if len(benchmarks) > 0 {
		round += 4*b.length + time.Second
	}
	return time.Duration(b.rounds) * round
}

// run makes all measurements. Those made are there also when ctx ends first.
func (b *bench) run(ctx context.Context) error {
	servers, benchmarks := b.steps()
	total, began := b.rounds*len(servers), time.Now()
	for round := range b.rounds {
		for i, s := range servers {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			done := round*len(servers) + i
			fmt.Fprintf(b.log, "bench: %s %3d/%d  round %d  %-18s %-12s", measure.Clock(time.Since(began)), done+1, total, round+1, s.work.name, peerTitle(s.peer))
			r, err := b.measure(ctx, s.work, s.peer)
			if ctx.Err() != nil {
				fmt.Fprintln(b.log)
				return context.Cause(ctx)
			}
			b.note(s, round+1, r, err)
			fmt.Fprintf(b.log, " %s\n", b.brief(s, r, err))
		}
		if len(benchmarks) == 0 {
			continue
		}
		fmt.Fprintf(b.log, "bench: %s          round %d  the benchmarks of glibloop\n", measure.Clock(time.Since(began)), round+1)
		all, err := b.benchmarks(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, s := range benchmarks {
			var r *report.Report
			failed := err
			if failed == nil {
				r, failed = fromBench(s.work, s.peer, all)
			}
			b.note(s, round+1, r, failed)
		}
	}
	return nil
}

// note keeps the outcome of a measurement.
func (b *bench) note(s step, round int, r *report.Report, err error) {
	k := key{s.work.name, s.peer}
	if err != nil {
		b.trouble = append(b.trouble, trouble{k, round, err.Error()})
		return
	}
	b.results[k] = append(b.results[k], r)
	if r.Failures() > 0 {
		b.trouble = append(b.trouble, trouble{k, round, strings.Join(r.Reasons(), "; ")})
	}
}

// brief is the outcome for the log.
func (b *bench) brief(s step, r *report.Report, err error) string {
	if err != nil {
		return "FAILED: " + err.Error()
	}
	f := s.work.figures[0]
	text := fmt.Sprintf("%s %s", number(f.value(r), f.digits), f.name)
	if n := r.Failures(); n > 0 {
		text += fmt.Sprintf(", %d ERRORS", n)
	}
	return text
}

// failed tells whether a measurement failed, or had errors, that should not:
// raw gotk4 is here to be compared with, not to be relied on.
func (b *bench) failed() bool {
	for _, t := range b.trouble {
		if t.peer != gotk4 {
			return true
		}
	}
	return false
}

// reports are those of a peer for a kind of work.
func (b *bench) reports(w *work, peer string) []*report.Report {
	if w.like != "" && !w.has(peer) {
		return b.results[key{w.like, peer}]
	}
	return b.results[key{w.name, peer}]
}
