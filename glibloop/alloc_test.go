//go:build !race && !asan

package glibloop_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPostDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	fn := func() {}
	n := 0
	require.Zero(t, testing.AllocsPerRun(10_000, func() {
		_ = l.Post(fn)
		if n++; n%1000 == 0 {
			flush(t, l) // a queue that only grows has to allocate
		}
	}))
}

func TestPostLatestDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	fn := func() {}
	keys := [...]*int{new(int), new(int), new(int)}
	n := 0
	require.Zero(t, testing.AllocsPerRun(10_000, func() {
		_ = l.PostLatest(keys[n%len(keys)], fn)
		if n++; n%1000 == 0 {
			flush(t, l)
		}
	}))
}

func TestCallDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	fn := func() error { return nil }
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = l.Call(bg, fn) }))
}

func TestWatchDoesNotAllocate(t *testing.T) {
	l := newLoop(t)
	require.Zero(t, testing.AllocsPerRun(1000, func() { l.Watch("nothing")() }))
}
