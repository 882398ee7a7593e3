/* Any GIOStream, and TLS over one (native_stream.c). */
#ifndef GLIBSERVE_GIO_NATIVE_STREAM_H
#define GLIBSERVE_GIO_NATIVE_STREAM_H

#include "cgo.h"

/* What gsv_stream_read and gsv_stream_write return instead of a count. */
enum { GSV_FAILED = -1, GSV_WOULD_BLOCK = -2 };

/* gsv_stream_traits */
enum { GSV_STREAM_POLL_IN = 1, GSV_STREAM_POLL_OUT = 2, GSV_STREAM_TLS = 4 };

/* A GIOStream with its two halves; one reference on each. */
typedef struct gsv_stream gsv_stream;

typedef struct {
  int version; /* GTlsProtocolVersion */
  char *protocol, *cipher;
  void *der;
  guint der_len;
} gsv_tls_facts;

gsv_stream *gsv_stream_new (gpointer stream);
void gsv_stream_free (gsv_stream *s);
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
int gsv_stream_close (gsv_stream *s, GCancellable *cancel, gsv_error *err);

/* gsvGoStreamReady(id) is called once, on the context's thread. */
GSource *gsv_stream_watch (gsv_stream *s, int out, GMainContext *context,
                           uint64_t id);
void gsv_unwatch (GSource *source);

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
/* Where the stream of gsv_record_new keeps what is below it. */
#define GSV_BASE "glibserve-base"

/* native_record.c; record is the caller's as well. */
GIOStream *gsv_record_new (GIOStream *base, GInputStream **record);
void gsv_record_arm (GInputStream *record);
int gsv_tls_handshake (gsv_stream *s, GCancellable *cancel, gsv_error *err);
int gsv_tls_done (gsv_stream *s);
guint gsv_tls_errors (gsv_stream *s);
void gsv_tls_info (gsv_stream *s, gsv_tls_facts *out);
void gsv_tls_info_clear (gsv_tls_facts *out);

GCancellable *gsv_cancellable_new (void);
void gsv_cancellable_cancel (GCancellable *cancel);

#endif
