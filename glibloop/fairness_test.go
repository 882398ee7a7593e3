package glibloop_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop/internal/cpeer"
)

const gdkPriorityRedraw = 120

// label is work that takes time, as a widget does that is changed.
func label() {
	for start := time.Now(); time.Since(start) < 100*time.Microsecond; {
	}
}

// turns watches what share of a loop posted functions have beside a source that
// is always ready. Its functions run on the loop's thread.
type turns struct {
	other   cpeer.Busy
	count   int       // of other, when the last function ended
	ended   time.Time // the last function
	held    time.Duration
	waited  time.Duration
	overrun string
}

// work is a posted function: since other had its turn, the functions may have
// taken the millisecond that they may take at once, one more for the batch that
// began before that was over, and what they left to others. A function that
// the machine held up counts as one that took long, here as there.
func (s *turns) work() {
	began := time.Now()
	if n := s.other.Count(); n != s.count {
		s.count, s.held, s.waited = n, 0, 0
	} else if !s.ended.IsZero() {
		s.waited += began.Sub(s.ended)
	}
	if most := 2*time.Millisecond + s.waited; s.held > most && s.overrun == "" {
		s.overrun = fmt.Sprintf("functions have taken %v, and left %v, without a turn of the other source", s.held, s.waited)
	}
	label()
	s.ended = time.Now()
	s.held += s.ended.Sub(began)
}

func TestABurstOfPostsLeavesTurnsToRedraw(t *testing.T) {
	const n = 2000 // 200 ms of work
	l := newLoop(t)
	release := block(t, l)
	s := turns{other: cpeer.NewBusy(l.MainContext(), gdkPriorityRedraw, -1)}
	defer s.other.Free()
	for range n {
		require.NoError(t, l.Post(s.work))
	}
	release()
	flush(t, l)
	require.Empty(t, s.overrun)
	require.Positive(t, s.count)
}

// Functions that come as fast as they run: the queue is empty after each few of
// them, and never for long.
func TestATrickleOfPostsLeavesTurnsToRedraw(t *testing.T) {
	const producers, each = 4, 500
	l := newLoop(t)
	s := turns{other: cpeer.NewBusy(l.MainContext(), gdkPriorityRedraw, -1)}
	defer s.other.Free()
	var all sync.WaitGroup
	for range producers {
		all.Add(1)
		go func() {
			defer all.Done()
			for range each {
				_ = l.Call(bg, func() error { s.work(); return nil })
			}
		}()
	}
	all.Wait()
	require.Empty(t, s.overrun)
	require.Positive(t, s.count)
}

// Whatever is always ready, and at which priority: 64 functions each 10 ms would
// take half a minute.
func TestPostsAreNotStarved(t *testing.T) {
	for _, priority := range []int{0, 100, gdkPriorityRedraw} {
		t.Run(fmt.Sprint(priority), func(t *testing.T) {
			l := newLoop(t)
			b := cpeer.NewBusy(l.MainContext(), priority, -1)
			defer b.Free()
			order, sorted := -1, true
			for i := range 200_000 {
				require.NoError(t, l.Post(func() {
					sorted = sorted && i == order+1
					order = i
				}))
			}
			flush(t, l)
			require.Equal(t, 200_000-1, order)
			require.True(t, sorted)
		})
	}
}

// A function that took seconds, such as one with a dialog of its own, is no
// reason to keep those behind it waiting as long.
func TestALongFunctionDelaysOthersByNoMoreThanItself(t *testing.T) {
	l := newLoop(t)
	b := cpeer.NewBusy(l.MainContext(), 100, -1)
	defer b.Free()
	const long = time.Second
	ended := make(chan time.Time, 1)
	require.NoError(t, l.Post(func() {
		for start := time.Now(); time.Since(start) < long; {
			l.MainContext().Iteration(false)
		}
		ended <- time.Now()
	}))
	began := receive(t, ended)
	flush(t, l)
	require.Less(t, time.Since(began), long/2, "what the long function took is owed by those behind it")
}

// The queue's share is of the loop that others need: with none it has all of it.
func TestAnIdleLoopRunsPostsWithoutAWait(t *testing.T) {
	l := newLoop(t)
	release := block(t, l)
	var took, held time.Duration
	var last time.Time
	for range 1000 {
		require.NoError(t, l.Post(func() {
			began := time.Now()
			if !last.IsZero() {
				took += began.Sub(last)
			}
			label()
			last = time.Now()
			held += last.Sub(began)
		}))
	}
	release()
	flush(t, l)
	require.Less(t, took, held, "the functions waited as long as they took, for nobody")
}
