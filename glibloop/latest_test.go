package glibloop_test

import (
	"context"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

func TestPostLatestReplacesWhatIsStillQueued(t *testing.T) {
	l := newLoop(t)
	release := block(t, l)
	var order []string
	add := func(s string) func() { return func() { order = append(order, s) } }
	require.NoError(t, l.Post(add("first")))
	for _, s := range []string{"a old", "a older", "a new"} {
		require.NoError(t, l.PostLatest("a", add(s)))
		require.NoError(t, l.Post(add("behind "+s)))
		require.NoError(t, l.PostLatest("b", add("b "+s)))
	}
	release()
	flush(t, l)
	require.Equal(t, []string{"first", "a new", "behind a old", "b a new", "behind a older", "behind a new"}, order,
		"in the place of the first one, and by itself")
}

func TestPostLatestIsNeverInline(t *testing.T) {
	l := newLoop(t)
	var order []int
	again := func() { order = append(order, 3) }
	require.NoError(t, l.Post(func() {
		_ = l.PostLatest(1, func() {
			order = append(order, 1)
			_ = l.PostLatest(1, func() { panic("replaced") })
			_ = l.PostLatest(1, again) // its key is free: behind what is there
		})
		_ = l.Post(func() { order = append(order, 2) })
		order = append(order, 0)
	}))
	flush(t, l)
	flush(t, l)
	flush(t, l)
	require.Equal(t, []int{0, 1, 2, 3}, order)
}

// Inside of a function that iterates the context itself, too.
func TestPostLatestInANestedLoop(t *testing.T) {
	l := newLoop(t)
	ended := make(chan []int, 1) // a flush could run inside
	require.NoError(t, l.PostLatest("k", func() {
		var order []int
		_ = l.PostLatest("k", func() { panic("replaced") })
		_ = l.PostLatest("k", func() { order = append(order, 1) })
		for len(order) == 0 {
			l.MainContext().Iteration(true)
		}
		ended <- append(order, 2)
	}))
	require.Equal(t, []int{1, 2}, receive(t, ended))
}

// Of each producer's values some may be left out, none comes out of order, and the last one comes.
func TestTheLatestAlwaysRuns(t *testing.T) {
	const producers, each = 8, 5000
	l := newLoop(t)
	type key struct{ producer int }
	last, ran, ordered := make([]int, producers), 0, true
	var all sync.WaitGroup
	for p := range producers {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := 1; i <= each; i++ {
				_ = l.PostLatest(key{p}, func() {
					ordered = ordered && i > last[p]
					last[p] = i
					ran++
				})
				if i%64 == 0 {
					runtime.Gosched()
				}
			}
		}()
	}
	all.Wait()
	flush(t, l)
	require.True(t, ordered)
	for p := range producers {
		require.Equal(t, each, last[p])
	}
	require.LessOrEqual(t, ran, producers*each)
}

// Many goroutines and one key: one function is queued, and what it replaces is
// let go of at once.
func TestPostLatestKeepsOneFunctionAKey(t *testing.T) {
	l := newLoop(t)
	release := block(t, l)
	var ran int
	var freed atomic.Int64
	const n = 1000
	for range n {
		payload := new([64]byte)
		runtime.SetFinalizer(payload, func(*[64]byte) { freed.Add(1) })
		require.NoError(t, l.PostLatest("k", func() { payload[0]++; ran++ }))
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		return freed.Load() >= n-2
	}, patience, 1e6)
	release()
	flush(t, l)
	require.Equal(t, 1, ran)
}

func TestPostLatestKeepsNothingAfterItRan(t *testing.T) {
	l := newLoop(t)
	type key struct{ _ [64]byte }
	var freed atomic.Int64
	const n = 5000
	release := block(t, l)
	for range n {
		k := new(key)
		runtime.SetFinalizer(k, func(*key) { freed.Add(1) })
		require.NoError(t, l.PostLatest(k, func() {}))
	}
	release()
	flush(t, l)
	require.Eventually(t, func() bool {
		runtime.GC()
		return freed.Load() >= n-2
	}, patience, 1e6)
}

func TestPostLatestAndClose(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		release := block(t, l)
		var ran []string
		require.NoError(t, l.PostLatest("k", func() { ran = append(ran, "old") }))
		require.NoError(t, l.PostLatest("k", func() { ran = append(ran, "new") }))
		done := make(chan error, 1)
		go func() { done <- l.Close() }()
		for l.Post(func() {}) == nil { // until Close has begun
			runtime.Gosched()
		}
		require.ErrorIs(t, l.PostLatest("k", func() { ran = append(ran, "late") }), glibloop.ErrStopped)
		require.ErrorIs(t, l.PostLatest("other", func() { ran = append(ran, "late") }), glibloop.ErrStopped)
		release()
		require.NoError(t, receive(t, done))
		require.Equal(t, []string{"new"}, ran, "what was posted before Close runs")
	})
}

// What was accepted under a key runs, or something newer that was accepted does.
func TestConcurrentCloseLosesNoLatest(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		const producers = 4
		var accepted, ran [producers]int // ran: on the loop's thread
		var all sync.WaitGroup
		var busy atomic.Int64
		for p := range producers {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := 1; ; i++ {
					if err := l.PostLatest(p, func() { ran[p] = i; busy.Add(1) }); err != nil {
						return
					}
					accepted[p] = i
				}
			}()
		}
		for busy.Load() < 100 {
			runtime.Gosched()
		}
		require.NoError(t, l.Close())
		all.Wait()
		require.Equal(t, accepted, ran)
	})
}

func TestPostLatestOnALoopThatNobodyIterates(t *testing.T) {
	l := adopted(t)
	ran := 0
	require.NoError(t, l.PostLatest("k", func() { panic("replaced") }))
	require.NoError(t, l.PostLatest("k", func() { ran++ }))
	ctx, cancel := context.WithTimeout(bg, patience)
	defer cancel()
	require.NoError(t, l.Call(ctx, func() error { return nil }))
	require.Equal(t, 1, ran)
}

func TestPostLatestRefusesWhatIsNoKey(t *testing.T) {
	l := newLoop(t)
	never := func() { panic("ran") }
	const message = "glibloop: PostLatest with a key of type "
	for _, key := range []any{[]int{1}, map[int]int{}, never, struct{ a any }{[]int{}}, math.NaN(), [1]any{math.NaN()}} {
		func() {
			defer func() { require.Contains(t, recover(), message) }()
			_ = l.PostLatest(key, never)
		}()
	}
	require.PanicsWithValue(t, "glibloop: PostLatest of a nil function", func() { _ = l.PostLatest(1, nil) })
	ran := 0
	one := 1
	for _, key := range []any{nil, 1, "s", 1.5, &one, struct{ a any }{2}, [2]string{"a", "b"}, make(chan int), l} {
		release := block(t, l)
		require.NoError(t, l.PostLatest(key, never))
		require.NoError(t, l.PostLatest(key, func() { ran++ }))
		release()
	}
	flush(t, l)
	require.Equal(t, 9, ran)
}
