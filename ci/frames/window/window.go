// Package window is the window of window.h for programs written in Go.
package window

// #cgo pkg-config: gtk4
// #include "window.h"
// #include <stdlib.h>
//
// extern void framesDraw(cairo_t *cr, int width, int height, double position);
import "C"

import (
	"math"
	"unsafe"

	"github.com/diamondburned/gotk4/pkg/cairo"
)

const bars = 48

// framesDraw draws a frame, by gotk4's cairo as a program in Go does. main.c in
// cserver draws the same.
//
//export framesDraw
func framesDraw(context *C.cairo_t, w, h C.int, position C.double) {
	cr, width, height, at := cairo.WrapContext(uintptr(unsafe.Pointer(context))), float64(w), float64(h), float64(position)
	cr.SetSourceRGB(0.97, 0.97, 0.96)
	cr.Paint()
	for i := range bars {
		part := float64(i) / bars
		x := (float64(i) + 0.5) * width / bars
		tall := height * (0.42 + 0.3*math.Sin(2*math.Pi*(at+part)))
		cr.SetSourceRGB(0.20+0.3*part, 0.40, 0.75-0.3*part)
		cr.Rectangle(x-0.3*width/bars, height-tall, 0.6*width/bars, tall)
		cr.Fill()
	}
	// Crosses the window once in a turn: a frame that is missing shows as a jump.
	cr.SetSourceRGB(0.85, 0.33, 0.10)
	cr.Arc(at*width, height*0.15, 14, 0, 2*math.Pi)
	cr.Fill()
}

// Open opens the window, on the process's main thread and once; false when there
// is no display.
func Open(title, text string) bool {
	t, x := C.CString(title), C.CString(text)
	defer C.free(unsafe.Pointer(t))
	defer C.free(unsafe.Pointer(x))
	return C.frames_window_open(t, x, C.frames_draw(C.framesDraw)) != 0
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
