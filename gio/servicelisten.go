package gio

import (
	"context"
	"net"
)

// What people look for on a service first is promoted from SocketListener, where go
// doc and pkg.go.dev do not show it. These forward to it, with what is particular to a
// service. For AddAddress, AddListener, Addrs and the rest see SocketListener.

// Listen has the service listen on a network and address as net.Listen has them; see
// SocketListener.Listen. It returns the address that it got, with the port that was
// chosen for port 0. It waits for the loop.
//
// Clients that come before the service has a handler, or before Serve, Conns or
// Accept, wait.
func (s *SocketService) Listen(network, address string) (net.Addr, error) {
	return s.SocketListener.Listen(network, address)
}

// Accept waits for the next client that no handler takes, and returns its connection,
// which is the caller's to Close, and the source of its address; see
// SocketListener.Accept. Serve gives each client a goroutine in place of that.
// After Close the error is ErrServiceClosed, which is also net.ErrClosed.
func (s *SocketService) Accept(ctx context.Context) (*SocketConnection, any, error) {
	return s.SocketListener.Accept(ctx)
}

// NetListener is the service as a net.Listener, for http.Server, tls.NewListener,
// grpc-go and whatever else takes one; see SocketListener.NetListener. Its Close
// closes the listening sockets and leaves the connections open.
func (s *SocketService) NetListener() net.Listener { return s.SocketListener.NetListener() }

// Close stops the service, closes its listening sockets and every connection that
// Serve, Conns, Accept and handlers hold, but for those that were detached; see
// SocketListener.Close. Shutdown waits for the handlers first. Closing twice is no
// error.
//
// On the loop's own thread Close does not wait; Done tells the end.
func (s *SocketService) Close() error { return s.SocketListener.Close() }
