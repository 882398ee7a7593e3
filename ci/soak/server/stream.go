//go:build linux

package server

// #cgo pkg-config: gio-2.0
// #include <gio/gio.h>
//
// static int
// close_stream (guintptr stream)
// {
//   return stream != 0 && g_io_stream_close ((GIOStream *) stream, NULL, NULL);
// }
import "C"

import "errors"

// closeStream closes a connection as other code on GIO does, under the library.
func closeStream(stream uintptr) error {
	if C.close_stream(C.guintptr(stream)) == 0 {
		return errors.New("g_io_stream_close failed")
	}
	return nil
}
