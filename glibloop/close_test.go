package glibloop_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// closed asserts that l refuses everything.
func closed(t *testing.T, l *glibloop.Loop) {
	t.Helper()
	never := func() { panic("ran") }
	require.ErrorIs(t, l.Post(never), glibloop.ErrStopped)
	require.ErrorIs(t, l.Invoke(never), glibloop.ErrStopped)
	require.ErrorIs(t, l.Call(bg, func() error { panic("ran") }), glibloop.ErrStopped)
	_, err := glibloop.Call(bg, l, func() (int, error) { panic("ran") })
	require.ErrorIs(t, err, glibloop.ErrStopped)
	require.False(t, l.AfterFunc(0, never).Stop())
	receive(t, l.Done())
	require.NoError(t, l.Close(), "twice is once")
}

// kinds makes each kind of loop that can be closed, running.
var kinds = map[string]func(t *testing.T) *glibloop.Loop{
	"New": func(t *testing.T) *glibloop.Loop { return newLoop(t) },
	"Adopt": func(t *testing.T) *glibloop.Loop {
		l := adopted(t)
		runInBackground(t, l)
		return l
	},
}

func eachKind(t *testing.T, test func(t *testing.T, l *glibloop.Loop)) {
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

func TestCloseRunsWhatWasPosted(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		release := block(t, l)
		ran := 0
		for range 1000 {
			require.NoError(t, l.Post(func() { ran++ }))
		}
		result := make(chan error)
		go func() { result <- l.Close() }()
		select {
		case <-l.Done():
			require.Fail(t, "Close did not wait")
		case <-result:
			require.Fail(t, "Close did not wait")
		case <-time.After(10 * time.Millisecond):
		}
		release()
		require.NoError(t, receive(t, result))
		require.Equal(t, 1000, ran)
		closed(t, l)
	})
}

func TestCloseFailsPendingCalls(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		const n = 10
		release := block(t, l)
		results := make(chan error, n)
		for range n {
			go func() { results <- l.Call(bg, func() error { panic("ran") }) }()
		}
		done := make(chan error, 1)
		go func() { done <- l.Close() }()
		for range n { // while the loop is still busy
			require.ErrorIs(t, receive(t, results), glibloop.ErrStopped)
		}
		release()
		require.NoError(t, receive(t, done))
		closed(t, l)
	})
}

func TestCloseWaitsForACallThatStarted(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		started, end := make(chan struct{}), make(chan struct{})
		result, done := make(chan error, 1), make(chan error, 1)
		go func() {
			result <- l.Call(bg, func() error {
				close(started)
				<-end
				return io.EOF
			})
		}()
		receive(t, started)
		go func() { done <- l.Close() }()
		for l.Post(func() {}) == nil { // until Close has begun
			runtime.Gosched()
		}
		close(end)
		require.ErrorIs(t, receive(t, result), io.EOF)
		require.NoError(t, receive(t, done))
	})
}

func TestCloseStopsTimers(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		later := l.AfterFunc(time.Hour, func() { panic("ran") })
		release := block(t, l)
		due := l.AfterFunc(0, func() { panic("ran") })
		done := make(chan error, 1)
		go func() { done <- l.Close() }()
		for l.Post(func() {}) == nil {
			runtime.Gosched()
		}
		release()
		require.NoError(t, receive(t, done))
		require.False(t, later.Stop())
		require.False(t, due.Stop())
	})
}

func TestCloseFromTheLoopsOwnThread(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		release := block(t, l)
		var order []string
		require.NoError(t, l.Post(func() {
			err := l.Close()
			select {
			case <-l.Done():
				err = errors.New("done inside of Close")
			default:
			}
			if err == nil && l.Post(func() {}) == glibloop.ErrStopped &&
				l.Invoke(func() {}) == glibloop.ErrStopped &&
				l.Call(bg, func() error { return nil }) == glibloop.ErrStopped {
				order = append(order, "closed")
			}
		}))
		require.NoError(t, l.Post(func() { order = append(order, "posted before") }))
		release()
		receive(t, l.Done())
		require.Equal(t, []string{"closed", "posted before"}, order)
		closed(t, l)
	})
}

