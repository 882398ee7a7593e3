//go:build linux

package main

import (
	"math"
	"slices"
)

// gap is the time from one frame to the next, in microseconds.
type gap struct{ from, to float64 }

func (g gap) length() float64 { return g.to - g.from }

// count is how many frames were drawn in the window, without the one more that its
// edges may give.
func (s *sample) count() int {
	n := 0
	for _, f := range s.Frames {
		if t := float64(f[0]); t >= s.from && t < s.to {
			n++
		}
	}
	return min(n, s.possible())
}

// possible is how many there would be if none was left out.
func (s *sample) possible() int { return int(math.Round((s.to - s.from) / s.Refresh)) }

// share is the part of the possible ones.
func (s *sample) share() float64 { return float64(s.count()) / float64(s.possible()) }

// gaps are those that the window has a part of, so that a picture which stands
// still at an edge shows in full. What was never drawn ends with the window.
func (s *sample) gaps() []gap {
	var gaps []gap
	last := s.from
	for _, f := range s.Frames {
		t := float64(f[0])
		if t > s.from && last < s.to {
			gaps = append(gaps, gap{last, t})
		}
		last = t
	}
	if last < s.to {
		gaps = append(gaps, gap{last, s.to})
	}
	return gaps
}

// lengths are those of the gaps, in ms, in order of length.
func (s *sample) lengths() []float64 {
	var all []float64
	for _, g := range s.gaps() {
		all = append(all, g.length()/1e3)
	}
	slices.Sort(all)
	return all
}

func (s *sample) longest() float64 {
	all := s.lengths()
	return all[len(all)-1]
}

// p99 is what 99 of 100 frame times are below.
func (s *sample) p99() float64 {
	all := s.lengths()
	return all[min(len(all)-1, len(all)*99/100)]
}

// shown is how many labels a second were shown, from the last frame before the
// window to the first one after it.
func (s *sample) shown() float64 {
	var first, last [2]int64
	for _, f := range s.Frames {
		if float64(f[0]) < s.from {
			first = f
		}
		if last = f; float64(f[0]) >= s.to {
			break
		}
	}
	if last[0] == first[0] {
		return 0
	}
	return float64(last[1]-first[1]) / float64(last[0]-first[0]) * 1e6
}

// median of a figure over the rounds; NaN of none.
func median(samples []*sample, figure func(*sample) float64) float64 {
	var values []float64
	for _, s := range samples {
		values = append(values, figure(s))
	}
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// typical is the round whose number of frames is the median.
func typical(samples []*sample) *sample {
	if len(samples) == 0 {
		return nil
	}
	sorted := slices.Clone(samples)
	slices.SortStableFunc(sorted, func(a, b *sample) int { return a.count() - b.count() })
	return sorted[len(sorted)/2]
}
