//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
)

// document is the file of a run's results.
func (r *runner) document(machine string) string {
	var s strings.Builder
	rounds := "one round"
	if r.rounds > 1 {
		rounds = fmt.Sprintf("medians of %d interleaved rounds", r.rounds)
	}
	fmt.Fprintf(&s, "# Frames\n\nWritten by `scripts/frames`: %s, %s each after %s of warm-up, a fresh process each time.\n%s.\n", rounds, r.length, r.warmup, machine)
	s.WriteString(`
A GTK 4 window with a steady animation, and in the same process a server, or goroutines that change a label of the window. The window is
the same code for all of them (` + "`window/window.c`" + `), and each frame is drawn by the program, in Go by gotk4's cairo or in C. Every server does the same with a connection:
Read and Write with one buffer of 1 KiB; the one in C has asynchronous streams, as GIO's documentation recommends. The load comes from another process, which shares the
processors. The longest gap is the longest time from one frame to the next; p99 is what 99 of 100 of these times are below.
`)
	for i := range loads {
		if table := r.table(&loads[i]); table != "" {
			fmt.Fprintf(&s, "\n## %s\n\n%s", capital(loads[i].title), table)
		}
	}
	if v := r.verdicts(); v != "" {
		s.WriteString("\n## What it must show\n\n" + v)
	}
	if len(r.trouble) > 0 {
		s.WriteString("\n## Notes\n\n")
		for _, t := range r.trouble {
			fmt.Fprintf(&s, "- %s\n", t)
		}
	}
	return s.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// table has a row for each program that was measured with l.
func (r *runner) table(l *load) string {
	var s strings.Builder
	what := "operations a second"
	if l.posts > 0 {
		what = "labels a second"
	}
	for _, b := range l.beside {
		all := r.samples[key{l.name, b}]
		if len(all) == 0 {
			continue
		}
		if s.Len() == 0 {
			fmt.Fprintf(&s, "| | frames | longest gap | p99 | %s | processors used |\n|---|---|---|---|---|---|\n", what)
		}
		ops := "-"
		if l.args != nil || l.posts > 0 {
			ops = thousands(median(all, func(s *sample) float64 { return s.ops }))
		}
		fmt.Fprintf(&s, "| %s | %s | %.0f ms | %.0f ms | %s | %.2f |\n", beside[b].title, frames(all),
			median(all, (*sample).longest), median(all, (*sample).p99), ops, median(all, func(s *sample) float64 { return s.cpu }))
	}
	return s.String()
}

// frames is how many were drawn of those possible.
func frames(all []*sample) string {
	return fmt.Sprintf("%.0f of %.0f", median(all, func(s *sample) float64 { return float64(s.count()) }),
		median(all, func(s *sample) float64 { return float64(s.possible()) }))
}

// thousands writes 12345 as 12,345.
func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// share is the median part of the frames that a program drew.
func (r *runner) share(load, program string) float64 {
	return median(r.samples[key{load, program}], (*sample).share)
}

// verdicts are the claims that the tables must bear out.
func (r *runner) verdicts() string {
	var s strings.Builder
	verdict := func(claim string, is, least float64) {
		if math.IsNaN(is) {
			return
		}
		answer := "yes"
		if is < least {
			answer = "NO"
		}
		if s.Len() == 0 {
			s.WriteString("| frames | at least | measured | |\n|---|---|---|---|\n")
		}
		measured := fmt.Sprintf("%.2f", is)
		if math.IsInf(is, 0) {
			measured = "that drew none"
		}
		fmt.Fprintf(&s, "| %s | %.2f | %s | %s |\n", claim, least, measured, answer)
	}
	ours := r.share(full, serve)
	verdict("`Serve` at 2,000 connects a second, to no load", r.share(connects, serve)/r.share(noLoad, baseline), 0.97)
	verdict("`Serve` at 10,000 echoes a second, to no load", r.share(echoes, serve)/r.share(noLoad, baseline), 0.97)
	verdict("`Serve` at full echo, to no load", ours/r.share(noLoad, baseline), 0.93)
	verdict("`Serve` at full echo, to package net", ours/r.share(full, onNet), 0.95)
	verdict("`Serve` at full echo, to raw gotk4", ours/r.share(full, gotk4), 2)
	verdict("`Serve` at full echo, to C", ours/r.share(full, inC), 5)
	verdict("`Post` of 40,000 labels a second, of those possible", r.share(labels, post), 225.0/240)
	return s.String()
}

// short is the table for the README.
func (r *runner) short() string {
	var s strings.Builder
	s.WriteString("| | 2,000 connects a second | 10,000 echoes a second | as many echoes as it can | longest gap at most echoes |\n|---|---|---|---|---|\n")
	none := r.samples[key{noLoad, baseline}]
	fmt.Fprintf(&s, "| no load | %s | | | %.0f ms |\n", frames(none), median(none, (*sample).longest))
	for _, b := range servers {
		fmt.Fprintf(&s, "| %s |", beside[b].title)
		for _, l := range []string{connects, echoes, full} {
			fmt.Fprintf(&s, " %.0f |", median(r.samples[key{l, b}], func(s *sample) float64 { return float64(s.count()) }))
		}
		fmt.Fprintf(&s, " %.0f ms |\n", median(r.samples[key{full, b}], (*sample).longest))
	}
	return s.String()
}

// write makes the files that were asked for.
func (o *options) write(ctx context.Context, r *runner) error {
	if o.picture != "" {
		if err := r.plot(o.picture); err != nil {
			return fmt.Errorf("the picture of frame times: %w", err)
		}
	}
	if o.out != "" {
		text := r.document(describeMachine(ctx, o.own))
		if o.picture != "" {
			text += fmt.Sprintf("\n## Frame times\n\n![Frame times of each server](%s)\n", filepath.Base(o.picture))
		}
		if err := os.WriteFile(o.out, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if o.readme == "" {
		return nil
	}
	text, err := os.ReadFile(o.readme)
	if err != nil {
		return err
	}
	if text, err = replace(text, r.short()); err != nil {
		return fmt.Errorf("%s: %w", o.readme, err)
	}
	return os.WriteFile(o.readme, text, 0o644)
}

// What scripts/frames writes stands between these lines.
const (
	begins = "<!-- written by scripts/frames -->\n"
	ends   = "<!-- until here -->\n"
)

func replace(text []byte, table string) ([]byte, error) {
	before, rest, found := bytes.Cut(text, []byte(begins))
	_, after, closed := bytes.Cut(rest, []byte(ends))
	if !found || !closed {
		return nil, errors.New("it has no place for the table")
	}
	return bytes.Join([][]byte{before, []byte(begins), []byte(table), []byte(ends), after}, nil), nil
}
