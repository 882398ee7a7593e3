//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is text in columns, written in Markdown that is aligned to be read as
// it is, too. The columns from the second or third on are numbers.
type table struct {
	head []string
	left int // how many columns are words
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				cell += padding
			} else {
				cell = padding + cell
			}
			fmt.Fprintf(&b, "| %s ", cell)
		}
		b.WriteString("|\n")
	}
	line(t.head)
	for i, width := range widths {
		dashes := strings.Repeat("-", width+1)
		if i < t.left {
			fmt.Fprintf(&b, "|:%s", dashes)
		} else {
			fmt.Fprintf(&b, "|%s:", dashes)
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// medians is the table of all figures, with the ratio of ours to each peer's.
func (b *bench) medians() *table {
	t := &table{head: []string{"work", "median"}, left: 2}
	shown := b.shown()
	for _, p := range shown {
		t.head = append(t.head, peerTitle(p))
	}
	for _, p := range shown {
		if p != ours && b.peers[ours] {
			t.head = append(t.head, "to "+peerTitle(p))
		}
	}
	t.head = append(t.head, "spread")
	for _, w := range b.works {
		title := w.title
		for _, f := range w.figures {
			row := []string{title, f.name}
			title = ""
			widest := math.NaN()
			for _, p := range shown {
				reports := b.reports(w, p)
				row = append(row, f.cell(reports))
				if s := spread(values(reports, f.value)); !(s <= widest) && !math.IsNaN(s) {
					widest = s
				}
			}
			for _, p := range shown {
				if p != ours && b.peers[ours] {
					row = append(row, ratioText(b.ratio(w, f, p)))
				}
			}
			if math.IsNaN(widest) {
				t.add(append(row, "–")...)
			} else {
				t.add(append(row, fmt.Sprintf("%.0f %%", 100*widest))...)
			}
		}
	}
	return t
}

// shown are the peers of this run, in order.
func (b *bench) shown() []string {
	var names []string
	for _, p := range peers {
		if b.peers[p.name] {
			names = append(names, p.name)
		}
	}
	return names
}

// ratio is our median to the peer's.
func (b *bench) ratio(w *work, f figure, peer string) float64 {
	return f.median(b.reports(w, ours)) / f.median(b.reports(w, peer))
}

func ratioText(ratio float64) string {
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return "–"
	}
	return fmt.Sprintf("%.2f", ratio)
}

// verdicts is the table of the targets, those alone that this run is about.
func (b *bench) verdicts() *table {
	t := &table{head: []string{"work", "median", "against", "must be", "is", "held"}, left: 4}
	for _, target := range targets {
		i := slices.IndexFunc(b.works, func(w *work) bool { return w.name == target.work })
		if i < 0 || !b.peers[ours] || !b.peers[target.peer] {
			continue
		}
		w := b.works[i]
		j := slices.IndexFunc(w.figures, func(f figure) bool { return f.name == target.figure })
		ratio := b.ratio(w, w.figures[j], target.peer)
		t.add(w.title, target.figure, peerTitle(target.peer), target.bound(), ratioText(ratio), target.verdict(ratio))
	}
	return t
}
