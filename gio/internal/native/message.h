/* What travels beside the bytes of a Unix socket (message.c). */
#ifndef GLIBSERVE_NATIVE_MESSAGE_H
#define GLIBSERVE_NATIVE_MESSAGE_H

#include "object.h"

/* One byte with what came beside it. */
typedef struct {
  unsigned char byte;
  int plain; /* what is next has none of what is wanted: it was left unread */
  int came;  /* descriptors that came */
  int kept;  /* the first of them that are the caller's to close; the others are closed */
  int lost;  /* the kernel had to drop some of what came */
  int has_credentials;
  int has_sender; /* the kernel knows the sender's process, perhaps not by pid */
  int pid;
  unsigned uid, gid;
} gsv_received;

enum { GSV_WANT_FDS, GSV_WANT_CREDENTIALS };

/* The kernel's SCM_MAX_FD: how many descriptors one message carries at most. */
#define GSV_FDS_MAX 253

/* Any thread, the caller holds a reference to the socket or has the descriptor. Results below 0 are
 * negative errnos. */
GSocketControlMessage *gsv_fd_message (void);
int gsv_fd_message_append (GSocketControlMessage *message, int fd, gsv_error *err);
GSocketControlMessage *gsv_credentials_message (void);
int gsv_send_message (GSocket *socket, GSocketControlMessage *message);
/* max, at most GSV_FDS_MAX, is how many descriptors fds has room for. */
int gsv_receive_message (int fd, int want, int max, int messages, int fds[],
                         gsv_received *out);

#endif
