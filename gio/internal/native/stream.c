/* Any GIOStream. Any thread may call these while it holds
 * the gsv_stream; at most one read and one write at a time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "streamstate.h"

#include "_cgo_export.h"

#include <errno.h>

gsv_stream *
gsv_stream_new (gpointer stream)
{
  gsv_stream *s = g_new0 (gsv_stream, 1);

  s->stream = g_object_ref (G_IO_STREAM (stream));
  s->in = g_object_ref (g_io_stream_get_input_stream (s->stream));
  s->out = g_object_ref (g_io_stream_get_output_stream (s->stream));
  if (G_IS_POLLABLE_INPUT_STREAM (s->in) && g_pollable_input_stream_can_poll (G_POLLABLE_INPUT_STREAM (s->in)))
    s->pin = G_POLLABLE_INPUT_STREAM (s->in);
  /* A filter keeps bytes back until it is flushed, and only a blocking call
   * does that. */
  if (!G_IS_FILTER_OUTPUT_STREAM (s->out) && G_IS_POLLABLE_OUTPUT_STREAM (s->out)
      && g_pollable_output_stream_can_poll (G_POLLABLE_OUTPUT_STREAM (s->out)))
    s->pout = G_POLLABLE_OUTPUT_STREAM (s->out);
  if (G_IS_TLS_CONNECTION (stream))
    s->tls = G_TLS_CONNECTION (stream);
  return s;
}

void
gsv_stream_free (gsv_stream *s)
{
  if (s->verifier != NULL)
    gsv_verifier_free (s->verifier);
  if (s->record != NULL)
    gsv_tls_track (-1);
  g_clear_object (&s->record);
  g_clear_object (&s->record_out);
  g_object_unref (s->in);
  g_object_unref (s->out);
  g_object_unref (s->stream);
  g_free (s);
}

gpointer
gsv_stream_object (gsv_stream *s)
{
  return s->stream;
}

int
gsv_stream_traits (gsv_stream *s)
{
  return (s->pin != NULL ? GSV_STREAM_POLL_IN : 0) | (s->pout != NULL ? GSV_STREAM_POLL_OUT : 0)
         | (s->tls != NULL ? GSV_STREAM_TLS : 0);
}

GSocketConnection *
gsv_base_connection (GIOStream *stream)
{
  while (stream != NULL)
    {
      GIOStream *base = NULL;

      if (G_IS_TLS_CONNECTION (stream))
        g_object_get (stream, "base-io-stream", &base, NULL);
      else if (G_IS_TCP_WRAPPER_CONNECTION (stream))
        base = g_object_ref (g_tcp_wrapper_connection_get_base_io_stream (G_TCP_WRAPPER_CONNECTION (stream)));
      else if (G_IS_SOCKET_CONNECTION (stream))
        return G_SOCKET_CONNECTION (stream);
      else if (g_object_get_data (G_OBJECT (stream), GSV_BASE) != NULL)
        base = g_object_ref (g_object_get_data (G_OBJECT (stream), GSV_BASE));
      if (base != NULL)
        g_object_unref (base); /* the outer stream holds another */
      stream = base;
    }
  return NULL;
}

int
gsv_stream_fd (gsv_stream *s)
{
  GSocketConnection *c = gsv_base_connection (s->stream);
  return c != NULL ? g_socket_get_fd (g_socket_connection_get_socket (c)) : -1;
}

