// Package gobject is what other code does with a GObject of the library's, for
// its tests: in C, on threads of C's, and by property bindings, none of which
// gotk4 has. An object is its address.
package gobject

/*
#cgo pkg-config: gio-2.0
#cgo CFLAGS: -Wall
#include "gobject.h"
*/
import "C"

import "sync"

// NewSwitch makes an object with a boolean property "active", as a GtkSwitch has.
// Unref gives it up.
func NewSwitch() uintptr { return uintptr(C.test_switch_new()) }

// Unref is g_object_unref.
func Unref(object uintptr) { C.test_unref(C.uintptr_t(object)) }

// SetActive sets the property "active".
func SetActive(object uintptr, active bool) {
	C.test_set_active(C.uintptr_t(object), C.int(number(active)))
}

// Active gets the property "active".
func Active(object uintptr) bool { return C.test_get_active(C.uintptr_t(object)) != 0 }

// AddLoopback listens on a free port of 127.0.0.1 (g_socket_listener_add_address) and
// returns it, 0 on failure.
func AddLoopback(listener uintptr) int { return int(C.test_add_loopback(C.uintptr_t(listener))) }

// Start is g_socket_service_start.
func Start(service uintptr) { C.test_start(C.uintptr_t(service)) }

// Stop is g_socket_service_stop.
func Stop(service uintptr) { C.test_stop(C.uintptr_t(service)) }

// StartOnThread is Start on a thread that C made.
func StartOnThread(service uintptr) { C.test_toggle_on_thread(C.uintptr_t(service), 0, 1, 1) }

// StopOnThread is Stop on a thread that C made.
func StopOnThread(service uintptr) { C.test_toggle_on_thread(C.uintptr_t(service), 1, 0, 1) }

// Storm stops and starts so many times, on a thread that C made.
func Storm(service uintptr, times int) {
	C.test_toggle_on_thread(C.uintptr_t(service), 1, 1, C.int(times))
}

// BindActive binds b's property "active" to a's, both ways, beginning with a's
// value (g_object_bind_property). The binding ends with either object.
func BindActive(a, b uintptr) { C.test_bind_active(C.uintptr_t(a), C.uintptr_t(b)) }

// Notified counts emissions of "notify::active".
type Notified struct{ c *C.test_counter }

// CountNotifyActive connects a handler in C to "notify::active".
func CountNotifyActive(object uintptr) Notified {
	return Notified{C.test_count_notify(C.uintptr_t(object))}
}

// Count is how often the signal was emitted.
func (n Notified) Count() int { return int(C.test_counter_count(n.c)) }

// Last is the property's value at the last emission.
func (n Notified) Last() bool { return C.test_counter_last(n.c) != 0 }

// Disconnect ends it.
func (n Notified) Disconnect() { C.test_counter_free(n.c) }

// Handler is a handler of "incoming" in C.
type Handler struct{ h *C.test_handler }

// Take connects a handler of "incoming" that takes each client and echoes.
func Take(service uintptr) Handler {
	return Handler{C.test_connect_incoming(C.uintptr_t(service), 1)}
}

// Decline connects a handler of "incoming" that takes no client.
func Decline(service uintptr) Handler {
	return Handler{C.test_connect_incoming(C.uintptr_t(service), 0)}
}

// Calls is how often it was called.
func (h Handler) Calls() int { return int(C.test_handler_calls(h.h)) }

// Disconnect ends it.
func (h Handler) Disconnect() { C.test_handler_free(h.h) }

var countLogs sync.Once

// Logs is how many warnings, criticals and errors GLib has logged since it was
// first called.
func Logs() int {
	countLogs.Do(func() { C.test_count_logs() })
	return int(C.test_logs())
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
