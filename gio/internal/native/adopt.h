/* Connections that come from elsewhere, and what goes out in place of one that
 * speaks TLS (adopt.c). */
#ifndef GLIBSERVE_NATIVE_ADOPT_H
#define GLIBSERVE_NATIVE_ADOPT_H

#include "stream.h"

/* What gsv_adopt answers. */
enum {
  GSV_ADOPTED,
  GSV_ADOPT_CLOSED,        /* the stream or its socket is closed */
  GSV_ADOPT_NOT_CONNECTED, /* the socket is not connected */
  GSV_ADOPT_OTHER_BYTES,   /* what is read is not what the socket carries, nor TLS */
};

typedef struct {
  GSocketConnection *connection; /* one reference, the caller's */
  GSocket *socket;
  gsv_stream *tls; /* what the connection is around, the caller's; or NULL */
  int fd;
  int peer_len; /* 0: the peer is gone already and never had an address */
  struct sockaddr_storage peer;
} gsv_adopted;

int gsv_adopt (gpointer object, gsv_adopted *out);

/* A GTcpWrapperConnection, as GSocketClient makes it: a GSocketConnection with
 * the stream's plain text and the socket below. The caller owns one reference. */
GSocketConnection *gsv_conn_around (gsv_stream *stream, GSocket *socket);

#endif
