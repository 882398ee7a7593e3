package native

/*
#include "bubble.h"
*/
import "C"

import (
	"runtime/cgo"
	"time"
)

// InBubble tells whether now was taken in a bubble of testing/synctest: such times
// have no monotonic clock for Round to take away.
func InBubble(now time.Time) bool {
	return now == now.Round(0) //nolint:staticcheck // Equal is true either way
}

// Unbubbled calls f in no bubble: on a thread that C made. A channel of a bubble
// that is touched outside ends the program; one that f makes belongs to nobody.
func Unbubbled(f func()) {
	handle := cgo.NewHandle(f)
	defer handle.Delete()
	C.gsv_on_thread(C.uintptr_t(handle))
}

//export gsvGoOnThread
func gsvGoOnThread(handle C.uintptr_t) { cgo.Handle(handle).Value().(func())() }
