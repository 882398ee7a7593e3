/* What travels beside the bytes of a Unix socket (message.c). */
#ifndef GLIBSERVE_NATIVE_MESSAGE_H
#define GLIBSERVE_NATIVE_MESSAGE_H

#include "object.h"

/* One byte with what came beside it. */
typedef struct {
  unsigned char byte;
  int plain; /* the byte has no descriptor: it was left unread */
  int nfds;  /* descriptors that came; all but a single one are closed */
  int fd;    /* the single one, or -1; the caller's to close */
  int lost;  /* the kernel had to drop some of what came */
  int has_credentials;
  int has_sender; /* the kernel knows the sender's process, perhaps not by pid */
  int pid;
  unsigned uid, gid;
} gsv_received;

enum { GSV_WANT_FD, GSV_WANT_CREDENTIALS };

/* Any thread, the caller holds a reference to the socket or has the descriptor. Results below 0 are
 * negative errnos. */
GSocketControlMessage *gsv_fd_message (int fd, gsv_error *err);
GSocketControlMessage *gsv_credentials_message (void);
int gsv_send_message (GSocket *socket, GSocketControlMessage *message);
int gsv_receive_message (int fd, int want, gsv_received *out);

#endif
