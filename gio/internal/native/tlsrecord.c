/* What TLS moves its bytes through, to and from the socket.
 *
 * Reading. In TLS 1.2 and before the peer may ask for another handshake at any
 * time. GIO grants it, on the main context
 * that is the reading thread's default: here that is nobody's, and in a program
 * that does not iterate the global one each such connection would be kept for
 * ever. Nor would anybody verify the peer again. So it is refused, as most do and
 * TLS 1.3 does anyway. The kind of a record is not encrypted.
 *
 * Both. A GTlsConnection lets one operation in at a time where both directions
 * are concerned, such as close_notify, and others are told that they would block
 * although nobody has asked the socket: waiting for that would be in vain. Hence
 * it is noted when the socket itself has said so.
 *
 * Writing. GIO can only block while it sends close_notify. So what the socket
 * does not take at that time is kept here, for the caller to send. */
#include "streamstate.h"

/* GSV_ASKED_IN, GSV_ASKED_OUT: in the call on a GTlsConnection that this thread is
 * in, the socket has said that it would block. */
static __thread int asked;

void
gsv_record_begin (void)
{
  asked = 0;
}

int
gsv_record_asked (void)
{
  return asked;
}

/* Notes why a call on the socket has failed. */
static gssize
note (gssize r, int direction, GError **error)
{
  if (r < 0 && error != NULL && g_error_matches (*error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    asked |= direction;
  return r;
}

typedef struct {
  GFilterInputStream parent;
  GSocket *socket; /* the base stream holds it */
  gint armed; /* the first handshake is over */
  /* When the read that waits for the peer now began, or 0; atomic, and on 32 bits
   * only a call of libatomic's would be that where it is not aligned. */
  gint64 since __attribute__ ((aligned (8)));
  guint8 header[5];
  gsize have; /* bytes of the header */
  gsize left; /* bytes of the record */
} GsvRecordStream;

typedef GFilterInputStreamClass GsvRecordStreamClass;

static void pollable_init (GPollableInputStreamInterface *iface, gpointer data);

G_DEFINE_TYPE_WITH_CODE (GsvRecordStream, gsv_record_stream, G_TYPE_FILTER_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, pollable_init))

enum { HANDSHAKE = 22 };

static gssize
look (GsvRecordStream *r, const guint8 *b, gssize n, GError **error)
{
  gssize i = 0;

  while (i < n)
    if (r->left > 0)
      {
        gsize skip = MIN (r->left, (gsize) (n - i));
        r->left -= skip;
        i += skip;
      }
    else
      {
        r->header[r->have++] = b[i++];
        if (r->have == sizeof r->header)
          {
            r->have = 0;
            r->left = (gsize) r->header[3] << 8 | r->header[4];
            if (r->header[0] == HANDSHAKE && g_atomic_int_get (&r->armed))
              {
                g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_HANDSHAKE,
                                     "the peer wants to renegotiate TLS, which is refused");
                return -1;
              }
          }
      }
  return n;
}

static gpointer
base_of (gpointer stream)
{
  return g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (stream));
}

