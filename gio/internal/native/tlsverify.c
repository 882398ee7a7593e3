/* The peer's certificate is verified here, in every handshake and by the rules of
 * this connection. GIO's own check would read the authorities anew for each
 * connection, does not look at what a certificate may be used for, and leaves a
 * resumed session to what was found when it began. */
#include "streamstate.h"

#include "_cgo_export.h"

enum { WRONG_PURPOSE = 1 << 30 }; /* beside GTlsCertificateFlags */

struct gsv_verifier {
  GTlsConnection *tls; /* the stream's, which outlives this */
  gulong handler;
  gboolean client; /* this end */
  int verify;
  guint tolerated;
  GTlsDatabase *authorities;
  GSocketConnectable *identity;

  /* Of the last handshake. */
  enum { NOT_ASKED, ACCEPTED, REFUSED } verdict;
  guint found;
};

/* NULL: no name that a certificate could be for. */
GSocketConnectable *
gsv_identity_new (const gsv_tls_rules *rules)
{
  if (rules->ip != NULL)
    return G_SOCKET_CONNECTABLE (g_inet_socket_address_new_from_string (rules->ip, 0));
  return rules->name != NULL ? g_network_address_new (rules->name, 0) : NULL;
}

/* Whether all of the chain may be used as this; crypto/x509 knows how to read
 * that. */
static gboolean
has_purpose (GTlsCertificate *cert, gboolean of_server)
{
  for (; cert != NULL; cert = g_tls_certificate_get_issuer (cert))
    {
      GByteArray *der = NULL;
      gboolean ok;

      g_object_get (cert, "certificate", &der, NULL);
      ok = der != NULL && gsvGoCertificateIsFor (der->data, der->len, of_server);
      if (der != NULL)
        g_byte_array_unref (der);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static guint
faults (gsv_verifier *v, GTlsCertificate *peer)
{
  GTlsDatabase *authorities = v->authorities != NULL ? g_object_ref (v->authorities)
                                                     : g_tls_backend_get_default_database (g_tls_backend_get_default ());
  guint found = 0;

  if (v->client && v->identity == NULL)
    found |= G_TLS_CERTIFICATE_BAD_IDENTITY;
  if (authorities == NULL)
    found |= G_TLS_CERTIFICATE_UNKNOWN_CA;
  else
    {
      GError *error = NULL;

      found |= g_tls_database_verify_chain (authorities, peer,
                                            v->client ? G_TLS_DATABASE_PURPOSE_AUTHENTICATE_SERVER : G_TLS_DATABASE_PURPOSE_AUTHENTICATE_CLIENT,
                                            v->identity, NULL, G_TLS_DATABASE_VERIFY_NONE, NULL, &error);
      if (error != NULL)
        found |= G_TLS_CERTIFICATE_GENERIC_ERROR;
      g_clear_error (&error);
      g_object_unref (authorities);
    }
  if (!has_purpose (peer, v->client))
    found |= G_TLS_CERTIFICATE_GENERIC_ERROR | WRONG_PURPOSE;
  return found;
}

static gboolean
accepts (gsv_verifier *v, GTlsCertificate *peer)
{
  gboolean ok;

  if (v->verify == GSV_VERIFY_NONE || peer == NULL)
    ok = v->verify != GSV_VERIFY_REQUIRED;
  else
    {
      v->found = faults (v, peer);
      ok = (v->found & ~WRONG_PURPOSE & ~v->tolerated) == 0;
    }
  v->verdict = ok ? ACCEPTED : REFUSED;
  return ok;
}

/* Emitted in a handshake, on the thread that waits for it, if GIO finds a fault:
 * without a database it always does. */
static gboolean
on_accept_certificate (GTlsConnection *tls, GTlsCertificate *peer, GTlsCertificateFlags errors, gpointer data)
{
  return accepts (data, peer);
}

gsv_verifier *
gsv_verifier_new (GTlsConnection *tls, const gsv_tls_rules *rules)
{
  gsv_verifier *v = g_new0 (gsv_verifier, 1);

  v->tls = tls;
  v->client = G_IS_TLS_CLIENT_CONNECTION (tls);
  v->verify = rules->verify;
  v->tolerated = rules->tolerated;
  if (v->verify != GSV_VERIFY_NONE)
    {
      v->authorities = rules->authorities != NULL ? g_object_ref (rules->authorities) : NULL;
      v->identity = gsv_identity_new (rules);
    }
  v->handler = g_signal_connect (tls, "accept-certificate", G_CALLBACK (on_accept_certificate), v);
  return v;
}

void
gsv_verifier_free (gsv_verifier *v)
{
  g_signal_handler_disconnect (v->tls, v->handler);
  g_clear_object (&v->authorities);
  g_clear_object (&v->identity);
  g_free (v);
}

void
gsv_verifier_begin (gsv_verifier *v)
{
  v->verdict = NOT_ASKED;
  v->found = 0;
}

/* After a handshake that GIO says went well. It did not ask when a session was
 * resumed, when the peer has no certificate, or when it found no fault. */
int
gsv_verifier_accepts (gsv_verifier *v, GError **error)
{
  GTlsCertificate *peer = g_tls_connection_get_peer_certificate (v->tls);

  if (v->verdict == ACCEPTED || (v->verdict == NOT_ASKED && accepts (v, peer)))
    return TRUE;
  g_set_error_literal (error, G_TLS_ERROR, G_TLS_ERROR_BAD_CERTIFICATE,
                       peer != NULL ? "Unacceptable TLS certificate" : "The peer has no TLS certificate");
  return FALSE;
}

/* After the handshake. */
guint
gsv_verifier_found (gsv_verifier *v, int *purpose)
{
  *purpose = (v->found & WRONG_PURPOSE) != 0;
  return v->found & ~WRONG_PURPOSE;
}
