// Package judge decides whether a server has grown: whether what it holds
// while it has nothing to do becomes more and more.
package judge

import (
	"fmt"
	"slices"
	"time"
)

// Sample is what a server holds at a quiet time: nobody is connected, and the
// garbage has been collected.
type Sample struct {
	At time.Duration // since the beginning

	RSS, Heap           int64 // bytes: resident, and in use on Go's heap
	FDs                 int64
	Goroutines, Threads int64

	Accepted, Finalized int64 // GSocketConnections so far
	Forgotten           int64 // connections that the garbage collector had to close, so far
	Handlers            int64 // that have not returned
}

// Objects is how many GSocketConnections are alive.
func (s Sample) Objects() int64 { return s.Accepted - s.Finalized }

// Measure is one of the figures that must not grow.
type Measure struct {
	Name  string
	Bytes bool
	Value func(Sample) int64
	Limit int64 // of the growth over the last half
}

// Limits are what the trend over the last half of the samples may reach. Memory
// has noise in it: the pools of the allocators and of GLib, and Go's spare
// stacks. Goroutines rest in pools (at most 64 for each of three Serves), threads in Go's
// and GLib's. A listener that was just closed still has a few descriptors.
func Limits(factor int64) []Measure {
	return []Measure{
		{"resident memory", true, func(s Sample) int64 { return s.RSS }, factor * 2 << 20},
		{"Go heap", true, func(s Sample) int64 { return s.Heap }, factor * 1 << 20},
		{"descriptors", false, func(s Sample) int64 { return s.FDs }, 6},
		{"goroutines", false, func(s Sample) int64 { return s.Goroutines }, 200},
		{"OS threads", false, func(s Sample) int64 { return s.Threads }, 12},
		{"GObjects alive", false, Sample.Objects, 0},
	}
}

// leastSamples is how many are needed: with fewer there is no half to look at.
const leastSamples = 4

// Judge looks at samples in the order of their time and says what is wrong, in
// a sentence each; nothing when all is well.
func Judge(samples []Sample, limits []Measure) []string {
	if len(samples) < leastSamples {
		return []string{fmt.Sprintf("only %d samples: at least %d are needed to tell growth from noise", len(samples), leastSamples)}
	}
	var wrong []string
	half := samples[len(samples)/2:]
	for _, m := range limits {
		if growth := Growth(half, m.Value); growth > m.Limit {
			wrong = append(wrong, fmt.Sprintf("%s grew by %s over the last half (%v), more than %s",
				m.Name, m.Format(growth), (half[len(half)-1].At-half[0].At).Round(time.Second), m.Format(m.Limit)))
		}
	}
	last := samples[len(samples)-1]
	for _, rest := range []struct {
		what string
		n    int64
	}{
		{"GSocketConnections are alive", last.Objects()},
		{"connections were forgotten", last.Forgotten},
		{"handlers have not returned", last.Handlers},
	} {
		if rest.n != 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s at the end, when nobody is connected", rest.n, rest.what))
		}
	}
	return wrong
}

// Growth is how much a figure has grown from the first to the last sample: the
// median of the slopes between all pairs (Theil and Sen's), which a few
// outliers do not move, times the time.
func Growth(samples []Sample, value func(Sample) int64) int64 {
	var slopes []float64
	for i, a := range samples {
		for _, b := range samples[i+1:] {
			if span := b.At - a.At; span > 0 {
				slopes = append(slopes, float64(value(b)-value(a))/float64(span))
			}
		}
	}
	if len(slopes) == 0 {
		return 0
	}
	slices.Sort(slopes)
	median := (slopes[(len(slopes)-1)/2] + slopes[len(slopes)/2]) / 2
	return int64(median * float64(samples[len(samples)-1].At-samples[0].At))
}

// Format writes a value of m.
func (m Measure) Format(v int64) string {
	if !m.Bytes {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%.2f MiB", float64(v)/(1<<20))
}
