//go:build linux

package main

import (
	"math"
	"slices"
)

// median of values; NaN of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// spread is the distance from the least to the greatest, as a part of the
// median: how much one round differs from another.
func spread(values []float64) float64 {
	if len(values) < 2 {
		return math.NaN()
	}
	return (slices.Max(values) - slices.Min(values)) / math.Abs(median(values))
}
