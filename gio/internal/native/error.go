package native

/*
#include "object.h"
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

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

// The domains whose codes are known here.
const (
	IODomain  = "g-io-error-quark"
	TLSDomain = "g-tls-error-quark"
)

// The values of GIOErrorEnum that have a counterpart in Go.
const (
	CodeFailed             = 0
	CodeNotFound           = 1
	CodeExists             = 2
	CodeNotDirectory       = 4
	CodeFilenameTooLong    = 9
	CodeNoSpace            = 12 // on the disk, or in memory
	CodeInvalidArgument    = 13
	CodePermissionDenied   = 14
	CodeNotSupported       = 15
	CodeClosed             = 18
	CodeCancelled          = 19
	CodeReadOnly           = 21
	CodeTimedOut           = 24
	CodeBusy               = 26
	CodeWouldBlock         = 27
	CodeTooManyOpenFiles   = 31
	CodeAddressInUse       = 33
	CodeHostUnreachable    = 37
	CodeNetworkUnreachable = 38
	CodeConnectionRefused  = 39
	CodeConnectionClosed   = 44 // and G_IO_ERROR_BROKEN_PIPE
	CodeNotConnected       = 45
	CodeMessageTooLarge    = 46
	CodeNoSuchDevice       = 47
)

// Values of GTlsError.
const (
	CodeTLSBadCertificate = 2
	CodeTLSNotTLS         = 3
	CodeTLSHandshake      = 4
	CodeTLSEOF            = 6
)

var ioErrors = map[int]error{
	CodeNotFound:           syscall.ENOENT,
	CodeExists:             syscall.EEXIST,
	CodeNotDirectory:       syscall.ENOTDIR,
	CodeFilenameTooLong:    syscall.ENAMETOOLONG,
	CodeNoSpace:            syscall.ENOSPC,
	CodeInvalidArgument:    syscall.EINVAL,
	CodePermissionDenied:   syscall.EACCES,
	CodeNotSupported:       syscall.EOPNOTSUPP,
	CodeClosed:             net.ErrClosed,
	CodeCancelled:          context.Canceled,
	CodeReadOnly:           syscall.EROFS,
	CodeTimedOut:           os.ErrDeadlineExceeded,
	CodeBusy:               syscall.EBUSY,
	CodeWouldBlock:         syscall.EAGAIN,
	CodeTooManyOpenFiles:   syscall.EMFILE,
	CodeAddressInUse:       syscall.EADDRINUSE,
	CodeHostUnreachable:    syscall.EHOSTUNREACH,
	CodeNetworkUnreachable: syscall.ENETUNREACH,
	CodeConnectionRefused:  syscall.ECONNREFUSED,
	CodeConnectionClosed:   syscall.EPIPE,
	CodeNotConnected:       syscall.ENOTCONN,
	CodeMessageTooLarge:    syscall.EMSGSIZE,
	CodeNoSuchDevice:       syscall.ENODEV,
}

// Unwrap returns Go's error for the same condition, or nil.
func (e *Error) Unwrap() error {
	if e.Domain == TLSDomain {
		if e.Code == CodeTLSEOF {
			return io.ErrUnexpectedEOF
		}
		return nil
	}
	if e.Domain != IODomain {
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
	if e.Code == CodeFailed && e.errno != 0 {
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

// takeError copies a GError and frees it.
func takeError(e *C.gsv_error) *Error {
	err := &Error{errno: syscall.Errno(e.sys_errno)}
	if e.error == nil {
		err.Domain, err.Code, err.Message = IODomain, CodeFailed, "unknown error"
		return err
	}
	err.Domain = C.GoString(C.gsv_error_domain(e))
	err.Code = int(e.error.code)
	err.Message = C.GoString((*C.char)(e.error.message))
	C.gsv_error_clear(e)
	return err
}
