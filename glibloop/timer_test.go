package glibloop_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAfterFuncRunsOnTheLoopInTime(t *testing.T) {
	l := newLoop(t)
	start := time.Now()
	fired := make(chan time.Duration, 1)
	onLoop := make(chan bool, 1)
	timer := l.AfterFunc(5*time.Millisecond, func() {
		fired <- time.Since(start)
		onLoop <- l.OnLoop()
	})
	require.GreaterOrEqual(t, receive(t, fired), 5*time.Millisecond)
	require.True(t, receive(t, onLoop))
	require.False(t, timer.Stop())
}

func TestAfterFuncNeverRunsInline(t *testing.T) {
	l := newLoop(t)
	for _, d := range []time.Duration{0, -time.Hour} {
		order := make(chan string, 2)
		require.NoError(t, l.Post(func() {
			l.AfterFunc(d, func() { order <- "timer" })
			order <- "poster"
		}))
		require.Equal(t, "poster", receive(t, order))
		require.Equal(t, "timer", receive(t, order))
	}
}

func TestStoppedTimerNeverRuns(t *testing.T) {
	l := newLoop(t)
	timer := l.AfterFunc(time.Hour, func() { panic("ran") })
	require.True(t, timer.Stop())
	require.False(t, timer.Stop())

	// Also when it is due, and in the queue behind what stops it.
	release := block(t, l)
	stopped := make(chan bool, 1)
	require.NoError(t, l.Post(func() { stopped <- timer.Stop() }))
	timer = l.AfterFunc(0, func() { panic("ran") })
	release()
	require.True(t, receive(t, stopped))
	flush(t, l)
}
