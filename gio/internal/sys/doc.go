// Package sys has the system calls that gio makes by itself. What is not of
// sockets alone goes by golang.org/x/sys/unix.
//
// A brief call is made without telling Go's scheduler, which takes the processor
// from a goroutine that is inside a call, and has another thread go on with it,
// when the kernel has put the goroutine's thread aside: often because the call
// has just woken the peer. That is a sixth of what a short connection costs and
// an eighth of an echo, for calls that would have been over.
package sys
