package glibloop_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
	"github.com/glibserve/glibserve/glibloop/internal/cpeer"
)

var bg = context.Background()

func TestCallRunsOnTheLoopAndReturnsTheError(t *testing.T) {
	l := newLoop(t)
	var onLoop bool
	require.ErrorIs(t, l.Call(bg, func() error {
		onLoop = l.OnLoop()
		return io.EOF
	}), io.EOF)
	require.True(t, onLoop)

	n, err := glibloop.Call(bg, l, func() (int, error) { return 42, io.EOF })
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 42, n)
}

func TestCallIsQueuedBehindWhatWasPosted(t *testing.T) {
	l := newLoop(t)
	ran := 0
	for range 1000 {
		require.NoError(t, l.Post(func() { ran++ }))
	}
	n, err := glibloop.Call(bg, l, func() (int, error) { return ran, nil })
	require.NoError(t, err)
	require.Equal(t, 1000, n)
}

func TestCallOnTheLoopsOwnThreadRunsInline(t *testing.T) {
	l := newLoop(t)
	var order []string
	require.NoError(t, l.Post(func() {
		_ = l.Post(func() { order = append(order, "posted") })
		_ = l.Call(bg, func() error {
			order = append(order, "called")
			return l.Call(bg, func() error {
				order = append(order, "called inside")
				return nil
			})
		})
	}))
	flush(t, l)
	flush(t, l)
	require.Equal(t, []string{"called", "called inside", "posted"}, order)
}

func TestCallNeverRunsWhenItsContextWasDoneBeforeItStarted(t *testing.T) {
	cause := errors.New("cause")
	withCause, cancel := context.WithCancelCause(bg)
	cancel(cause)

	t.Run("before the call", func(t *testing.T) {
		l := newLoop(t)
		err := l.Call(withCause, func() error { panic("ran") })
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		require.NoError(t, l.Post(func() {
			if err := l.Call(withCause, func() error { panic("ran") }); !errors.Is(err, cause) {
				panic(err)
			}
		}))
		flush(t, l)
	})
	t.Run("while it waits", func(t *testing.T) {
		l := newLoop(t)
		release := block(t, l)
		ctx, cancel := context.WithTimeout(bg, time.Millisecond)
		defer cancel()
		require.ErrorIs(t, l.Call(ctx, func() error { panic("ran") }), context.DeadlineExceeded)
		release()
		flush(t, l)
	})
	// Its turn comes in the moment between the cancellation and its return.
	t.Run("as its turn comes", func(t *testing.T) {
		l := newLoop(t)
		for range 200 {
			ctx, cancel := context.WithCancel(bg)
			require.NoError(t, l.Post(cancel))
			started := false
			if err := l.Call(ctx, func() error { started = true; return nil }); !started {
				require.ErrorIs(t, err, context.Canceled)
			}
			require.False(t, started)
		}
	})
}

func TestCallWaitsOnceItStarted(t *testing.T) {
	l := newLoop(t)
	ctx, cancel := context.WithCancel(bg)
	err := l.Call(ctx, func() error {
		cancel()
		_ = l.MainContext() // anything after the cancellation
		return io.EOF
	})
	require.ErrorIs(t, err, io.EOF, "the result, not the context's error")
}

