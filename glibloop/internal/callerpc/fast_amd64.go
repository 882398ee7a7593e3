package callerpc

const fastSupported = true

// returnAddress is that of its caller's caller. Both must have a frame, and so
// must not be inlined.
func returnAddress() uintptr
