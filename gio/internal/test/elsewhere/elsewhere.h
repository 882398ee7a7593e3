#ifndef GLIBSERVE_TEST_ELSEWHERE_H
#define GLIBSERVE_TEST_ELSEWHERE_H

#include <stdint.h>

/* Objects are addresses; what makes one returns one reference, or 0. */
uintptr_t else_connect (int port, int tls);
uintptr_t else_unconnected (void);
uintptr_t else_datagram (void);
uintptr_t else_filtered (void);
uintptr_t else_wrapper (uintptr_t base, uintptr_t socket_of);

long else_read (uintptr_t connection, void *buf, long n);
int else_write (uintptr_t connection, const void *buf, long n);
int else_close (uintptr_t connection);
int else_is_closed (uintptr_t connection);
int else_is_connected (uintptr_t connection);
const char *else_type (uintptr_t object);
uintptr_t else_base (uintptr_t wrapper);
int else_is_tls (uintptr_t object);
void else_set_graceful (uintptr_t connection, int on);
void else_count (uintptr_t object);
int else_alive (void);
unsigned else_ref_count (uintptr_t object);
void else_ref (uintptr_t object);
void else_unref (uintptr_t object);

/* A GSocketService with a thread and a context of its own. */
typedef struct else_service else_service;
else_service *else_service_new (int *port);
uintptr_t else_service_accept (else_service *s);
void else_service_free (else_service *s);

/* Two GDBusConnections that talk to each other. */
typedef struct {
  uintptr_t server, client;
} else_dbus;
int else_dbus_new (else_dbus *out);
uintptr_t else_dbus_stream (uintptr_t connection);
int else_dbus_ping (uintptr_t connection);
int else_dbus_is_closed (uintptr_t connection);
int else_dbus_close (uintptr_t connection);

/* Sockets that listen on a free port of 127.0.0.1. */
uintptr_t else_listening (int *port);
int else_socket_fd (uintptr_t socket);
int else_socket_close (uintptr_t socket);

/* What can be connected to. The last is a class of the test's own, which gives
 * out these ports of 127.0.0.1 one after the other. */
uintptr_t else_network_address (const char *host, int port);
uintptr_t else_network_service (const char *service, const char *domain);
uintptr_t else_inet_address (const char *ip, int port);
uintptr_t else_unix_address (const char *path);
uintptr_t else_proxy_address (int proxy_port, const char *protocol,
                              const char *host, int port);
uintptr_t else_own_connectable (const int *ports, int n);

#endif
