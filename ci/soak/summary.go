//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/glibserve/glibserve/ci/soak/judge"
	"github.com/glibserve/glibserve/ci/soak/wire"
)

// failuresBorne is how often accept may fail on one socket while there is want
// of descriptors once: the limit can fall between the library's look and GIO's
// accept, each time that the library tries again, which is after 10 ms at the
// earliest. A service that spins fails thousands of times.
const failuresBorne = 25

// summary prints all that is known and returns what is wrong.
func (p *pair) summary(w io.Writer, took time.Duration, done [faults]int, limits []judge.Measure) error {
	fmt.Fprintf(w, "\nsoak: %v, seed %d\n\n", took.Round(time.Second), p.seed)
	p.table(w)
	fmt.Fprintf(w, `
  done: to the end, as such a client should. cut: by a Close that the load knew of.
  again: tries to connect that the kernel had not accepted (closed, or its queue full).

`)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for f, n := range done {
		fmt.Fprintf(t, "  %s\t%d\n", faultNames[f], n)
	}
	fmt.Fprintf(t, "  services paused for want of descriptors\t%d\n", p.last.Pauses)
	fmt.Fprintf(t, "  accepts that failed for it all the same\t%d\n", p.last.Failed)
	fmt.Fprintf(t, "  operations of handlers tried again for it\t%d\n", p.last.Retries)
	fmt.Fprintf(t, "  panics of handlers that the library caught\t%d\n\n", p.last.Panics)
	_ = t.Flush()
	p.growth(w, limits)
	wrong := append(p.failures(), judge.Judge(p.samples, limits)...)
	if most := uint64(done[limitLowered]+done[allTaken]) * failuresBorne * uint64(len(p.opened.Places)); p.last.Failed > most {
		wrong = append(wrong, fmt.Sprintf("accept failed %d times for want of descriptors: more than %d is spinning", p.last.Failed, most))
	}
	if panics := p.last.Counts[wire.Doomed].Done; panics != p.last.Panics {
		wrong = append(wrong, fmt.Sprintf("handlers panicked %d times, and the library logged %d", panics, p.last.Panics))
	}
	return verdict(w, wrong)
}

func verdict(w io.Writer, wrong []string) error {
	if len(wrong) == 0 {
		fmt.Fprintln(w, "\nok: nothing lost, nothing corrupted, no growth")
		return nil
	}
	fmt.Fprintln(w, "\nFAILED:")
	for _, text := range wrong {
		fmt.Fprintln(w, "  "+text)
	}
	return errors.New(wrong[0])
}

// table has a row for each kind: the clients' view of it, and beside it what
// the handlers say was lost or corrupted.
func (p *pair) table(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "kind\tconnections\tdone\tMiB sent\tMiB taken\tlost\tcorrupt\tcut\tagain\t")
	row := func(name string, c, h wire.Count) {
		fmt.Fprintf(t, "%s\t%d\t%d\t%.1f\t%.1f\t%d\t%d\t%d\t%d\t\n", name, c.Conns, c.Done,
			float64(c.Up)/(1<<20), float64(c.Down)/(1<<20), c.Lost+h.Lost, c.Corrupt+h.Corrupt, c.Excused, c.Retried)
	}
	for k := range wire.Kinds {
		row(k.String(), p.load1.Counts[k], p.last.Counts[k])
	}
	row("all", p.load1.Counts.Total(), p.last.Counts.Total())
	_ = t.Flush()
}

// growth shows the samples at rest: before all, in the middle, at the end.
func (p *pair) growth(w io.Writer, limits []judge.Measure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "at rest (%d samples)\tbefore\tmiddle\tend\ttrend of the last half\tlimit\t\n", len(p.samples))
	middle := len(p.samples) / 2
	for _, m := range limits {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t\n", m.Name, m.Format(m.Value(p.samples[0])), m.Format(m.Value(p.samples[middle])),
			m.Format(m.Value(p.samples[len(p.samples)-1])), m.Format(judge.Growth(p.samples[middle:], m.Value)), m.Format(m.Limit))
	}
	_ = t.Flush()
	fmt.Fprintf(w, "\n  the descriptors at the end:")
	for _, what := range slices.Sorted(maps.Keys(p.last.Open)) {
		fmt.Fprintf(w, " %d %s", p.last.Open[what], what)
	}
	fmt.Fprintln(w)
}
