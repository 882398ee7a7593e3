// Package teststream makes GIOStreams of all kinds for the tests of package
// gio: gotk4's own constructors do not survive the race detector.
package teststream

/*
#cgo pkg-config: gio-2.0 gio-unix-2.0
#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>

static gpointer
pipes (int in, int out)
{
  GInputStream *i = g_unix_input_stream_new (in, TRUE);
  GOutputStream *o = g_unix_output_stream_new (out, TRUE);
  GIOStream *s = g_simple_io_stream_new (i, o);

  g_object_unref (i);
  g_object_unref (o);
  return s;
}

static gpointer
filtered (gpointer base, GInputStream *i, GOutputStream *o)
{
  GIOStream *s = g_simple_io_stream_new (i, o);

  g_object_set_data_full (G_OBJECT (s), "base", base, g_object_unref);
  g_object_unref (i);
  g_object_unref (o);
  return s;
}

static gpointer
zlib (gpointer base)
{
  GConverter *c = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW, -1));
  GConverter *d = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW));
  gpointer s = filtered (base, g_converter_input_stream_new (g_io_stream_get_input_stream (base), d),
                         g_converter_output_stream_new (g_io_stream_get_output_stream (base), c));

  g_object_unref (c);
  g_object_unref (d);
  return s;
}

static gpointer
buffered (gpointer base)
{
  return filtered (base, g_buffered_input_stream_new (g_io_stream_get_input_stream (base)),
                   g_buffered_output_stream_new (g_io_stream_get_output_stream (base)));
}

static gpointer
socket_stream (int fd)
{
  GSocket *socket = g_socket_new_from_fd (fd, NULL);
  gpointer s = g_socket_connection_factory_create_connection (socket);

  g_object_unref (socket);
  return s;
}

static int alive;

static void
gone (gpointer data, GObject *object)
{
  g_atomic_int_add (&alive, -1);
}

static void
count (gpointer stream)
{
  g_atomic_int_add (&alive, 1);
  g_object_weak_ref (stream, gone, NULL);
}

static int count_alive (void) { return g_atomic_int_get (&alive); }
static void unref (gpointer stream) { g_object_unref (stream); }
*/
import "C"

import (
	"syscall"
	"unsafe"
)

// Kinds are what Pair can make.
var Kinds = []string{"pipes", "socket", "zlib", "buffered"}

// Pair makes two streams of a kind that are connected; Unref gives them up.
func Pair(kind string) (a, b unsafe.Pointer, err error) {
	if kind == "socket" {
		fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return nil, nil, err
		}
		a, b = unsafe.Pointer(C.socket_stream(C.int(fds[0]))), unsafe.Pointer(C.socket_stream(C.int(fds[1])))
		C.count(C.gpointer(a))
		C.count(C.gpointer(b))
		return a, b, nil
	}
	var there, back [2]int
	for _, p := range []*[2]int{&there, &back} {
		if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
			return nil, nil, err
		}
	}
	ends := [2]C.gpointer{C.pipes(C.int(back[0]), C.int(there[1])), C.pipes(C.int(there[0]), C.int(back[1]))}
	for i := range ends {
		switch kind {
		case "zlib":
			ends[i] = C.zlib(ends[i])
		case "buffered":
			ends[i] = C.buffered(ends[i])
		}
		C.count(ends[i])
	}
	return unsafe.Pointer(ends[0]), unsafe.Pointer(ends[1]), nil
}

// Unref gives up a stream.
func Unref(stream unsafe.Pointer) { C.unref(C.gpointer(stream)) }

// Alive tells how many streams of Pair GObject has not finalized.
func Alive() int { return int(C.count_alive()) }
