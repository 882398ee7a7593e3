//go:build linux

package main

import "math/bits"

// hist counts durations in buckets that are at most 1/128 of their value wide.
// It has a fixed size, so that counting allocates nothing.
type hist struct {
	counts [64 * histSteps]uint64
	total  uint64
}

const (
	histBits  = 7
	histSteps = 1 << histBits
)

func histIndex(ns int64) int {
	v := uint64(max(ns, 0))
	if v < histSteps {
		return int(v)
	}
	shift := bits.Len64(v) - histBits - 1
	return (shift+1)*histSteps + int(v>>shift) - histSteps
}

// histValue is the middle of a bucket.
func histValue(index int) float64 {
	if index < histSteps {
		return float64(index)
	}
	shift := index/histSteps - 1
	low := uint64(index%histSteps+histSteps) << shift
	return float64(low) + float64(uint64(1)<<shift)/2
}

func (h *hist) add(ns int64) {
	h.counts[histIndex(ns)]++
	h.total++
}

func (h *hist) merge(other *hist) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile is the duration that the fraction q stays below; 0 without any.
func (h *hist) quantile(q float64) float64 {
	rank := uint64(q * float64(h.total))
	for i, n := range h.counts {
		if rank < n {
			return histValue(i)
		}
		rank -= n
	}
	return 0
}
