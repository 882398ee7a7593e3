/* dialclient.c, for dial.c alone. */
#ifndef GLIBSERVE_NATIVE_DIALCLIENT_H
#define GLIBSERVE_NATIVE_DIALCLIENT_H

#include "client.h"

/* A port alone to bind to, which "local-address" cannot say: it has a family, and
 * then no address of the other can be connected to. */
typedef struct {
  int port;
  int bind_errno; /* of the last that failed, or 0 */
} gsv_local_port;

/* Returns a reference. local may be NULL; what is returned uses it until it goes. */
GSocketClient *gsv_client_for (GSocketClient *client, int family, int type,
                               int multipath, gsv_local_port *local);

#endif