func TestCallReturnsAPanicAsAnError(t *testing.T) {
	l := newLoop(t)
	for name, call := range map[string]func(fn func() error) error{
		"queued": func(fn func() error) error { return l.Call(bg, fn) },
		"inline": func(fn func() error) (err error) {
			_ = l.Call(bg, func() error { err = l.Call(bg, fn); return nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := call(func() error { return explode(io.ErrUnexpectedEOF) })
			var p *glibloop.PanicError
			require.ErrorAs(t, err, &p)
			require.Equal(t, io.ErrUnexpectedEOF, p.Value)
			require.Contains(t, string(p.Stack), "glibloop_test.explode")
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Contains(t, err.Error(), io.ErrUnexpectedEOF.Error())

			require.ErrorAs(t, call(func() error { return explode(42) }), &p)
			require.Equal(t, 42, p.Value)
			require.NoError(t, p.Unwrap())
		})
	}
	n, err := glibloop.Call(bg, l, func() (int, error) { return 1, explode("x") })
	require.ErrorContains(t, err, "x")
	require.Zero(t, n)
	flush(t, l) // it goes on
}

//go:noinline
func explode(value any) error { panic(value) }

func TestCallToAnotherLoopFromALoop(t *testing.T) {
	a, b := newLoop(t), newLoop(t)
	err := a.Call(bg, func() error {
		return b.Call(bg, func() error {
			if a.OnLoop() || !b.OnLoop() {
				return errors.New("on the wrong loop")
			}
			return nil
		})
	})
	require.NoError(t, err)
}

func TestCallAssistsAContextThatNobodyIterates(t *testing.T) {
	l := adopted(t)
	var posted, called struct {
		onLoop          bool
		thread, context any
	}
	require.NoError(t, l.Post(func() {
		posted.onLoop, posted.thread, posted.context = l.OnLoop(), cpeer.Thread(), cpeer.ThreadDefault()
	}))
	require.NoError(t, l.Call(bg, func() error {
		called.onLoop, called.thread, called.context = l.OnLoop(), cpeer.Thread(), cpeer.ThreadDefault()
		return nil
	}))
	require.True(t, posted.onLoop)
	require.Equal(t, posted, called)
	require.Equal(t, any(cpeer.Native(l.MainContext())), called.context)
	require.False(t, l.OnLoop(), "it gave the context back")
	require.Nil(t, cpeer.ThreadDefault())
}

func TestManyCallsShareAContextThatNobodyIterates(t *testing.T) {
	const callers, each = 8, 50
	l := adopted(t)
	n := 0 // the owner of the context, whoever that is, may touch it
	done := make(chan error, callers)
	start := time.Now()
	for range callers {
		go func() {
			var err error
			for range each {
				err = errors.Join(err, l.Call(bg, func() error { n++; return nil }))
			}
			done <- err
		}()
	}
	for range callers {
		require.NoError(t, receive(t, done))
	}
	require.NoError(t, l.Call(bg, func() error { return nil }))
	require.Equal(t, callers*each, n)
	// They hand the context on: none has to wait for its next look, 50 ms later.
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestCallGivesTheApplicationAStartOnTheDefaultLoop(t *testing.T) {
	start := time.Now()
	require.NoError(t, glibloop.Default().Call(bg, func() error { return nil }))
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
}

func init() {
	children["call on the main thread"] = func() {
		l := glibloop.Default()
		for range 100 {
			start := time.Now()
			if err := l.Call(bg, func() error { return nil }); err != nil {
				panic(err)
			}
			if time.Since(start) < 15*time.Millisecond {
				return // one is enough, on a busy machine
			}
		}
		panic("it waited")
	}
}

func TestCallOnTheMainThreadAssistsTheDefaultLoopAtOnce(t *testing.T) {
	status, output := child(t, "call on the main thread")
	require.Zero(t, status, output)
}

func TestCallDoesNotHangOnALoopThatEnded(t *testing.T) {
	l := adopted(t)
	ctx, cancel := context.WithCancel(bg)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	iterated(t, l)

	// The loop is in a function, and ends with it: nobody is left for the Call.
	release := block(t, l)
	result := make(chan error, 1)
	queued := make(chan struct{})
	go func() {
		close(queued)
		result <- l.Call(bg, func() error { return io.EOF })
	}()
	receive(t, queued)
	cancel()
	release()
	require.ErrorIs(t, receive(t, ended), context.Canceled)
	require.ErrorIs(t, receive(t, result), io.EOF)
}

func TestCallNeverAssistsANewLoop(t *testing.T) {
	l := newLoop(t)
	release := block(t, l)
	defer release()
	var ran atomic.Bool
	require.NoError(t, l.Post(func() { ran.Store(true) }))
	ctx, cancel := context.WithTimeout(bg, 150*time.Millisecond) // three looks of an assistant
	defer cancel()
	require.ErrorIs(t, l.Call(ctx, func() error { return nil }), context.DeadlineExceeded)
	require.False(t, ran.Load())
}

func TestCallWithoutAContextPanics(t *testing.T) {
	l := newLoop(t)
	//nolint:staticcheck // that is what is tested
	require.PanicsWithValue(t, "glibloop: Call with a nil Context", func() { _ = l.Call(nil, func() error { return nil }) })
}
