package glibloop_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/diamondburned/gotk4/pkg/glib/v2"
	"github.com/stretchr/testify/require"

	"github.com/glibserve/glibserve/glibloop"
)

func TestThreadDefaultIsWhatTheThreadHasPushed(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	require.Same(t, glibloop.Default(), glibloop.ThreadDefault())

	outer, inner := glib.NewMainContext(), glib.NewMainContext()
	outer.PushThreadDefault()
	defer outer.PopThreadDefault()
	loop := glibloop.ThreadDefault()
	defer loop.Close()
	require.NotSame(t, glibloop.Default(), loop)
	require.Same(t, loop, glibloop.Adopt(outer), "one Loop for a context")
	require.True(t, loop.OnLoop())

	inner.PushThreadDefault()
	another := glibloop.ThreadDefault()
	require.Same(t, another, glibloop.Adopt(inner))
	require.NotSame(t, loop, another)
	require.NoError(t, another.Close())
	inner.PopThreadDefault()
	require.Same(t, loop, glibloop.ThreadDefault())

	elsewhere := make(chan *glibloop.Loop)
	go func() {
		runtime.LockOSThread() // never unlocked: a thread that nobody has used ends with it
		elsewhere <- glibloop.ThreadDefault()
	}()
	require.Same(t, glibloop.Default(), <-elsewhere, "each thread has its own")
}

func TestThreadDefaultOfALoopIsThatLoop(t *testing.T) {
	loop := glibloop.New()
	defer loop.Close()
	got, err := glibloop.Call(context.Background(), loop, func() (*glibloop.Loop, error) {
		return glibloop.ThreadDefault(), nil
	})
	require.NoError(t, err)
	require.Same(t, loop, got)
}

// The context lives on in the Loop alone.
func TestThreadDefaultKeepsItsContext(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	loop := func() *glibloop.Loop {
		c := glib.NewMainContext()
		c.PushThreadDefault()
		defer c.PopThreadDefault()
		return glibloop.ThreadDefault()
	}()
	runtime.GC()
	runtime.GC()
	ran := false
	require.NoError(t, loop.Call(context.Background(), func() error { ran = true; return nil }))
	require.True(t, ran)
	require.NoError(t, loop.Close())
}
