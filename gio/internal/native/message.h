/* Descriptors, credentials, socket pairs, and what else a connection's GSocket
 * and a listener's properties offer beyond reading and writing. */
#ifndef GLIBSERVE_GIO_NATIVE_UNIX_H
#define GLIBSERVE_GIO_NATIVE_UNIX_H

#include "cgo.h"

/* One byte with what came beside it. */
typedef struct {
  unsigned char byte;
  int plain; /* the byte has no descriptor: it was left unread */
  int nfds;  /* descriptors that came; all but a single one are closed */
  int fd;    /* the single one, or -1; the caller's to close */
  int lost;  /* the kernel had to drop some of what came */
  int has_credentials;
  int pid;
  unsigned uid, gid;
} gsv_received;

enum { GSV_WANT_FD, GSV_WANT_CREDENTIALS };

/* Any thread, the caller holds a reference to the socket. Results below 0 are
 * negative errnos. */
GSocketControlMessage *gsv_fd_message (int fd, gsv_error *err);
GSocketControlMessage *gsv_credentials_message (void);
int gsv_send_message (GSocket *socket, GSocketControlMessage *message);
int gsv_receive_message (GSocket *socket, int want, gsv_received *out);

/* Takes fd over, also on failure; in holds one reference for the caller. */
int gsv_connection_from_fd (int fd, gsv_incoming *in, gsv_error *err);

int gsv_is_tcp (GSocketConnection *connection);
void gsv_set_graceful (GSocketConnection *connection, int on);
int gsv_get_graceful (GSocketConnection *connection);
int gsv_get_linger (GSocket *socket, int *seconds); /* -1: the default */
int gsv_get_keepalive (GSocket *socket);

#endif
