// Package cpeer is the C program that glibloop's tests live beside and that
// its benchmarks measure themselves against. It is a package because test
// files cannot use cgo.
package cpeer

// #cgo pkg-config: glib-2.0
// #include "cpeer.h"
import "C"

// Loop is a GMainContext that a C thread iterates.
type Loop struct{ c *C.cpeer_loop }

// NewLoop starts the thread.
func NewLoop() Loop { return Loop{C.cpeer_loop_new()} }

// Close ends the thread.
func (l Loop) Close() { C.cpeer_loop_free(l.c) }

// Invoke calls g_main_context_invoke n times, spread over producers C threads,
// and returns when all functions have run.
func (l Loop) Invoke(n, producers int) {
	C.cpeer_invoke(l.c, C.int(n), C.int(producers))
}

// RoundTrip does g_main_context_invoke n times and waits on a condition each
// time until the function has run.
func (l Loop) RoundTrip(n int) { C.cpeer_round_trip(l.c, C.int(n)) }
