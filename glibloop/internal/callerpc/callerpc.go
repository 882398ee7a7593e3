// Package callerpc finds the place a function was called from for less than
// runtime.Callers asks: 3 ns against 140, which would be half of a Post.
package callerpc

import "runtime"

// usable says that the frame pointers are where fast looks for them. They are
// an implementation detail of the compiler's: ask before relying on them.
var usable = fastSupported && probe()

//go:noinline
func probe() bool { return fast() == slow() }

// Get is the return address, for runtime.CallersFrames, of the function that
// calls Get, which must be marked go:noinline.
//
//go:noinline
func Get() uintptr {
	if usable {
		return returnAddress()
	}
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return pcs[0]
}

// fast and slow are the two halves of Get, to compare.
//
//go:noinline
func fast() uintptr { return returnAddress() }

//go:noinline
func slow() uintptr {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return pcs[0]
}
