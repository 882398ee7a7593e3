// Package report is what the load generator tells the runner about one
// measurement, as JSON.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report is one measurement of one server.
type Report struct {
	Ops     float64 // operations completed in the window; MB for bulk work
	Seconds float64 // the window's length
	Began   float64 // when it began, CLOCK_MONOTONIC in ns; 0 where it has no window of its own
	P50     float64 // ns; 0 where an operation has no latency
	P99     float64 // ns

	CPU  float64 // ns of processor time that the server used in the window
	User float64 // ns of it in user mode
	Sys  float64 // ns of it in the kernel

	RSS     float64 // bytes resident at the window's end
	HWM     float64 // the most there ever were
	Threads float64 // of the server, at the window's end
	PerConn float64 // bytes that RSS grew by for each idle connection

	Load   float64        // how busy the load generator's own threads were, 0 to 1
	Others float64        // the part of the machine that other programs used, 0 to 1
	Errors map[string]int // what went wrong, and how often
}

// Count adds n errors.
func (r *Report) Count(reason string, n int) {
	if r.Errors == nil {
		r.Errors = map[string]int{}
	}
	r.Errors[reason] += n
}

// Failures is the number of errors.
func (r *Report) Failures() int {
	n := 0
	for _, count := range r.Errors {
		n += count
	}
	return n
}

// Reasons are the errors in words, the most frequent first.
func (r *Report) Reasons() []string {
	var words []string
	for _, reason := range slices.SortedFunc(maps.Keys(r.Errors), func(a, b string) int {
		return cmp.Or(r.Errors[b]-r.Errors[a], strings.Compare(a, b))
	}) {
		words = append(words, fmt.Sprintf("%d × %s", r.Errors[reason], reason))
	}
	return words
}
