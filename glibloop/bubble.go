package glibloop

import (
	"context"
	"runtime/cgo"
	"time"
)

// A bubble of testing/synctest owns the channels and the timers that are made in
// it: a goroutine outside that touches them ends the program. A loop is used from
// both sides, so it waits on none of those.

// inBubble tells by what time.Now said: in a bubble it has no monotonic clock,
// which Round takes away.
func inBubble(now time.Time) bool {
	return now == now.Round(0) //nolint:staticcheck // Equal is true either way
}

// unbubbled calls f, which makes channels or timers for goroutines everywhere. A
// goroutine on a thread that C made is in no bubble; C is asked for one in
// bubbles only.
func unbubbled(f func()) {
	if !inBubble(time.Now()) {
		f()
		return
	}
	handle := cgo.NewHandle(f)
	defer handle.Delete()
	onThreadOfC(handle)
}

// newTicker ticks by the real clock. A bubble's stands still while one of its
// goroutines waits for a loop.
func newTicker(d time.Duration) (t *time.Ticker) {
	unbubbled(func() { t = time.NewTicker(d) })
	return t
}

// unbubbledContext is done when ctx is, to the instant, and its Err can be asked
// for outside of ctx's bubble. Err receives from the context's channel, which is
// the bubble's if Done was called there: nobody calls it on this one. It is
// derived twice because a context of somebody's own type has its first child
// watched by a goroutine, by Done.
func unbubbledContext(ctx context.Context) (context.Context, context.CancelFunc) {
	child, cancel := context.WithCancel(ctx)
	grandchild, forget := context.WithCancel(child)
	return grandchild, func() {
		forget()
		cancel()
	}
}
