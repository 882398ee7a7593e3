// Package fakedns answers GIO's lookups from a table, so that tests of names
// and of SRV records need no network. It is a package because test files cannot
// use cgo.
package fakedns

/*
#cgo pkg-config: gio-2.0
#include <stdlib.h>
#include "fakedns.h"
*/
import "C"

import "unsafe"

// Hang in place of an IP address makes lookups of the name wait until they are
// cancelled.
const Hang = "hang"

// Resolver is GIO's default resolver until Restore.
type Resolver struct{ previous *C.GResolver }

// Install replaces GIO's default resolver, for the whole process, by one that
// knows no names but localhost.
func Install() *Resolver { return &Resolver{C.fakedns_install()} }

// Restore puts the previous resolver back.
func (r *Resolver) Restore() { C.fakedns_restore(r.previous) }

// UseThreads has lookups of names answered on threads of GTask's pool, as GIO's own
// resolver does it, in place of at once.
func (r *Resolver) UseThreads() { C.fakedns_use_threads() }

// Host adds addresses to a name.
func (r *Resolver) Host(name string, ips ...string) {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	for _, ip := range ips {
		s := C.CString(ip)
		C.fakedns_host(n, s)
		C.free(unsafe.Pointer(s))
	}
}

// Service adds a host to an SRV record such as "_http._tcp.example.test", to be
// tried after those that it has.
func (r *Resolver) Service(record, host string, port int) {
	rr, h := C.CString(record), C.CString(host)
	defer C.free(unsafe.Pointer(rr))
	defer C.free(unsafe.Pointer(h))
	C.fakedns_service(rr, h, C.int(port))
}

// ProxyResolver is a GSimpleProxyResolver for one proxy. Two references come
// with it, so that a gotk4 wrapper never sees the last but one go.
func ProxyResolver(proxy string) unsafe.Pointer {
	s := C.CString(proxy)
	defer C.free(unsafe.Pointer(s))
	return unsafe.Pointer(C.g_object_ref(C.gpointer(C.g_simple_proxy_resolver_new(s, nil))))
}
