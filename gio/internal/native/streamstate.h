/* What stream.c and tls.c know of a gsv_stream, and cgo does not: it would look
 * through the pointers at each call. */
#ifndef GLIBSERVE_NATIVE_STREAMSTATE_H
#define GLIBSERVE_NATIVE_STREAMSTATE_H

#include "stream.h"

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

/* Where the stream of gsv_record_new keeps what is below it. */
#define GSV_BASE "glibserve-base"

/* stream.c: the socket at the bottom of what can be looked through, or NULL. */
GSocketConnection *gsv_base_connection (GIOStream *stream);

/* tlsrecord.c; record is the caller's as well. */
GIOStream *gsv_record_new (GIOStream *base, GInputStream **record);
void gsv_record_arm (GInputStream *record);

#endif
