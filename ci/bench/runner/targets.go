//go:build linux

package main

import (
	"fmt"
	"math"
)

// target is a claim that the table must bear out: a ratio of medians, ours to
// the peer's.
type target struct {
	work, figure, peer string
	atLeast, atMost    float64 // 0: not asked for
}

var targets = func() []target {
	var all []target
	add := func(work string, f figure, least bool, bounds map[string]float64) {
		for _, p := range peers {
			bound, ok := bounds[p.name]
			switch {
			case !ok:
			case least:
				all = append(all, target{work: work, figure: f.name, peer: p.name, atLeast: bound})
			default:
				all = append(all, target{work: work, figure: f.name, peer: p.name, atMost: bound})
			}
		}
	}
	for _, n := range []string{"16", "64"} {
		small, big := "connect-"+n+"-1k", "connect-"+n+"-64k"
		add(small, opsFigure, true, map[string]float64{inC: 1.1, onNet: 1, gotk4: 2.5})
		add(small, cpuFigure, false, map[string]float64{inC: 0.9, onNet: 1, gotk4: 0.4})
		add(big, opsFigure, true, map[string]float64{onNet: 1, gotk4: 2.5})
		add(big, cpuFigure, false, map[string]float64{onNet: 1, gotk4: 0.4})
	}
	add("connect-1-1k", cpuFigure, false, map[string]float64{inC: 1.15, onNet: 0.9})
	for _, echo := range []string{"echo-8-1k", "echo-64-1k", "echo-500-1k"} {
		add(echo, opsFigure, true, map[string]float64{inC: 1.3, onNet: 1})
		add(echo, cpuFigure, false, map[string]float64{inC: 0.85, onNet: 1})
	}
	add("echo-64-1k", p99Figure, false, map[string]float64{onNet: 1})
	for _, echo := range []string{"echo-big-64k", "echo-big-copy"} {
		add(echo, opsFigure, true, map[string]float64{inC: 1.2, onNet: 1})
	}
	add("idle-1k", perConnFigure, false, map[string]float64{onNet: 1.3})
	for _, handshake := range []string{"tls-handshake-1", "tls-handshake-16"} {
		add(handshake, cpuFigure, false, map[string]float64{inC: 1.3, onNet: 3})
	}
	add("tls-handshake-16", opsFigure, true, map[string]float64{onNet: 0.33})
	add("tls-idle", perConnFigure, false, map[string]float64{onNet: 1.3})
	for _, post := range []string{"post-1", "post-4", "post-16"} {
		add(post, callFigure, false, map[string]float64{inC: 0.3, gotk4: 0.12})
	}
	add("call", callFigure, false, map[string]float64{inC: 1.15, gotk4: 1})
	return all
}()

// bound is what is asked for, in words.
func (t *target) bound() string {
	if t.atLeast > 0 {
		return fmt.Sprintf("at least %.2f", t.atLeast)
	}
	return fmt.Sprintf("at most %.2f", t.atMost)
}

// verdict is whether a ratio is what was asked for.
func (t *target) verdict(ratio float64) string {
	switch {
	case math.IsNaN(ratio):
		return "not measured"
	case t.atLeast > 0 && ratio < t.atLeast, t.atMost > 0 && ratio > t.atMost:
		return "NO"
	}
	return "yes"
}
