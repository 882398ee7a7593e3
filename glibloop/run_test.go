package glibloop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
	"github.com/glibserve/glibserve/glibloop/internal/cpeer"
)

func TestRunIteratesOnTheCallersThread(t *testing.T) {
	l := adopted(t)
	ctx, cancel := context.WithCancel(bg)
	var thread, during, threadDefault any
	onLoop := false
	require.NoError(t, l.Post(func() {
		thread, threadDefault, onLoop = cpeer.Thread(), cpeer.ThreadDefault(), l.OnLoop()
		cancel()
	}))
	runtime.LockOSThread() // so that the caller's thread can be compared
	defer runtime.UnlockOSThread()
	during = cpeer.Thread()
	require.ErrorIs(t, l.Run(ctx), context.Canceled)
	require.Equal(t, during, thread)
	require.Equal(t, any(cpeer.Native(l.MainContext())), threadDefault)
	require.True(t, onLoop)
	require.False(t, l.OnLoop())
	require.Nil(t, cpeer.ThreadDefault())
}

func TestRunReturnsTheCause(t *testing.T) {
	cause := errors.New("cause")
	l := adopted(t)
	ctx, cancel := context.WithCancelCause(bg)
	require.NoError(t, l.Post(func() { cancel(cause) }))
	require.ErrorIs(t, l.Run(ctx), cause)
	require.ErrorIs(t, l.Run(ctx), cause, "done before it began")
}

func TestRunIsAnErrorOnANewLoop(t *testing.T) {
	require.ErrorContains(t, newLoop(t).Run(bg), "New")
}

func TestRunIsAnErrorWhileAnotherThreadIterates(t *testing.T) {
	l := adopted(t)
	runInBackground(t, l)
	require.ErrorContains(t, l.Run(bg), "another thread")
	flush(t, l)
}

func TestRunWaitsForACallThatAssists(t *testing.T) {
	l := adopted(t)
	inside, end := make(chan struct{}), make(chan struct{})
	called := make(chan error, 1)
	go func() {
		called <- l.Call(bg, func() error {
			close(inside)
			<-end
			return nil
		})
	}()
	receive(t, inside)
	ran := make(chan error, 1)
	go func() { ran <- l.Run(bg) }()
	close(end)
	require.NoError(t, receive(t, called))
	require.NoError(t, l.Post(l.Quit))
	require.NoError(t, receive(t, ran))
}

func TestQuitEndsTheRunInProgressAndIsNotSticky(t *testing.T) {
	l := adopted(t)
	l.Quit()
	l.Quit()
	ran := 0
	for range 3 {
		require.NoError(t, l.Post(func() { ran++; l.Quit() }))
		require.NoError(t, l.Run(bg))
	}
	require.Equal(t, 3, ran)
	newLoop(t).Quit() // has no Run: nothing happens
}

func TestQuitEndsTheInnermostRun(t *testing.T) {
	l := adopted(t)
	var order []string
	require.NoError(t, l.Post(func() {
		_ = l.Post(func() { order = append(order, "inside"); l.Quit() })
		if err := l.Run(bg); err != nil {
			panic(err)
		}
		order = append(order, "outside")
		l.Quit()
	}))
	require.NoError(t, l.Run(bg))
	require.Equal(t, []string{"inside", "outside"}, order)
}

func TestThereIsOneLoopForAContext(t *testing.T) {
	mainContext := newContext()
	l := glibloop.Adopt(mainContext)
	require.Same(t, l, glibloop.Adopt(mainContext))
	require.Same(t, l, glibloop.Adopt(l.MainContext()))
	require.NoError(t, l.Close())
	again := glibloop.Adopt(mainContext)
	require.NotSame(t, l, again)
	require.NoError(t, again.Call(bg, func() error { return nil }))
	require.NoError(t, again.Close())

	def := glibloop.Default()
	require.Same(t, def, glibloop.Default())
	require.Same(t, def, glibloop.Adopt(glib.MainContextDefault()))
	require.Same(t, def, glibloop.Adopt(nil))

	own := newLoop(t)
	require.Same(t, own, glibloop.Adopt(own.MainContext()))
}

func TestMainContextStaysValid(t *testing.T) {
	contexts := make([]*glib.MainContext, 20)
	for i := range contexts {
		l := glibloop.New()
		contexts[i] = l.MainContext()
		require.NoError(t, l.Close())
	}
	runtime.GC()
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, c := range contexts {
		require.True(t, c.Acquire(), "Close gave the context back")
		require.True(t, c.IsOwner())
		c.Release()
	}
}

func TestAdoptedLoopOfACThread(t *testing.T) {
	peer := cpeer.NewLoop()
	defer peer.Close()
	l := glibloop.Adopt(peer.MainContext())
	n := 0
	for range 1000 {
		require.NoError(t, l.Post(func() { n++ }))
	}
	var thread any
	require.NoError(t, l.Call(bg, func() error {
		thread = cpeer.Thread()
		if n != 1000 || !l.OnLoop() {
			return fmt.Errorf("%d, %v", n, l.OnLoop())
		}
		return nil
	}))
	require.NoError(t, l.Call(bg, func() error {
		if thread != any(cpeer.Thread()) {
			return errors.New("another thread")
		}
		return nil
	}))
	require.NoError(t, l.Close())
}

func init() {
	children["panic through Run"] = func() {
		l := glibloop.Default()
		for _, leave := range []func(){func() { panic("out of a callback") }, runtime.Goexit} {
			left := make(chan any)
			go func() {
				defer func() { left <- recover() }()
				glib.IdleAdd(leave) // not a posted function: nothing stops it
				_ = l.Run(bg)
				panic("it did not go through Run")
			}()
			fmt.Println("left with", <-left)
			ctx, cancel := context.WithTimeout(bg, patience)
			if err := l.Call(ctx, func() error { return nil }); err != nil {
				panic(err)
			}
			if err := l.Post(l.Quit); err != nil {
				panic(err)
			}
			if err := l.Run(ctx); err != nil {
				panic(err)
			}
			cancel()
		}
	}
}

func TestRunReleasesTheContextOnPanic(t *testing.T) {
	if asan {
		t.Skip("a panic through C frames leaves their stacks poisoned")
	}
	status, output := child(t, "panic through Run")
	require.Zero(t, status, output)
	require.Equal(t, 1, strings.Count(output, "out of a callback"), output)
	require.NotContains(t, output, "CRITICAL")
}

func init() {
	children["New off the main thread"] = func() {
		main := cpeer.Thread()
		runtime.UnlockOSThread() // now the main thread is anybody's
		for range 100 {
			l := glibloop.New()
			defer l.Close()
			if err := l.Call(bg, func() error {
				if cpeer.Thread() == main {
					return errors.New("on the main thread")
				}
				return nil
			}); err != nil {
				panic(err)
			}
		}
	}
}

func TestNewLeavesTheMainThreadAlone(t *testing.T) {
	status, output := child(t, "New off the main thread")
	require.Zero(t, status, output)
}
