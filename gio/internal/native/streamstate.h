/* What the files about streams and TLS know of a gsv_stream, and cgo does not: it
 * would look through the pointers at each call. */
#ifndef GLIBSERVE_NATIVE_STREAMSTATE_H
#define GLIBSERVE_NATIVE_STREAMSTATE_H

#include "stream.h"
#include "tls.h"

typedef struct gsv_verifier gsv_verifier;

struct gsv_stream {
  GIOStream *stream;
  GInputStream *in;
  GOutputStream *out;
  GPollableInputStream *pin;   /* NULL: reading blocks */
  GPollableOutputStream *pout; /* NULL: writing blocks */
  GTlsConnection *tls;         /* the stream, when it is one */
  GInputStream *record;        /* below TLS that was made here; one reference */
  gsv_verifier *verifier;      /* of its peer, or NULL: GIO's rules alone */
};

/* Where the stream of gsv_record_new keeps what is below it. */
#define GSV_BASE "glibserve-base"

/* tlsverify.c; a verifier has references of its own. */
GSocketConnectable *gsv_identity_new (const gsv_tls_rules *rules);
gsv_verifier *gsv_verifier_new (GTlsConnection *tls, const gsv_tls_rules *rules);
void gsv_verifier_free (gsv_verifier *v);
void gsv_verifier_begin (gsv_verifier *v);
int gsv_verifier_accepts (gsv_verifier *v, GError **error);
guint gsv_verifier_found (gsv_verifier *v, int *purpose);

/* tlsrecord.c; record is the caller's as well. */
GIOStream *gsv_record_new (GIOStream *base, GInputStream **record);
void gsv_record_arm (GInputStream *record);

#endif
