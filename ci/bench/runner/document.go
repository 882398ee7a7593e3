//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/glibserve/glibserve/ci/bench/internal/peer"
	"github.com/glibserve/glibserve/ci/bench/internal/report"
	"github.com/glibserve/glibserve/ci/internal/measure"
)

// document is the file of a run's results.
func (b *bench) document(machine string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "# Side by side\n\nWritten by `scripts/bench`: %s, %s each after %s of warm-up, a fresh server each\ntime, peer after peer.\n\n",
		count(b.rounds, "round"), b.length, b.warmup)
	fmt.Fprintf(&s, "%s\n", machine)
	for _, p := range peers {
		if b.peers[p.name] {
			fmt.Fprintf(&s, "- **%s**: %s\n", p.title, p.about)
		}
	}
	s.WriteString("\nThe peers in Go run the same handler, one function of package peer, on their connections:\n\n")
	for _, h := range peer.EchoNames {
		fmt.Fprintf(&s, "- **%s**: %s\n", handlerTitles[h.Name], h.About)
	}
	s.WriteString(`
C reads and writes asynchronously with a buffer of the same size; against bufio and io.Copy, with 1 KiB and after a
read that fills it 64 KiB. All have TCP_NODELAY and no keep-alive probes. The load comes from one other process on the
same machine, so operations a second depend on what the two leave each other; the server's CPU time for each operation,
from the operating system, does so the least. Ratios are of our median to the peer's: above 1 is better for rates,
below 1 for everything else. The spread is from the lowest round to the highest, as a part of the median, of the peer
where it is widest.

`)
	s.WriteString(b.medians().String())
	if v := b.verdicts(); len(v.rows) > 0 {
		s.WriteString("\n## What it must show\n\n" + v.String())
	}
	if notes := b.notes(); len(notes) > 0 {
		s.WriteString("\n## Notes\n\n")
		for _, note := range notes {
			fmt.Fprintf(&s, "- %s\n", note)
		}
	}
	return s.String()
}

// notes are what a reader must know about the figures.
func (b *bench) notes() []string {
	var notes []string
	var others []float64
	for _, w := range b.works {
		for _, p := range peers {
			reports := b.results[key{w.name, p.name}]
			if len(reports) == 0 || w.bench != "" {
				continue
			}
			if !strings.HasPrefix(w.name, "idle") {
				others = append(others, values(reports, func(r *report.Report) float64 { return r.Others })...)
			}
			busy := median(values(reports, func(r *report.Report) float64 { return r.Load }))
			if busy > 0.9 {
				notes = append(notes, fmt.Sprintf("%s, %s: the load generator was busy %.0f %% of the time, so the server could perhaps do more.",
					w.title, peerTitle(p.name), 100*busy))
			}
		}
	}
	if m := median(others); m > 0.02 {
		notes = slices.Insert(notes, 0, fmt.Sprintf("Other programs used %.0f %% of the machine meanwhile (median; at most %.0f %%).", 100*m, 100*slices.Max(others)))
	}
	for _, t := range b.trouble {
		title := t.work
		for _, w := range b.works {
			if w.name == t.work {
				title = w.title
			}
		}
		notes = append(notes, fmt.Sprintf("%s, %s, round %d: %s.", title, peerTitle(t.peer), t.round, strings.TrimSuffix(t.text, ".")))
	}
	return notes
}

// describeMachine says where the figures come from.
func describeMachine(ctx context.Context) string {
	kernel := "unknown"
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(release))
	}
	return fmt.Sprintf("%s, %s of %s, Linux %s, GLib %s, %s.\n", time.Now().Format("2 January 2006"),
		count(runtime.NumCPU(), "core"), measure.Processor(), kernel, measure.Version(ctx, "gio-2.0"), runtime.Version())
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