/* direction is the one that the socket was asked about, if it was. */
static gssize
result (gsv_stream *s, gssize r, int direction, gsv_error *err)
{
  if (r >= 0)
    return r;
  err->sys_errno = errno;
  if (g_error_matches (err->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_clear_error (&err->error);
      return s->record == NULL || (gsv_record_asked () & direction) != 0 ? GSV_WOULD_BLOCK : GSV_REFUSED;
    }
  return GSV_FAILED;
}

/* GBufferedInputStream keeps what it has while it waits for all that it was
 * asked for: ask for no more. */
static gssize
read_buffered (GBufferedInputStream *in, void *buf, gsize n, GCancellable *cancel, GError **error)
{
  gsize have = g_buffered_input_stream_get_available (in);

  if (have == 0)
    {
      gssize r = g_buffered_input_stream_fill (in, -1, cancel, error);
      if (r <= 0)
        return r;
      have = g_buffered_input_stream_get_available (in);
    }
  return g_input_stream_read (G_INPUT_STREAM (in), buf, MIN (n, have), cancel, error);
}

gssize
gsv_stream_read (gsv_stream *s, void *buf, gsize n, GCancellable *cancel, gsv_error *err)
{
  gssize r;

  gsv_record_begin ();
  errno = 0;
  if (s->pin != NULL)
    r = g_pollable_input_stream_read_nonblocking (s->pin, buf, n, NULL, &err->error);
  else if (G_IS_BUFFERED_INPUT_STREAM (s->in))
    r = read_buffered (G_BUFFERED_INPUT_STREAM (s->in), buf, n, cancel, &err->error);
  else
    r = g_input_stream_read (s->in, buf, n, cancel, &err->error);
  return result (s, r, GSV_ASKED_IN, err);
}

gssize
gsv_stream_write (gsv_stream *s, const void *buf, gsize n, GCancellable *cancel, gsv_error *err)
{
  gssize r;

  gsv_record_begin ();
  errno = 0;
  if (s->pout != NULL)
    r = g_pollable_output_stream_write_nonblocking (s->pout, buf, n, NULL, &err->error);
  else
    r = g_output_stream_write (s->out, buf, n, cancel, &err->error);
  return result (s, r, GSV_ASKED_OUT, err);
}

int
gsv_stream_flush (gsv_stream *s, GCancellable *cancel, gsv_error *err)
{
  errno = 0;
  if (g_output_stream_flush (s->out, cancel, &err->error))
    return TRUE;
  err->sys_errno = errno;
  return FALSE;
}

static gboolean
on_ready (GObject *stream, gpointer data)
{
  gsvGoStreamReady (*(uint64_t *) data);
  return G_SOURCE_REMOVE;
}

GSource *
gsv_stream_watch (gsv_stream *s, int out, GMainContext *context, uint64_t id)
{
  GSource *source = out ? g_pollable_output_stream_create_source (s->pout, NULL)
                        : g_pollable_input_stream_create_source (s->pin, NULL);
  uint64_t *data = g_new (uint64_t, 1);

  *data = id;
  g_source_set_callback (source, (GSourceFunc) (void (*) (void)) on_ready, data, g_free);
  g_source_attach (source, context);
  return source;
}

void
gsv_unwatch (GSource *source)
{
  g_source_destroy (source);
  g_source_unref (source);
}

/* Whether a few bytes, such as those that close a TLS session, go out without
 * waiting. */
int
gsv_stream_writable (gsv_stream *s)
{
  return s->pout == NULL || g_pollable_output_stream_is_writable (s->pout);
}

int
gsv_stream_close_write (gsv_stream *s, GCancellable *cancel, gsv_error *err)
{
  errno = 0;
  if (g_output_stream_close (s->out, cancel, &err->error))
    return TRUE;
  err->sys_errno = errno;
  return FALSE;
}

int
gsv_stream_close (gsv_stream *s, GCancellable *cancel, gsv_error *err)
{
  errno = 0;
  if (g_io_stream_close (s->stream, cancel, &err->error))
    return TRUE;
  err->sys_errno = errno;
  if (s->tls != NULL)
    {
      /* With the cancellable cancelled, TLS leaves the stream below open. */
      GIOStream *base = NULL;
      g_object_get (s->tls, "base-io-stream", &base, NULL);
      if (base != NULL)
        {
          g_io_stream_close (base, NULL, NULL);
          g_object_unref (base);
        }
    }
  return FALSE;
}

void
gsv_stream_hold (gsv_stream *s, int on)
{
  if (s->record_out != NULL)
    gsv_record_hold (s->record_out, on);
}

const void *
gsv_stream_held (gsv_stream *s, gsize *n)
{
  *n = 0;
  return s->record_out != NULL ? gsv_record_held (s->record_out, n) : NULL;
}

/* Cancellables */

GCancellable *
gsv_cancellable_new (void)
{
  return g_cancellable_new ();
}

void
gsv_cancellable_cancel (GCancellable *cancel)
{
  g_cancellable_cancel (cancel);
}