static gssize
record_read (GInputStream *stream, void *buf, gsize n, GCancellable *cancel, GError **error)
{
  GsvRecordStream *record = (GsvRecordStream *) stream;
  gssize r;
  GError *e = NULL;

  __atomic_store_n (&record->since, g_get_monotonic_time (), __ATOMIC_RELAXED);
  for (;;)
    {
      r = g_pollable_input_stream_read_nonblocking (base_of (stream), buf, n, cancel, &e);
      if (r >= 0 || !g_error_matches (e, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      g_clear_error (&e);
      if (!gsv_await_socket (record->socket, G_IO_IN, cancel, &e))
        break;
    }
  __atomic_store_n (&record->since, 0, __ATOMIC_RELAXED);
  if (e != NULL)
    g_propagate_error (error, e);
  return r > 0 ? look (record, buf, r, error) : r;
}

static gssize
record_read_nonblocking (GPollableInputStream *stream, void *buf, gsize n, GError **error)
{
  gssize r = note (g_pollable_input_stream_read_nonblocking (base_of (stream), buf, n, NULL, error), GSV_ASKED_IN, error);
  return r > 0 ? look ((GsvRecordStream *) stream, buf, r, error) : r;
}

static gboolean
record_can_poll (GPollableInputStream *stream)
{
  return g_pollable_input_stream_can_poll (base_of (stream));
}

static gboolean
record_is_readable (GPollableInputStream *stream)
{
  return g_pollable_input_stream_is_readable (base_of (stream));
}

static GSource *
record_create_source (GPollableInputStream *stream, GCancellable *cancel)
{
  GSource *below = g_pollable_input_stream_create_source (base_of (stream), NULL);
  GSource *source = g_pollable_source_new_full (stream, below, cancel);

  g_source_unref (below);
  return source;
}

static void
pollable_init (GPollableInputStreamInterface *iface, gpointer data)
{
  iface->can_poll = record_can_poll;
  iface->is_readable = record_is_readable;
  iface->create_source = record_create_source;
  iface->read_nonblocking = record_read_nonblocking;
}

static void
gsv_record_stream_class_init (GsvRecordStreamClass *klass)
{
  ((GInputStreamClass *) klass)->read_fn = record_read;
}

static void
gsv_record_stream_init (GsvRecordStream *r)
{
}

/* The way out */

typedef struct {
  GFilterOutputStream parent;
  GSocket *socket; /* the base stream holds it */
  gint holding;
  GByteArray *held; /* what the socket has not taken since then; NULL: nothing */
} GsvRecordOutput;

typedef GFilterOutputStreamClass GsvRecordOutputClass;

static void output_pollable_init (GPollableOutputStreamInterface *iface, gpointer data);

G_DEFINE_TYPE_WITH_CODE (GsvRecordOutput, gsv_record_output, G_TYPE_FILTER_OUTPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM, output_pollable_init))

static gpointer
base_of_output (gpointer stream)
{
  return g_filter_output_stream_get_base_stream (G_FILTER_OUTPUT_STREAM (stream));
}

/* Takes all of it, and never blocks. */
static gssize
hold (GsvRecordOutput *o, const void *buf, gsize n, GError **error)
{
  gsize sent = 0;

  if (o->held == NULL)
    {
      GError *e = NULL;
      gssize r = g_pollable_output_stream_write_nonblocking (base_of_output (o), buf, n, NULL, &e);

      if (r < 0 && !g_error_matches (e, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_propagate_error (error, e);
          return -1;
        }
      g_clear_error (&e);
      sent = MAX (r, 0);
    }
  if (sent < n)
    {
      if (o->held == NULL)
        o->held = g_byte_array_new ();
      g_byte_array_append (o->held, (const guint8 *) buf + sent, n - sent);
    }
  return n;
}

/* Waits until it can write something. */
static gssize
write_some (GsvRecordOutput *o, const void *buf, gsize n, GCancellable *cancel, GError **error)
{
  for (;;)
    {
      GError *e = NULL;
      gssize r = g_pollable_output_stream_write_nonblocking (base_of_output (o), buf, n, cancel, &e);

      if (r >= 0)
        return r;
      if (!g_error_matches (e, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        {
          g_propagate_error (error, e);
          return -1;
        }
      g_clear_error (&e);
      if (!gsv_await_socket (o->socket, G_IO_OUT, cancel, error))
        return -1;
    }
}

/* Sends what was held for a close that has not come about. */
static gboolean
release (GsvRecordOutput *o, gboolean blocking, GCancellable *cancel, GError **error)
{
  while (o->held != NULL)
    {
      gssize r = blocking ? write_some (o, o->held->data, o->held->len, cancel, error)
                          : g_pollable_output_stream_write_nonblocking (base_of_output (o), o->held->data, o->held->len,
                                                                        NULL, error);

      if (r < 0)
        return FALSE;
      g_byte_array_remove_range (o->held, 0, r);
      if (o->held->len == 0)
        g_clear_pointer (&o->held, g_byte_array_unref);
    }
  return TRUE;
}

static gssize
output_write (GOutputStream *stream, const void *buf, gsize n, GCancellable *cancel, GError **error)
{
  GsvRecordOutput *o = (GsvRecordOutput *) stream;

  if (g_atomic_int_get (&o->holding))
    return hold (o, buf, n, error);
  if (!release (o, TRUE, cancel, error))
    return -1;
  return write_some (o, buf, n, cancel, error);
}

static gssize
output_write_nonblocking (GPollableOutputStream *stream, const void *buf, gsize n, GError **error)
{
  GsvRecordOutput *o = (GsvRecordOutput *) stream;

  if (g_atomic_int_get (&o->holding))
    return hold (o, buf, n, error);
  if (!release (o, FALSE, NULL, error))
    return note (-1, GSV_ASKED_OUT, error);
  return note (g_pollable_output_stream_write_nonblocking (base_of_output (stream), buf, n, NULL, error), GSV_ASKED_OUT,
               error);
}

static gboolean
output_can_poll (GPollableOutputStream *stream)
{
  return g_pollable_output_stream_can_poll (base_of_output (stream));
}

static gboolean
output_is_writable (GPollableOutputStream *stream)
{
  return g_pollable_output_stream_is_writable (base_of_output (stream));
}

static GSource *
output_create_source (GPollableOutputStream *stream, GCancellable *cancel)
{
  GSource *below = g_pollable_output_stream_create_source (base_of_output (stream), NULL);
  GSource *source = g_pollable_source_new_full (stream, below, cancel);

  g_source_unref (below);
  return source;
}

static void
output_pollable_init (GPollableOutputStreamInterface *iface, gpointer data)
{
  iface->can_poll = output_can_poll;
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write_nonblocking;
}

static void
output_finalize (GObject *object)
{
  GsvRecordOutput *o = (GsvRecordOutput *) object;

  g_clear_pointer (&o->held, g_byte_array_unref);
  G_OBJECT_CLASS (gsv_record_output_parent_class)->finalize (object);
}

static void
gsv_record_output_class_init (GsvRecordOutputClass *klass)
{
  ((GObjectClass *) klass)->finalize = output_finalize;
  ((GOutputStreamClass *) klass)->write_fn = output_write;
}

static void
gsv_record_output_init (GsvRecordOutput *o)
{
}

/* Returns a stream over base and its halves, one reference on each. */
GIOStream *
gsv_record_new (GSocketConnection *connection, GInputStream **input, GOutputStream **output)
{
  GIOStream *base = G_IO_STREAM (connection), *s;

  *input = g_object_new (gsv_record_stream_get_type (), "base-stream", g_io_stream_get_input_stream (base),
                         "close-base-stream", FALSE, NULL);
  *output = g_object_new (gsv_record_output_get_type (), "base-stream", g_io_stream_get_output_stream (base),
                          "close-base-stream", FALSE, NULL);
  ((GsvRecordStream *) *input)->socket = ((GsvRecordOutput *) *output)->socket = g_socket_connection_get_socket (connection);
  s = g_simple_io_stream_new (*input, *output);
  g_object_set_data_full (G_OBJECT (s), GSV_BASE, g_object_ref (base), g_object_unref);
  return s;
}

void
gsv_record_arm (GInputStream *input)
{
  g_atomic_int_set (&((GsvRecordStream *) input)->armed, TRUE);
}

void
gsv_record_hold (GOutputStream *output, int on)
{
  g_atomic_int_set (&((GsvRecordOutput *) output)->holding, on);
}

const void *
gsv_record_held (GOutputStream *output, gsize *n)
{
  GByteArray *held = ((GsvRecordOutput *) output)->held;

  *n = held != NULL ? held->len : 0;
  return held != NULL ? held->data : NULL;
}

/* For how many microseconds a blocking read has waited for the peer; -1: none
 * does. */
gint64
gsv_record_waits (GInputStream *input)
{
  gint64 since = __atomic_load_n (&((GsvRecordStream *) input)->since, __ATOMIC_RELAXED);

  return since != 0 ? g_get_monotonic_time () - since : -1;
}
