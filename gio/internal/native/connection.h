/* Connections (connection.c). Any thread may call these while it holds a
 * reference. Results below 0 are negative errnos. */
#ifndef GLIBSERVE_NATIVE_CONNECTION_H
#define GLIBSERVE_NATIVE_CONNECTION_H

#include "object.h"

/* Objects as numbers, data as bytes: whatever may point to pointers is looked
 * through by cgo for Go memory at each call, and that takes as long as GIO. */
gssize gsv_recv (uintptr_t socket, uint8_t *buf, gsize n);
gssize gsv_send (uintptr_t socket, const uint8_t *buf, gsize n);
/* The objects around a connected socket, as GIO makes them: the descriptor is
 * theirs then, and the caller has one reference to the connection. On failure
 * the first two have closed it, and the third, which returns -errno, has not. */
/* IPPROTO_MPTCP, which GSocketProtocol does not name. */
#define GSV_PROTOCOL_MPTCP 262

/* Before GIO makes a connection of a socket of SOCK_SEQPACKET or Multipath TCP. */
void gsv_register_types (void);
int gsv_conn_new (int fd, GSocketConnection **connection, GSocket **socket,
                  GError **error);
int gsv_conn_take_fd (int fd, GSocketConnection **connection, GSocket **socket,
                      gsv_error *err);
int gsv_conn_new_for_fd (int fd, GSocketConnection **connection,
                         GSocket **socket);
void gsv_conn_close (uintptr_t connection, uintptr_t socket);
int gsv_conn_is_connected (GSocketConnection *connection);
int gsv_shutdown (GSocket *socket, int rd, int wr);
int gsv_set_option (GSocket *socket, int level, int name, int value);
int gsv_get_option (GSocket *socket, int level, int name, int *value);
void gsv_set_keepalive (GSocket *socket, int on);
int gsv_credentials (GSocket *socket, int *pid, unsigned *uid, unsigned *gid,
                     gsv_error *err);
void gsv_count (GSocketConnection *connection);
void gsv_counted (uint64_t *accepted, uint64_t *finalized);

int gsv_socket_fd (GSocket *socket);
int gsv_is_tcp (GSocketConnection *connection);
void gsv_set_graceful (GSocketConnection *connection, int on);
int gsv_get_graceful (GSocketConnection *connection);
int gsv_get_linger (GSocket *socket, int *seconds); /* -1: the default */
int gsv_get_keepalive (GSocket *socket);

#endif
