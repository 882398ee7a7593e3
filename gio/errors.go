package gio

import (
	"net"

	"github.com/glibserve/glibserve/gio/internal/native"
)

// ErrServiceClosed is what Serve, Conns and Accept return after Close or
// Shutdown of their service. It is also a net.ErrClosed for errors.Is.
var ErrServiceClosed error = serviceClosedError{}

type serviceClosedError struct{}

func (serviceClosedError) Error() string        { return "gio: service closed" }
func (serviceClosedError) Is(target error) bool { return target == net.ErrClosed }

// Error is a GError, as GIO reported it. Errors of the domain
// "g-io-error-quark" (GIOErrorEnum) work with errors.Is against the error that
// Go has for the same thing: syscall.EADDRINUSE, os.ErrPermission,
// os.ErrDeadlineExceeded, context.Canceled, net.ErrClosed and so on.
//
// Its fields are
//
//	Domain  string // the name of the GQuark, such as "g-io-error-quark"
//	Message string // in the language of the process's locale
//	Code    int    // in that domain, such as G_IO_ERROR_ADDRESS_IN_USE (33)
//
// A *Error is an error and has Unwrap, which returns Go's error for the same
// condition, or nil; Timeout, which makes it a timeout for net.Error; and Temporary,
// which is true when the process or the system is out of something, such as
// descriptors, or a client was gone before it was accepted: http.Server then asks
// for the next client again, a little later.
type Error = native.Error

// listenError says what was attempted, on what, and what GIO answered.
func listenError(addr net.Addr, network string, err error) error {
	if err == nil {
		return nil
	}
	if addr != nil && network == "" {
		network = addr.Network()
	}
	return &net.OpError{Op: "listen", Net: network, Addr: addr, Err: err}
}
