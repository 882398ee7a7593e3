/* TLS over a GIOStream (tls.c). */
#ifndef GLIBSERVE_NATIVE_TLS_H
#define GLIBSERVE_NATIVE_TLS_H

#include "stream.h"

typedef struct {
  int version; /* GTlsProtocolVersion */
  char *protocol, *cipher;
  void *der;
  guint der_len;
} gsv_tls_facts;

/* How a peer is verified: none, any certificate that it has, or it must have
 * one. */
enum { GSV_VERIFY_NONE, GSV_VERIFY_SENT, GSV_VERIFY_REQUIRED };

typedef struct {
  int verify;
  gpointer authorities;      /* GTlsDatabase; NULL: those of the system */
  const char *name, *ip;     /* what a server must be; at most one is not NULL */
  guint tolerated;           /* GTlsCertificateFlags that are no reason to refuse */
} gsv_tls_rules;

typedef struct {
  gpointer certificate;          /* NULL for a client that has none */
  const char *const *protocols;  /* or NULL */
  int auth;                      /* GTlsAuthenticationMode, of a server */
  gsv_tls_rules rules;
} gsv_tls_options;

/* The objects returned are the caller's; NULL with err set on failure. */
int gsv_tls_supported (void);
gpointer gsv_tls_certificate (const char *pem, gsize length, gsv_error *err);
gpointer gsv_tls_database (const char *file, gsv_error *err);
gsv_stream *gsv_tls_server (gpointer base, const gsv_tls_options *o,
                            gsv_error *err);
gsv_stream *gsv_tls_client (gpointer base, const gsv_tls_options *o,
                            gsv_error *err);

/* Whether the certificates in the file can be read, and how many there are. */
int gsv_tls_count (const char *file, gsv_error *err);

int gsv_tls_handshake (gsv_stream *s, GCancellable *cancel, gsv_error *err);
int gsv_tls_is_server (gsv_stream *s);

/* For how many microseconds the handshake in progress has waited for the peer's
 * bytes; -1: it does not, GSV_TLS_UNKNOWN: nothing of ours is below. */
enum { GSV_TLS_UNKNOWN = -2 };
int64_t gsv_tls_waits (gsv_stream *s);

int gsv_tls_done (gsv_stream *s);
/* What is wrong with the peer's certificate; purpose is set to whether that
 * includes what the certificate may be used for. */
guint gsv_tls_errors (gsv_stream *s, int *purpose);
void gsv_tls_info (gsv_stream *s, gsv_tls_facts *out);
void gsv_tls_info_clear (gsv_tls_facts *out);

#endif
