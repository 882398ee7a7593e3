package gio

import (
	"runtime"
	"unsafe"
)

// Native returns the address of the GSocketListener, GSocketService or
// GThreadedSocketService, for code in C, cgo or a binding, without gotk4's wrapper.
// All that Gotk4 of the listener or service says holds here: it waits for the loop,
// whose thread the object's functions belong on, and others may take clients from
// then on.
//
// The reference stays the library's: the address is good until Close, and as long as
// the Go value is reachable. Who keeps it longer takes a reference of his own by
// g_object_ref. It returns 0 after Close.
func (l *SocketListener) Native() uintptr {
	defer runtime.KeepAlive(l)
	var address uintptr
	_ = l.l.giveOut(func(object unsafe.Pointer) { address = uintptr(object) })
	return address
}

// Native returns the address of the GSocketClient, for code in C, cgo or a binding,
// without gotk4's wrapper; all that Gotk4 says of the object holds here. The reference
// stays the library's: the address is good until Close, and as long as the Go value is
// reachable. Who keeps it longer takes a reference of his own by g_object_ref. It
// returns 0 after Close.
func (c *SocketClient) Native() uintptr {
	defer runtime.KeepAlive(c)
	c.c.mu.Lock()
	defer c.c.mu.Unlock()
	if c.c.ended {
		return 0
	}
	return uintptr(c.c.native.Pointer())
}
