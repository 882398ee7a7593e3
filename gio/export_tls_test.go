package gio

import (
	"net"
	"syscall"
	"unsafe"

	"github.com/glibserve/glibserve/gio/internal/native"
	"github.com/glibserve/glibserve/gio/internal/sys"
	"github.com/glibserve/glibserve/glibloop"
)

// ClientOf makes the library's connection of one that package net dialled,
// which stays the caller's to close.
func ClientOf(c net.Conn) (*SocketConnection, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var derr error
	if err := raw.Control(func(from uintptr) { fd, derr = sys.Dup(int(from)) }); err != nil {
		return nil, err
	}
	if derr != nil {
		return nil, derr
	}
	return connFromFD(fd)
}

// TLSStream makes a StreamConn of TLS over a socket, which both own from then
// on: close the StreamConn, then sc. As a server it shows cfg's certificate.
func TLSStream(loop *glibloop.Loop, sc *SocketConnection, server *TLSConfig, client *ClientTLSConfig) (*StreamConn, error) {
	below, err := sc.c.fd.Objects()
	if err != nil {
		return nil, err
	}
	var n native.Stream
	var m *tlsMaterial
	if server != nil {
		if m, err = server.load(); err == nil {
			n, err = m.server(below, int(server.ClientAuth))
		}
	} else if m, err = loadMaterial("", "", client.RootCAFile, client.Protocols); err == nil {
		n, err = m.client(below, client.ServerName, client.Tolerate)
	}
	if err != nil {
		return nil, err
	}
	return newStreamConn(loop, n), nil
}

// StreamOf makes a StreamConn of a GIOStream.
func StreamOf(loop *glibloop.Loop, stream unsafe.Pointer) *StreamConn {
	return newStreamConn(loop, native.NewStream(stream))
}
