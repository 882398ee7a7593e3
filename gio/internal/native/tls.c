/* TLS over one GIOStream. Any thread may call these while it holds the
 * gsv_stream. */
#include "streamstate.h"
#include "tls.h"

#include <string.h>

int
gsv_tls_supported (void)
{
  return g_tls_backend_supports_tls (g_tls_backend_get_default ());
}

gpointer
gsv_tls_certificate (const char *pem, gsize length, gsv_error *err)
{
  return g_tls_certificate_new_from_pem (pem, length, &err->error);
}

gpointer
gsv_tls_database (const char *file, gsv_error *err)
{
  return g_tls_file_database_new (file, &err->error);
}

int
gsv_tls_count (const char *file, gsv_error *err)
{
  GList *all = g_tls_certificate_list_new_from_file (file, &err->error);
  int n = err->error != NULL ? -1 : (int) g_list_length (all);

  g_list_free_full (all, g_object_unref);
  return n;
}

/* A GTlsConnection takes its credentials from the property "database" as it is
 * constructed: unset they are all authorities of the system, parsed anew, and
 * those of a GTlsFileDatabase are read anew. NULL is none: GIO finds no
 * certificate good then and asks, and the verifier answers. */

/* Takes over the references to tls and to what it reads and writes through. */
static gsv_stream *
tls_stream (gpointer base, GIOStream *tls, GInputStream *record, GOutputStream *record_out, const gsv_tls_rules *rules)
{
  gsv_stream *s;

  if (tls == NULL)
    {
      g_object_unref (record);
      g_object_unref (record_out);
      return NULL;
    }
  s = gsv_stream_new (tls);
  g_object_unref (tls);
  s->record = record;
  s->record_out = record_out;
  s->socket = g_socket_connection_get_socket (base);
  gsv_tls_track (1);
  s->verifier = gsv_verifier_new (s->tls, rules);
  return s;
}

gsv_stream *
gsv_tls_server (gpointer base, const gsv_tls_options *o, gsv_error *err)
{
  GInputStream *record;
  GOutputStream *record_out;
  GIOStream *below = gsv_record_new (G_SOCKET_CONNECTION (base), &record, &record_out);
  GIOStream *tls = g_initable_new (g_tls_backend_get_server_connection_type (g_tls_backend_get_default ()), NULL, &err->error,
                                   "base-io-stream", below,
                                   "certificate", o->certificate,
                                   "database", NULL,
                                   "authentication-mode", o->auth,
                                   "advertised-protocols", o->protocols, NULL);

  g_object_unref (below);
  return tls_stream (base, tls, record, record_out, &o->rules);
}

/* The record stream also keeps GIO from resuming sessions: it stores those of
 * connections that are directly above a socket, for the whole process, and the
 * peer of a resumed one was accepted by the rules of whoever began it. */
gsv_stream *
gsv_tls_client (gpointer base, const gsv_tls_options *o, gsv_error *err)
{
  GSocketConnectable *identity = gsv_identity_new (&o->rules);
  GInputStream *record;
  GOutputStream *record_out;
  GIOStream *below = gsv_record_new (G_SOCKET_CONNECTION (base), &record, &record_out);
  GIOStream *tls = g_initable_new (g_tls_backend_get_client_connection_type (g_tls_backend_get_default ()), NULL, &err->error,
                                   "base-io-stream", below,
                                   "server-identity", identity,
                                   "certificate", o->certificate,
                                   "database", NULL,
                                   "advertised-protocols", o->protocols, NULL);

  g_object_unref (below);
  g_clear_object (&identity);
  return tls_stream (base, tls, record, record_out, &o->rules);
}

int
gsv_tls_is_server (gsv_stream *s)
{
  return s->tls != NULL && G_IS_TLS_SERVER_CONNECTION (s->tls);
}

int64_t
gsv_tls_waits (gsv_stream *s)
{
  return s->record != NULL ? gsv_record_waits (s->record) : GSV_TLS_UNKNOWN;
}

int
gsv_tls_done (gsv_stream *s)
{
  return g_tls_connection_get_protocol_version (s->tls) != G_TLS_PROTOCOL_VERSION_UNKNOWN;
}

guint
gsv_tls_errors (gsv_stream *s, int *purpose)
{
  *purpose = FALSE;
  if (s->verifier != NULL)
    return gsv_verifier_found (s->verifier, purpose);
  return (guint) g_tls_connection_get_peer_certificate_errors (s->tls);
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
