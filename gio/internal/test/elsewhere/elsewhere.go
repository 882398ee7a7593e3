// Package elsewhere is GIO code in C that makes connections, sockets and what can be
// connected to without the library, and uses those that the library hands out, for
// its tests. An object is its address.
package elsewhere

/*
#cgo pkg-config: gio-2.0 gio-unix-2.0
#cgo CFLAGS: -Wall
#include <stdlib.h>
#include "elsewhere.h"
*/
import "C"

import "unsafe"

// What makes an object returns one reference, or 0 when that failed.

// Connect connects to a port of this machine by GSocketClient, if asked with its own
// TLS, which accepts any certificate.
func Connect(port uint16, tls bool) uintptr {
	return uintptr(C.else_connect(C.int(port), number(tls)))
}

// Unconnected is a GSocketConnection that was not connected yet.
func Unconnected() uintptr { return uintptr(C.else_unconnected()) }

// Datagram is a GSocketConnection of a UDP socket.
func Datagram() uintptr { return uintptr(C.else_datagram()) }

// Filtered is a GSocketConnection of a class whose streams are not the socket's.
func Filtered() uintptr { return uintptr(C.else_filtered()) }

// Wrapper is a GTcpWrapperConnection of a stream, with the socket of a connection.
func Wrapper(stream, socketOf uintptr) uintptr {
	return uintptr(C.else_wrapper(C.uintptr_t(stream), C.uintptr_t(socketOf)))
}

// Read reads by the stream, and blocks; "" is the end or an error.
func Read(stream uintptr) string {
	b := make([]byte, 1024)
	n := C.else_read(C.uintptr_t(stream), unsafe.Pointer(&b[0]), C.long(len(b)))
	return string(b[:max(n, 0)])
}

// Write writes by the stream, and blocks.
func Write(stream uintptr, s string) bool {
	b := []byte(s)
	return C.else_write(C.uintptr_t(stream), unsafe.Pointer(&b[0]), C.long(len(b))) != 0
}

// Close is g_io_stream_close.
func Close(stream uintptr) bool { return C.else_close(C.uintptr_t(stream)) != 0 }

// IsClosed is g_io_stream_is_closed.
func IsClosed(stream uintptr) bool { return C.else_is_closed(C.uintptr_t(stream)) != 0 }

// IsConnected is g_socket_connection_is_connected.
func IsConnected(connection uintptr) bool { return C.else_is_connected(C.uintptr_t(connection)) != 0 }

// Type is the name of the object's class.
func Type(object uintptr) string { return C.GoString(C.else_type(C.uintptr_t(object))) }

// Base is what a GTcpWrapperConnection is around, without a reference.
func Base(wrapper uintptr) uintptr { return uintptr(C.else_base(C.uintptr_t(wrapper))) }

// IsTLS tells whether it is a GTlsConnection.
func IsTLS(object uintptr) bool { return C.else_is_tls(C.uintptr_t(object)) != 0 }

// SetGraceful is g_tcp_connection_set_graceful_disconnect.
func SetGraceful(connection uintptr) { C.else_set_graceful(C.uintptr_t(connection), 1) }

// Count has Alive count the object until it is finalized.
func Count(object uintptr) { C.else_count(C.uintptr_t(object)) }

// Alive is how many of the counted are there.
func Alive() int { return int(C.else_alive()) }

// RefCount is how many references there are.
func RefCount(object uintptr) int { return int(C.else_ref_count(C.uintptr_t(object))) }

// Ref is g_object_ref.
func Ref(object uintptr) { C.else_ref(C.uintptr_t(object)) }

// Unref is g_object_unref.
func Unref(object uintptr) { C.else_unref(C.uintptr_t(object)) }

// Service is a GSocketService with a main loop on a thread of its own.
type Service struct {
	s    *C.else_service
	Port uint16
}

// NewService makes one that listens on a free port of every address.
func NewService() Service {
	var port C.int
	s := C.else_service_new(&port)
	return Service{s, uint16(port)}
}

// Accept waits for the next client, a reference to which is the caller's.
func (s Service) Accept() uintptr { return uintptr(C.else_service_accept(s.s)) }

// Free ends it.
func (s Service) Free() { C.else_service_free(s.s) }

// DBus makes both ends of a D-Bus connection.
func DBus() (server, client uintptr, ok bool) {
	var d C.else_dbus
	ok = C.else_dbus_new(&d) != 0
	return uintptr(d.server), uintptr(d.client), ok
}

// DBusStream is the stream of a GDBusConnection, with a reference.
func DBusStream(connection uintptr) uintptr {
	return uintptr(C.else_dbus_stream(C.uintptr_t(connection)))
}

// DBusPing calls the other end and waits for its answer.
func DBusPing(connection uintptr) bool { return C.else_dbus_ping(C.uintptr_t(connection)) != 0 }

// DBusIsClosed is g_dbus_connection_is_closed.
func DBusIsClosed(connection uintptr) bool {
	return C.else_dbus_is_closed(C.uintptr_t(connection)) != 0
}

// DBusClose is g_dbus_connection_close_sync.
func DBusClose(connection uintptr) bool { return C.else_dbus_close(C.uintptr_t(connection)) != 0 }

// Listening is a GSocket that listens.
func Listening() (socket uintptr, port uint16) {
	var p C.int
	socket = uintptr(C.else_listening(&p))
	return socket, uint16(p)
}

// SocketFD is g_socket_get_fd.
func SocketFD(socket uintptr) int { return int(C.else_socket_fd(C.uintptr_t(socket))) }

// SocketClose is g_socket_close.
func SocketClose(socket uintptr) bool { return C.else_socket_close(C.uintptr_t(socket)) != 0 }

// NetworkAddress is a GNetworkAddress.
func NetworkAddress(host string, port uint16) uintptr {
	return with(host, func(s *C.char) C.uintptr_t { return C.else_network_address(s, C.int(port)) })
}

// NetworkService is a GNetworkService of TCP.
func NetworkService(service, domain string) uintptr {
	return with(service, func(s *C.char) C.uintptr_t {
		return C.uintptr_t(with(domain, func(d *C.char) C.uintptr_t { return C.else_network_service(s, d) }))
	})
}

// InetAddress is a GInetSocketAddress.
func InetAddress(ip string, port uint16) uintptr {
	return with(ip, func(s *C.char) C.uintptr_t { return C.else_inet_address(s, C.int(port)) })
}

// UnixAddress is a GUnixSocketAddress.
func UnixAddress(path string) uintptr {
	return with(path, func(s *C.char) C.uintptr_t { return C.else_unix_address(s) })
}

// ProxyAddress is a GProxyAddress: a host by way of a proxy on this machine.
func ProxyAddress(proxy uint16, protocol, host string, port uint16) uintptr {
	return with(protocol, func(p *C.char) C.uintptr_t {
		return C.uintptr_t(with(host, func(h *C.char) C.uintptr_t {
			return C.else_proxy_address(C.int(proxy), p, h, C.int(port))
		}))
	})
}

// OwnConnectable is a GSocketConnectable of a class that GIO does not know: these
// ports of this machine, up to eight, one after the other.
func OwnConnectable(ports ...uint16) uintptr {
	list := make([]C.int, len(ports))
	for i, p := range ports {
		list[i] = C.int(p)
	}
	return uintptr(C.else_own_connectable(&list[0], C.int(len(list))))
}

func with(s string, f func(*C.char) C.uintptr_t) uintptr {
	c := C.CString(s)
	defer C.free(unsafe.Pointer(c))
	return uintptr(f(c))
}

func number(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
