package gio

import (
	"time"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// newChan makes a channel that goroutines in different bubbles of testing/synctest
// may use, or in none: those of a service, and those who call it.
func newChan[T any](size int) chan T {
	if native.InBubble(time.Now()) {
		return newUnbubbledChan[T](size)
	}
	return make(chan T, size)
}

// newUnbubbledChan is apart so that newChan allocates the channel alone.
func newUnbubbledChan[T any](size int) (c chan T) {
	native.Unbubbled(func() { c = make(chan T, size) })
	return c
}