func TestCloseOfTheDefaultLoopIsAnError(t *testing.T) {
	require.Error(t, glibloop.Default().Close())
	require.NoError(t, glibloop.Default().Call(bg, func() error { return nil }))
}

func TestCloseOfAnAdoptedLoopEndsRunAndLeavesTheContext(t *testing.T) {
	mainContext := newContext()
	l := glibloop.Adopt(mainContext)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(bg) }()
	iterated(t, l)
	require.NoError(t, l.Close())
	require.ErrorIs(t, receive(t, ended), glibloop.ErrStopped)
	require.ErrorIs(t, l.Run(bg), glibloop.ErrStopped)

	again := glibloop.Adopt(mainContext)
	require.NoError(t, again.Call(bg, func() error { return nil }))
	require.NoError(t, again.Close())
}

func TestCloseOfAnAdoptedLoopThatNobodyIterates(t *testing.T) {
	t.Run("from outside", func(t *testing.T) {
		l := adopted(t)
		ran := 0
		require.NoError(t, l.Post(func() { ran++ }))
		require.NoError(t, l.Close())
		require.Equal(t, 1, ran)
		closed(t, l)
	})
	t.Run("from its owner", func(t *testing.T) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		l := adopted(t)
		require.True(t, l.MainContext().Acquire())
		defer l.MainContext().Release()
		ran := 0
		require.NoError(t, l.Post(func() { ran++ }))
		require.NoError(t, l.Close())
		require.Equal(t, 1, ran)
		closed(t, l)
	})
}

func TestConcurrentCloseLosesNothing(t *testing.T) {
	eachKind(t, func(t *testing.T, l *glibloop.Loop) {
		const producers = 8
		var accepted, ran, called, returned atomic.Int64
		var wg sync.WaitGroup
		for range producers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for {
					for range 20 {
						if l.Post(func() { ran.Add(1) }) == nil {
							accepted.Add(1)
						}
					}
					// It also keeps the queue from growing without end.
					err := l.Call(bg, func() error { called.Add(1); return nil })
					if err != nil {
						if err != glibloop.ErrStopped {
							panic(err)
						}
						return
					}
					returned.Add(1)
				}
			}()
		}
		for called.Load() < 100 {
			runtime.Gosched()
		}
		for range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				_ = l.Close()
			}()
		}
		wg.Wait()
		require.Equal(t, accepted.Load(), ran.Load())
		require.Equal(t, returned.Load(), called.Load())
		closed(t, l)
	})
}

func TestClosedLoopsLeaveNothingBehind(t *testing.T) {
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Skip("there is no /proc here: ", err)
		}
		return len(entries)
	}
	make := func() {
		l := glibloop.New()
		_ = l.Call(bg, func() error { return nil })
		_ = l.AfterFunc(time.Hour, func() {})
		_ = l.Close()
		a := glibloop.Adopt(newContext())
		_ = a.Post(func() {})
		_ = a.Close()
	}
	make()
	const descriptors, threads = "/proc/self/fd", "/proc/self/task"
	fds, tasks := count(descriptors), count(threads)
	for range 200 {
		make()
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		return count(descriptors) <= fds+2 && count(threads) <= tasks+8
	}, patience, time.Millisecond)
}

func TestCloseWhileCallsAssist(t *testing.T) {
	for range 50 {
		l := adopted(t)
		results := make(chan error, 4)
		for range cap(results) {
			go func() {
				for {
					if err := l.Call(bg, func() error { return nil }); err != nil {
						results <- err
						return
					}
				}
			}()
		}
		ctx, cancel := context.WithTimeout(bg, patience)
		require.NoError(t, l.Call(ctx, func() error { return nil }))
		cancel()
		require.NoError(t, l.Close())
		for range cap(results) {
			require.ErrorIs(t, receive(t, results), glibloop.ErrStopped)
		}
	}
}
