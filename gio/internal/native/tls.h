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

/* The objects returned are the caller's; NULL with err set on failure. */
int gsv_tls_supported (void);
gpointer gsv_tls_certificate (const char *cert_file, const char *key_file,
                              gsv_error *err);
gpointer gsv_tls_database (const char *file, gsv_error *err);
gsv_stream *gsv_tls_server (gpointer base, gpointer certificate,
                            gpointer database, int auth,
                            const char *const *protocols, gsv_error *err);
gsv_stream *gsv_tls_client (gpointer base, const char *name, int port,
                            gpointer certificate, gpointer database,
                            const char *const *protocols, guint tolerated,
                            gsv_error *err);

int gsv_tls_handshake (gsv_stream *s, GCancellable *cancel, gsv_error *err);
int gsv_tls_is_server (gsv_stream *s);

/* For how many microseconds the handshake in progress has waited for the peer's
 * bytes; -1: it does not, GSV_TLS_UNKNOWN: nothing of ours is below. */
enum { GSV_TLS_UNKNOWN = -2 };
int64_t gsv_tls_waits (gsv_stream *s);

int gsv_tls_done (gsv_stream *s);
guint gsv_tls_errors (gsv_stream *s);
void gsv_tls_info (gsv_stream *s, gsv_tls_facts *out);
void gsv_tls_info_clear (gsv_tls_facts *out);

#endif
