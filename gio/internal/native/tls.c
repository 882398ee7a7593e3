/* TLS over one GIOStream. Any thread may call these while it holds the
 * gsv_stream. */
#include "streamstate.h"
#include "tls.h"

#include <errno.h>
#include <string.h>

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
  /* Others may have read first, and so done it. A second one would be a
   * rehandshake. */
  if (gsv_tls_done (s) || g_tls_connection_handshake (s->tls, cancel, &err->error))
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
