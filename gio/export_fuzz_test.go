package gio

import (
	"context"
	"net"
)

// What the fuzz targets look at by itself.

// ParseTarget is what Dial makes of its arguments: an address, or nil and the
// name to look up.
func (c *SocketClient) ParseTarget(network, address string) (addr net.Addr, name string, err error) {
	t, err := c.c.parseTarget(context.Background(), network, address)
	return t.addr, t.host, err
}

// ConnFromFD takes a connected socket over.
func ConnFromFD(fd int) (*SocketConnection, error) { return connFromFD(fd) }
