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
  GInputStream *record;        /* what TLS that we have made reads through, or NULL; one reference */
  GOutputStream *record_out;   /* and writes through */
  GSocket *socket;             /* below them; they hold it */
  gsv_verifier *verifier;      /* of its peer, or NULL: GIO's rules alone */
};

/* Where the stream of gsv_record_new keeps what is below it. */
#define GSV_BASE "glibserve-base"

/* stream.c: the socket at the bottom of what can be looked through, or NULL. */
GSocketConnection *gsv_base_connection (GIOStream *stream);

/* tlshandshake.c: 1 for each stream with a record that is made, -1 at its end. */
void gsv_tls_track (int change);

/* tlswait.c. FALSE only when cancelled. */
gboolean gsv_await_descriptors (GSocket *socket, GCancellable *cancel, GError **error);
gboolean gsv_await_socket (GSocket *socket, GIOCondition condition, GCancellable *cancel, GError **error);

/* tlsrecord.c; the caller gets a reference on each. */
GIOStream *gsv_record_new (GSocketConnection *base, GInputStream **input, GOutputStream **output);

/* From now on another handshake is refused. */
void gsv_record_arm (GInputStream *input);

/* For how many microseconds a blocking read has waited for the peer; -1: none does. */
gint64 gsv_record_waits (GInputStream *input);

/* Between them: a call on the TLS stream above. Then, in which directions the
 * socket has said that it would block. */
enum { GSV_ASKED_IN = 1, GSV_ASKED_OUT = 2 };
void gsv_record_begin (void);
int gsv_record_asked (void);

/* While it is on writing never blocks: what the socket does not take is held, and
 * not sent before it is off. Held bytes are good while nobody writes. */
void gsv_record_hold (GOutputStream *output, int on);
const void *gsv_record_held (GOutputStream *output, gsize *n);

/* tlsverify.c; a verifier has references of its own. */
GSocketConnectable *gsv_identity_new (const gsv_tls_rules *rules);
gsv_verifier *gsv_verifier_new (GTlsConnection *tls, const gsv_tls_rules *rules);
void gsv_verifier_free (gsv_verifier *v);
void gsv_verifier_begin (gsv_verifier *v);
int gsv_verifier_accepts (gsv_verifier *v, GError **error);
guint gsv_verifier_found (gsv_verifier *v, int *purpose);

#endif
