package native

/*
#include "stream.h"
*/
import "C"

import (
	"syscall"
	"unsafe"

	"github.com/glibserve/glibserve/glibloop"
)

// Stream is a GIOStream. Its owner gives it up by Free; methods are for any thread,
// one read and one write at a time. The zero value is none.
type Stream struct{ s *C.gsv_stream }

// NewStream takes a reference of its own on the GIOStream.
func NewStream(stream unsafe.Pointer) Stream { return Stream{C.gsv_stream_new(C.gpointer(stream))} }

// Valid tells whether there is one.
func (n Stream) Valid() bool { return n.s != nil }

// Pointer is the GIOStream, without a reference.
func (n Stream) Pointer() unsafe.Pointer { return unsafe.Pointer(C.gsv_stream_object(n.s)) }

func (n Stream) Free() { C.gsv_stream_free(n.s) }

// Traits tells which directions never block, and whether it is TLS.
func (n Stream) Traits() (pollIn, pollOut, tls bool) {
	t := C.gsv_stream_traits(n.s)
	return t&C.GSV_STREAM_POLL_IN != 0, t&C.GSV_STREAM_POLL_OUT != 0, t&C.GSV_STREAM_TLS != 0
}

// FD is the descriptor of the socket at the bottom, or -1.
func (n Stream) FD() int { return int(C.gsv_stream_fd(n.s)) }

// ErrWouldBlock is compared by identity and never reaches a user.
var ErrWouldBlock error = syscall.EAGAIN

// ErrRefused is that of a TLS stream, made by TLSServer or TLSClient, in which another
// operation is in progress. Nothing will tell when that is over. It is compared by
// identity and never reaches a user.
var ErrRefused error = syscall.EBUSY

// Read and Write return ErrWouldBlock when they would. b is not empty. Where the
// stream cannot poll they block, until cancel is cancelled.

func (n Stream) Read(b []byte, cancel Cancellable) (int, error) {
	var e C.gsv_error
	return streamResult(C.gsv_stream_read(n.s, unsafe.Pointer(&b[0]), C.gsize(len(b)), cancel.c, &e), &e)
}

func (n Stream) Write(b []byte, cancel Cancellable) (int, error) {
	var e C.gsv_error
	return streamResult(C.gsv_stream_write(n.s, unsafe.Pointer(&b[0]), C.gsize(len(b)), cancel.c, &e), &e)
}

func streamResult(r C.gssize, e *C.gsv_error) (int, error) {
	switch {
	case r >= 0:
		return int(r), nil
	case r == C.GSV_WOULD_BLOCK:
		return 0, ErrWouldBlock
	case r == C.GSV_REFUSED:
		return 0, ErrRefused
	}
	return 0, takeError(e)
}

// Flush, CloseWrite and Close block until cancel is cancelled.

func (n Stream) Flush(cancel Cancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_flush(n.s, cancel.c, &e), &e)
}

// CloseWrite closes the output stream.
func (n Stream) CloseWrite(cancel Cancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_close_write(n.s, cancel.c, &e), &e)
}

func (n Stream) Close(cancel Cancellable) error {
	var e C.gsv_error
	return boolResult(C.gsv_stream_close(n.s, cancel.c, &e), &e)
}

// Hold is for TLS that TLSServer or TLSClient made. While it is on, nothing that writes
// blocks: what the socket does not take is kept for Held.
func (n Stream) Hold(on bool) { C.gsv_stream_hold(n.s, cbool(on)) }

// Held is what is to be sent through the socket by itself. Nobody writes meanwhile.
func (n Stream) Held() []byte {
	var size C.gsize
	p := C.gsv_stream_held(n.s, &size)
	return C.GoBytes(p, C.int(size))
}

func boolResult(ok C.int, e *C.gsv_error) error {
	if ok != 0 {
		return nil
	}
	return takeError(e)
}

// Writable tells whether a few bytes go out without waiting.
func (n Stream) Writable() bool { return C.gsv_stream_writable(n.s) != 0 }

// Streams finds who waits for a stream by the id that a source of Watch carries. A
// source may still be dispatched when nobody waits any more.
var Streams Registry[StreamCallbacks]

// Watch has StreamReady called, of what id is in Streams, on the loop's thread once
// the stream may be ready; End of the Watch ends it.
func (n Stream) Watch(out bool, loop *glibloop.Loop, id uint64) Watch {
	return Watch{C.gsv_stream_watch(n.s, cbool(out), contextOf(loop), C.uint64_t(id))}
}

// Watch is a source on a loop.
type Watch struct{ source *C.GSource }

func (w Watch) End() { C.gsv_unwatch(w.source) }

// Cancellable is a GCancellable; the zero value is none.
type Cancellable struct{ c *C.GCancellable }

// NewCancellable makes one; the caller owns one reference.
func NewCancellable() Cancellable { return Cancellable{C.gsv_cancellable_new()} }

// Cancel is for any thread.
func (c Cancellable) Cancel() { C.gsv_cancellable_cancel(c.c) }

func (c Cancellable) Unref() { C.gsv_unref(C.gpointer(c.c)) }

// Valid tells whether there is one.
func (c Cancellable) Valid() bool { return c.c != nil }
