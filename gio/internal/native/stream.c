/* Any GIOStream, and TLS over one. Any thread may call these while it holds
 * the gsv_stream; at most one read and one write at a time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "glibserve"
#include "native_stream.h"
#include "_cgo_export.h"

#include <errno.h>
#include <string.h>

struct gsv_stream {
  GIOStream *stream;
  GInputStream *in;
  GOutputStream *out;
  GPollableInputStream *pin;   /* NULL: reading blocks */
  GPollableOutputStream *pout; /* NULL: writing blocks */
  GTlsConnection *tls;         /* the stream, when it is one */
  gulong accept;               /* our handler of accept-certificate */
  guint tolerated;             /* GTlsCertificateFlags that are no reason to refuse */
  GInputStream *record;        /* a server's, or NULL; one reference */
  guint found;                 /* those that the peer's certificate has */
};

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
  if (s->accept != 0)
    g_signal_handler_disconnect (s->tls, s->accept);
  g_clear_object (&s->record);
  g_object_unref (s->in);
  g_object_unref (s->out);
  g_object_unref (s->stream);
  g_free (s);
}

int
gsv_stream_traits (gsv_stream *s)
{
  return (s->pin != NULL ? GSV_STREAM_POLL_IN : 0) | (s->pout != NULL ? GSV_STREAM_POLL_OUT : 0)
         | (s->tls != NULL ? GSV_STREAM_TLS : 0);
}

/* The socket at the bottom of what can be looked through, or NULL. */
static GSocketConnection *
base_connection (GIOStream *stream)
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
  GSocketConnection *c = base_connection (s->stream);
  return c != NULL ? g_socket_get_fd (g_socket_connection_get_socket (c)) : -1;
}

static gssize
result (gssize r, gsv_error *err)
{
  if (r >= 0)
    return r;
  err->sys_errno = errno;
  if (g_error_matches (err->error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
    {
      g_clear_error (&err->error);
      return GSV_WOULD_BLOCK;
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

  errno = 0;
  if (s->pin != NULL)
    r = g_pollable_input_stream_read_nonblocking (s->pin, buf, n, NULL, &err->error);
  else if (G_IS_BUFFERED_INPUT_STREAM (s->in))
    r = read_buffered (G_BUFFERED_INPUT_STREAM (s->in), buf, n, cancel, &err->error);
  else
    r = g_input_stream_read (s->in, buf, n, cancel, &err->error);
  return result (r, err);
}

gssize
gsv_stream_write (gsv_stream *s, const void *buf, gsize n, GCancellable *cancel, gsv_error *err)
{
  gssize r;

  errno = 0;
  if (s->pout != NULL)
    r = g_pollable_output_stream_write_nonblocking (s->pout, buf, n, NULL, &err->error);
  else
    r = g_output_stream_write (s->out, buf, n, cancel, &err->error);
  return result (r, err);
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

/* TLS */

int
gsv_tls_supported (void)
{
  return g_tls_backend_supports_tls (g_tls_backend_get_default ());
}

gpointer
gsv_tls_certificate (const char *cert_file, const char *key_file, gsv_error *err)
{
  return g_tls_certificate_new_from_files (cert_file, key_file, &err->error);
}

gpointer
gsv_tls_database (const char *file, gsv_error *err)
{
  return g_tls_file_database_new (file, &err->error);
}

/* GIO asks here about a certificate that it does not accept by itself: a
 * client's, on a server, always, whatever it found. */
static gboolean
on_accept_certificate (GTlsConnection *tls, GTlsCertificate *peer, GTlsCertificateFlags errors, gpointer data)
{
  gsv_stream *s = data;

  __atomic_store_n (&s->found, (guint) errors, __ATOMIC_RELEASE);
  return (errors & ~s->tolerated) == 0;
}

static gsv_stream *
tls_new (GIOStream *tls, gpointer database, const char *const *protocols, guint tolerated)
{
  gsv_stream *s;

  if (database != NULL)
    g_tls_connection_set_database (G_TLS_CONNECTION (tls), database);
  if (protocols != NULL)
    g_tls_connection_set_advertised_protocols (G_TLS_CONNECTION (tls), protocols);
  s = gsv_stream_new (tls);
  g_object_unref (tls);
  s->tolerated = tolerated;
  s->accept = g_signal_connect (tls, "accept-certificate", G_CALLBACK (on_accept_certificate), s);
  return s;
}

gsv_stream *
gsv_tls_server (gpointer base, gpointer certificate, gpointer database, int auth,
                const char *const *protocols, gsv_error *err)
{
  GInputStream *record;
  GIOStream *below = gsv_record_new (G_IO_STREAM (base), &record);
  GIOStream *tls = g_tls_server_connection_new (below, certificate, &err->error);
  gsv_stream *s;

  g_object_unref (below);
  if (tls == NULL)
    {
      g_object_unref (record);
      return NULL;
    }
  if (auth != 0)
    g_object_set (tls, "authentication-mode", auth, NULL);
  s = tls_new (tls, database, protocols, 0);
  s->record = record;
  return s;
}

gsv_stream *
gsv_tls_client (gpointer base, const char *name, int port, gpointer certificate, gpointer database,
                const char *const *protocols, guint tolerated, gsv_error *err)
{
  GSocketConnectable *identity = name != NULL ? g_network_address_new (name, port) : NULL;
  GIOStream *tls = g_tls_client_connection_new (G_IO_STREAM (base), identity, &err->error);

  g_clear_object (&identity);
  if (tls == NULL)
    return NULL;
  if (certificate != NULL)
    g_tls_connection_set_certificate (G_TLS_CONNECTION (tls), certificate);
  return tls_new (tls, database, protocols, tolerated);
}

int
gsv_tls_handshake (gsv_stream *s, GCancellable *cancel, gsv_error *err)
{
  errno = 0;
  if (g_tls_connection_handshake (s->tls, cancel, &err->error))
    {
      if (s->record != NULL)
        gsv_record_arm (s->record);
      return TRUE;
    }
  err->sys_errno = errno;
  return FALSE;
}

int
gsv_tls_done (gsv_stream *s)
{
  return g_tls_connection_get_protocol_version (s->tls) != G_TLS_PROTOCOL_VERSION_UNKNOWN;
}

guint
gsv_tls_errors (gsv_stream *s)
{
  guint found = __atomic_load_n (&s->found, __ATOMIC_ACQUIRE);
  return found != 0 ? found : (guint) g_tls_connection_get_peer_certificate_errors (s->tls);
}

void
gsv_tls_info (gsv_stream *s, gsv_tls_facts *out)
{
  GTlsCertificate *peer = g_tls_connection_get_peer_certificate (s->tls);

  memset (out, 0, sizeof *out);
  out->version = g_tls_connection_get_protocol_version (s->tls);
  out->protocol = g_strdup (g_tls_connection_get_negotiated_protocol (s->tls));
  out->cipher = g_tls_connection_get_ciphersuite_name (s->tls);
  if (peer != NULL)
    {
      GByteArray *der = NULL;
      g_object_get (peer, "certificate", &der, NULL);
      if (der != NULL)
        {
          out->der_len = der->len;
          out->der = g_byte_array_free (der, FALSE);
        }
    }
}

void
gsv_tls_info_clear (gsv_tls_facts *out)
{
  g_free (out->protocol);
  g_free (out->cipher);
  g_free (out->der);
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
