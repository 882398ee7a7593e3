// Package window is the window of window.h for programs written in Go.
package window

// #cgo pkg-config: gtk4
// #cgo LDFLAGS: -lm
// #include "window.h"
// #include <stdlib.h>
//
// extern double framesPosition(gint64 time);
import "C"

import "unsafe"

// turn is how long the animation takes to begin again, in microseconds.
const turn = 4e6

//export framesPosition
func framesPosition(time C.gint64) C.double {
	return C.double(float64(int64(time)%int64(turn)) / turn)
}

// Open opens the window, on the process's main thread and once; false when there
// is no display.
func Open(title, text string) bool {
	t, x := C.CString(title), C.CString(text)
	defer C.free(unsafe.Pointer(t))
	defer C.free(unsafe.Pointer(x))
	return C.frames_window_open(t, x, C.frames_position(C.framesPosition)) != 0
}

// Run iterates the default main context, on the main thread, until Quit.
func Run() { C.frames_window_run() }

// Quit ends Run. It is for any goroutine.
func Quit() { C.frames_window_quit() }

// SetLabel shows a text, and counts whether that was in order. Only the main
// thread may call it.
func SetLabel(text string, inOrder bool) {
	t := C.CString(text)
	defer C.free(unsafe.Pointer(t))
	ordered := C.gboolean(0)
	if inOrder {
		ordered = 1
	}
	C.frames_window_label(t, ordered)
}

// Asked counts a text that was asked for. It is for any goroutine.
func Asked() { C.frames_window_asked() }

// Report is what was noted so far, as JSON: window.h says what is in it. It is
// for any goroutine.
func Report() string {
	json := C.frames_window_report()
	defer C.g_free(C.gpointer(unsafe.Pointer(json)))
	return C.GoString(json)
}
