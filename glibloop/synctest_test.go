//go:build go1.25

package glibloop_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

// A mistake in these ends the process: no test can survive a channel of a bubble
// that is touched outside.

func TestNothingOfABubbleStaysBehind(t *testing.T) {
	outside := newLoop(t)
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			l := glibloop.New()
			flush(t, l)
			flush(t, outside)
			require.NoError(t, l.Close())
		})
		for range 20 {
			flush(t, outside) // with what the pools have
		}
	}
}

func TestLoopFromOutsideWorksInABubble(t *testing.T) {
	ran := make(chan string, 1)
	for name, newLoop := range map[string]func() *glibloop.Loop{
		"New":   glibloop.New,
		"Adopt": func() *glibloop.Loop { return glibloop.Adopt(newContext()) }, // by Call and Close
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop()
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, l.Post(func() { ran <- "posted" }))
				flush(t, l)
				require.Equal(t, "posted", receive(t, ran))
				n, err := glibloop.Call(t.Context(), l, func() (int, error) { return 7, errors.ErrUnsupported })
				require.ErrorIs(t, err, errors.ErrUnsupported)
				require.Equal(t, 7, n)

				// By the bubble's clock, which stands still while anybody waits for the loop.
				l.AfterFunc(time.Hour, func() { ran <- "timer" })
				stopped := l.AfterFunc(time.Minute, func() { ran <- "stopped timer" })
				require.True(t, stopped.Stop())
				time.Sleep(time.Hour)
				synctest.Wait()
				flush(t, l)
				require.Equal(t, "timer", receive(t, ran))

				require.NoError(t, l.Close())
				require.ErrorIs(t, l.Call(t.Context(), func() error { return nil }), glibloop.ErrStopped)
			})
			<-l.Done()
		})
	}
}

func TestDefaultLoopThatNobodyIteratesIsTakenOverInABubble(t *testing.T) {
	l := glibloop.Default()
	synctest.Test(t, func(t *testing.T) { flush(t, l) })
	flush(t, l)
}

func TestLoopFromABubbleWorksOutside(t *testing.T) {
	made, used := make(chan *glibloop.Loop), make(chan error)
	go func() {
		l := <-made
		err := l.Call(bg, func() error { return nil })
		ran := make(chan struct{})
		err = errors.Join(err, l.Post(func() { close(ran) }))
		<-ran
		err = errors.Join(err, l.Close()) // a timer of the bubble is left to it
		<-l.Done()
		used <- err
	}()
	synctest.Test(t, func(t *testing.T) {
		l := glibloop.New()
		l.AfterFunc(time.Hour, func() {})
		made <- l
		require.NoError(t, <-used)
		<-l.Done()
		require.ErrorIs(t, l.Post(func() {}), glibloop.ErrStopped)
	})
}

func TestTimerOfABubbleIsStoppedOutside(t *testing.T) {
	l := glibloop.New()
	var ran atomic.Bool
	var timer *glibloop.Timer
	synctest.Test(t, func(*testing.T) {
		timer = l.AfterFunc(time.Hour, func() { ran.Store(true) })
		l.AfterFunc(time.Hour, func() { ran.Store(true) }) // for Close
	})
	require.True(t, timer.Stop())
	require.False(t, timer.Stop())
	require.NoError(t, l.Close())
	require.False(t, ran.Load())
}

func TestCallInABubbleIsCancelledToTheInstant(t *testing.T) {
	l := newLoop(t)
	cause := errors.New("the cause")
	var ran atomic.Int32
	release := block(t, l)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error, 1)
		go func() { result <- l.Call(ctx, func() error { ran.Add(1); return nil }) }()
		cancel(cause)
		err := <-result
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, cause)
		release()
		flush(t, l)
		require.Zero(t, ran.Load())

		// The loop asks for the error while the context ends.
		for range 2000 {
			ctx, cancel := context.WithCancel(t.Context())
			go cancel()
			if err := l.Call(ctx, func() error { return nil }); err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		}
	})
}

func TestRunInABubble(t *testing.T) {
	l := adopted(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		iterated(t, l)
		for range 100 {
			flush(t, l)
		}
		cancel()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
	flush(t, l)
}
