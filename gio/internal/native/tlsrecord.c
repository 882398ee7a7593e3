/* What a TLS server reads its socket through. In TLS 1.2 and before a client
 * may ask for another handshake at any time. GIO grants it, on the main context
 * that is the reading thread's default: here that is nobody's, and in a program
 * that does not iterate the global one each such connection would be kept for
 * ever. So it is refused, as servers usually do and TLS 1.3 does anyway. The
 * kind of a record is not encrypted. */
#include "streamstate.h"

typedef struct {
  GFilterInputStream parent;
  gint armed; /* the first handshake is over */
  gint64 asked; /* when the read that waits for the peer now began, or 0; atomic */
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

  __atomic_store_n (&record->asked, g_get_monotonic_time (), __ATOMIC_RELAXED);
  r = g_input_stream_read (base_of (stream), buf, n, cancel, error);
  __atomic_store_n (&record->asked, 0, __ATOMIC_RELAXED);
  return r > 0 ? look ((GsvRecordStream *) stream, buf, r, error) : r;
}

static gssize
record_read_nonblocking (GPollableInputStream *stream, void *buf, gsize n, GError **error)
{
  gssize r = g_pollable_input_stream_read_nonblocking (base_of (stream), buf, n, NULL, error);
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

/* Returns a stream over base and the half of it that gsv_record_arm takes. */
GIOStream *
gsv_record_new (GIOStream *base, GInputStream **record)
{
  GInputStream *in = g_object_new (gsv_record_stream_get_type (),
                                   "base-stream", g_io_stream_get_input_stream (base),
                                   "close-base-stream", FALSE, NULL);
  GIOStream *s = g_simple_io_stream_new (in, g_io_stream_get_output_stream (base));

  g_object_set_data_full (G_OBJECT (s), GSV_BASE, g_object_ref (base), g_object_unref);
  *record = in;
  return s;
}

void
gsv_record_arm (GInputStream *record)
{
  g_atomic_int_set (&((GsvRecordStream *) record)->armed, TRUE);
}

/* For how many microseconds a blocking read has waited for the peer; -1: none
 * does. */
gint64
gsv_record_waits (GInputStream *record)
{
  gint64 asked = __atomic_load_n (&((GsvRecordStream *) record)->asked, __ATOMIC_RELAXED);

  return asked != 0 ? g_get_monotonic_time () - asked : -1;
}
