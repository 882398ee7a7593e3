package gio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
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
type Error struct {
	Domain  string // the name of the GQuark, such as "g-io-error-quark"
	Message string // in the language of the process's locale
	Code    int    // in that domain, such as G_IO_ERROR_ADDRESS_IN_USE (33)

	errno syscall.Errno // as the failing call left it; trusted where a code stands for several
}

// Error returns GIO's message.
func (e *Error) Error() string { return e.Message }

// The domains whose codes this package knows.
const (
	ioDomain  = "g-io-error-quark"
	tlsDomain = "g-tls-error-quark"
)

// The values of GIOErrorEnum that have a counterpart in Go.
const (
	codeFailed             = 0
	codeNotFound           = 1
	codeExists             = 2
	codeNotDirectory       = 4
	codeFilenameTooLong    = 9
	codeNoSpace            = 12 // on the disk, or in memory
	codeInvalidArgument    = 13
	codePermissionDenied   = 14
	codeNotSupported       = 15
	codeClosed             = 18
	codeCancelled          = 19
	codeReadOnly           = 21
	codeTimedOut           = 24
	codeBusy               = 26
	codeWouldBlock         = 27
	codeTooManyOpenFiles   = 31
	codeAddressInUse       = 33
	codeHostUnreachable    = 37
	codeNetworkUnreachable = 38
	codeConnectionRefused  = 39
	codeConnectionClosed   = 44 // and G_IO_ERROR_BROKEN_PIPE
	codeNotConnected       = 45
	codeMessageTooLarge    = 46
	codeNoSuchDevice       = 47
)

var ioErrors = map[int]error{
	codeNotFound:           syscall.ENOENT,
	codeExists:             syscall.EEXIST,
	codeNotDirectory:       syscall.ENOTDIR,
	codeFilenameTooLong:    syscall.ENAMETOOLONG,
	codeNoSpace:            syscall.ENOSPC,
	codeInvalidArgument:    syscall.EINVAL,
	codePermissionDenied:   syscall.EACCES,
	codeNotSupported:       syscall.EOPNOTSUPP,
	codeClosed:             net.ErrClosed,
	codeCancelled:          context.Canceled,
	codeReadOnly:           syscall.EROFS,
	codeTimedOut:           os.ErrDeadlineExceeded,
	codeBusy:               syscall.EBUSY,
	codeWouldBlock:         syscall.EAGAIN,
	codeTooManyOpenFiles:   syscall.EMFILE,
	codeAddressInUse:       syscall.EADDRINUSE,
	codeHostUnreachable:    syscall.EHOSTUNREACH,
	codeNetworkUnreachable: syscall.ENETUNREACH,
	codeConnectionRefused:  syscall.ECONNREFUSED,
	codeConnectionClosed:   syscall.EPIPE,
	codeNotConnected:       syscall.ENOTCONN,
	codeMessageTooLarge:    syscall.EMSGSIZE,
	codeNoSuchDevice:       syscall.ENODEV,
}

// Unwrap returns Go's error for the same condition, or nil.
func (e *Error) Unwrap() error {
	if e.Domain == tlsDomain {
		return tlsSentinel(e.Code)
	}
	if e.Domain != ioDomain {
		return nil
	}
	if err := ioErrors[e.Code]; err != nil {
		// One code can stand for several errnos: EPERM and EACCES, EPIPE and
		// ECONNRESET. The one that was seen is the better answer.
		if en, ok := err.(syscall.Errno); ok && e.errno != 0 && sameCode(en, e.errno) {
			return e.errno
		}
		return err
	}
	if e.Code == codeFailed && e.errno != 0 {
		return e.errno
	}
	return nil
}

func sameCode(a, b syscall.Errno) bool {
	switch a {
	case syscall.EACCES:
		return b == syscall.EPERM
	case syscall.EPIPE:
		return b == syscall.ECONNRESET
	case syscall.EMFILE:
		return b == syscall.ENFILE
	case syscall.ENOSPC:
		return b == syscall.ENOMEM
	case syscall.ECONNREFUSED: // since GLib 2.81; FAILED before
		return b == syscall.EADDRNOTAVAIL
	}
	return false
}

// Timeout makes the error a timeout for net.Error.
func (e *Error) Timeout() bool { return errors.Is(e.Unwrap(), os.ErrDeadlineExceeded) }

// Temporary is true when the process or the system is out of something, such as
// descriptors, or a client was gone before it was accepted: http.Server then asks
// for the next client again, a little later.
func (e *Error) Temporary() bool {
	switch e.Unwrap() {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EPROTO, os.ErrDeadlineExceeded:
		return true
	}
	return false
}

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

// withMessage is a sentence that is some other error too.
func withMessage(is error, format string, args ...any) error {
	return &withError{fmt.Sprintf(format, args...), is}
}

type withError struct {
	msg string
	is  error
}

func (e *withError) Error() string { return e.msg }
func (e *withError) Unwrap() error { return e.is }
