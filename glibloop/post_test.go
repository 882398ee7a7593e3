package glibloop_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
	"github.com/glibserve/glibserve/glibloop/internal/cpeer"
)

func newContext() *glib.MainContext { return glib.NewMainContext() }

func TestPostIsFIFO(t *testing.T) {
	const producers, each = 8, 5000
	l := newLoop(t)
	got := make([][]int, producers) // only the loop's thread touches it
	var wg sync.WaitGroup
	for p := range producers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				_ = l.Post(func() { got[p] = append(got[p], i) })
			}
		}()
	}
	wg.Wait()
	flush(t, l)
	for p := range producers {
		require.Len(t, got[p], each)
		require.True(t, slices.IsSorted(got[p]))
	}
}

func TestPostNeverRunsInline(t *testing.T) {
	l := newLoop(t)
	var order []string
	require.NoError(t, l.Post(func() {
		_ = l.Post(func() { order = append(order, "posted") })
		order = append(order, "poster")
	}))
	flush(t, l)
	flush(t, l)
	require.Equal(t, []string{"poster", "posted"}, order)
}

func TestPostNeverBlocks(t *testing.T) {
	const n = 100_000
	l := newLoop(t)
	release := block(t, l)
	ran := 0
	for range n {
		require.NoError(t, l.Post(func() { ran++ }))
	}
	release()
	flush(t, l)
	require.Equal(t, n, ran)
}

func TestPostedFunctionsRunOnTheLoopsThread(t *testing.T) {
	l := newLoop(t)
	type where struct {
		onLoop          bool
		thread, context any
	}
	got := make(chan where, 2)
	for range 2 {
		require.NoError(t, l.Post(func() {
			got <- where{l.OnLoop(), cpeer.Thread(), cpeer.ThreadDefault()}
		}))
	}
	first := receive(t, got)
	require.True(t, first.onLoop)
	require.Equal(t, any(cpeer.Native(l.MainContext())), first.context, "the context is its thread's default")
	require.Equal(t, first, receive(t, got))
	require.False(t, l.OnLoop())
}

// counts returns what posting n functions sees of b, one count a function.
func counts(t *testing.T, l *glibloop.Loop, b func() int, n int, work func()) []int {
	t.Helper()
	release := block(t, l)
	var got []int
	for range n {
		require.NoError(t, l.Post(func() {
			got = append(got, b())
			work()
		}))
	}
	release()
	flush(t, l)
	return got
}

func TestBatchEndsAfter64Functions(t *testing.T) {
	l := newLoop(t)
	b := cpeer.NewBusy(l.MainContext(), 0, -1)
	defer b.Free()
	got := counts(t, l, b.Count, 1000, func() {})
	run := 1
	for i := 1; i < len(got); i++ {
		if run++; got[i] != got[i-1] {
			run = 1
		}
		require.LessOrEqual(t, run, 64, "functions in a row while another source was ready")
	}
}

func TestBatchEndsAfterOneMillisecond(t *testing.T) {
	l := newLoop(t)
	b := cpeer.NewBusy(l.MainContext(), 0, -1)
	defer b.Free()
	got := counts(t, l, b.Count, 10, func() {
		for start := time.Now(); time.Since(start) < 1100*time.Microsecond; {
		}
	})
	for i := 2; i < len(got); i++ { // the first one shares a batch with block's
		require.Greater(t, got[i], got[i-1], "function %d had a turn before the other source", i)
	}
}

func TestInvoke(t *testing.T) {
	l := newLoop(t)
	var order []string
	require.NoError(t, l.Post(func() {
		_ = l.Post(func() { order = append(order, "posted") })
		_ = l.Invoke(func() { order = append(order, "inline") })
	}))
	flush(t, l)
	var off bool
	require.NoError(t, l.Invoke(func() { off = l.OnLoop() }))
	flush(t, l)
	require.Equal(t, []string{"inline", "posted"}, order)
	require.True(t, off, "off the loop it is Post")
}

// A posted function that iterates the context itself, like a modal dialog, lets
// the functions behind it run, once and in order.
func TestDrainIsReentrant(t *testing.T) {
	l := newLoop(t)
	release := block(t, l)
	var order []int
	for i := range 200 {
		require.NoError(t, l.Post(func() {
			order = append(order, i)
			if i%50 == 10 {
				for len(order) < i+30 {
					l.MainContext().Iteration(true)
				}
			}
		}))
	}
	release()
	flush(t, l)
	require.Len(t, order, 200)
	require.True(t, slices.IsSorted(order))
}

func TestCallWorksInsideANestedLoop(t *testing.T) {
	l := newLoop(t)
	inside := make(chan struct{})
	var done atomic.Bool
	require.NoError(t, l.Post(func() {
		close(inside)
		for !done.Load() {
			l.MainContext().Iteration(true)
		}
	}))
	receive(t, inside)
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	require.NoError(t, l.Call(ctx, func() error {
		done.Store(true)
		return nil
	}))
	flush(t, l)
}

func TestNilFunctionPanicsWhereItIsPosted(t *testing.T) {
	l := newLoop(t)
	ctx := bg
	require.PanicsWithValue(t, "glibloop: Post of a nil function", func() { _ = l.Post(nil) })
	require.PanicsWithValue(t, "glibloop: Invoke of a nil function", func() { _ = l.Invoke(nil) })
	require.PanicsWithValue(t, "glibloop: Call of a nil function", func() { _ = l.Call(ctx, nil) })
	require.PanicsWithValue(t, "glibloop: Call of a nil function", func() { _, _ = glibloop.Call[int](ctx, l, nil) })
	require.PanicsWithValue(t, "glibloop: AfterFunc of a nil function", func() { l.AfterFunc(0, nil) })
}
