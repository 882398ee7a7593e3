// Package sockaddr turns net.Addr into native sockaddrs, the one form that
// GSocketAddress, the kernel and package net agree on, and back; and it has the
// rules for the addresses that Listen takes and for the paths of Unix sockets.
package sockaddr
