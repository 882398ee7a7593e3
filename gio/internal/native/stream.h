/* Any GIOStream (stream.c). */
#ifndef GLIBSERVE_NATIVE_STREAM_H
#define GLIBSERVE_NATIVE_STREAM_H

#include "object.h"

/* What gsv_stream_read and gsv_stream_write return instead of a count. Of TLS that
 * we have made WOULD_BLOCK is what the socket said; REFUSED is that another
 * operation is in progress, and nobody has asked the socket. */
enum { GSV_FAILED = -1, GSV_WOULD_BLOCK = -2, GSV_REFUSED = -3 };

/* gsv_stream_traits */
enum { GSV_STREAM_POLL_IN = 1, GSV_STREAM_POLL_OUT = 2, GSV_STREAM_TLS = 4 };

/* A GIOStream with its two halves; one reference on each. */
typedef struct gsv_stream gsv_stream;

gsv_stream *gsv_stream_new (gpointer stream);
void gsv_stream_free (gsv_stream *s);
gpointer gsv_stream_object (gsv_stream *s); /* the GIOStream, not a reference */
int gsv_stream_traits (gsv_stream *s);
int gsv_stream_fd (gsv_stream *s);
gssize gsv_stream_read (gsv_stream *s, void *buf, gsize n,
                        GCancellable *cancel, gsv_error *err);
gssize gsv_stream_write (gsv_stream *s, const void *buf, gsize n,
                         GCancellable *cancel, gsv_error *err);
int gsv_stream_flush (gsv_stream *s, GCancellable *cancel, gsv_error *err);
int gsv_stream_writable (gsv_stream *s);
int gsv_stream_close_write (gsv_stream *s, GCancellable *cancel,
                            gsv_error *err);

/* For TLS that we have made: while it is on, what is written is sent as far as the
 * socket takes it at once, and the rest held, for whoever asks to send it. */
void gsv_stream_hold (gsv_stream *s, int on);
const void *gsv_stream_held (gsv_stream *s, gsize *n);

int gsv_stream_close (gsv_stream *s, GCancellable *cancel, gsv_error *err);

/* gsvGoStreamReady(id) is called once, on the context's thread. */
GSource *gsv_stream_watch (gsv_stream *s, int out, GMainContext *context,
                           uint64_t id);
void gsv_unwatch (GSource *source);

GCancellable *gsv_cancellable_new (void);
void gsv_cancellable_cancel (GCancellable *cancel);

#endif
