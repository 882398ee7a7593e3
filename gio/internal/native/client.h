/* The C side of SocketClient (client.c, dial.c, proxy.c). */
#ifndef GLIBSERVE_NATIVE_CLIENT_H
#define GLIBSERVE_NATIVE_CLIENT_H

#include "object.h"

/* Which of GSocketClient's connect functions gsv_dial_start calls, and what
 * its arguments a, b, len and port are. */
enum {
  GSV_DIAL_NATIVE,   /* connect_async: a: a sockaddr of len bytes */
  GSV_DIAL_NAME,     /* connect_async: a: a host name; port */
  GSV_DIAL_LOOPBACK, /* connect_async: port of this machine */
  GSV_DIAL_HOST,     /* connect_to_host_async: a: host and port; port */
  GSV_DIAL_SERVICE,  /* connect_to_service_async: a: domain; b: service */
  GSV_DIAL_URI,      /* connect_to_uri_async: a: URI; port */
  GSV_DIAL_CONNECTABLE, /* connect_async: connectable */
};

/* What gsv_dial_start connects to; everything is borrowed for the call. */
typedef struct {
  int kind;
  int family;     /* -1: the client's own */
  int type;       /* GSocketType; 0: the client's own */
  int multipath;  /* Multipath TCP */
  int local_port; /* unless 0, bound at any address of a socket's family */
  const char *a, *b;
  int len, port;
  gpointer connectable;
  int traced; /* gsvGoDialEvent is called */
} gsv_target;

/* What Go wants to know of a GSocketConnectable. */
typedef struct {
  char *text;     /* g_socket_connectable_to_string */
  char *identity; /* what GIO would check a certificate against, or NULL */
  int port;
  int proxied;    /* a GProxyAddress */
  int native_len; /* 0: not an address with a native form */
  struct sockaddr_storage native;
} gsv_connectable;

/* One emission of "event"; valid during the call. */
typedef struct {
  int event;   /* GSocketClientEvent */
  char *target; /* g_socket_connectable_to_string */
  int seqpacket; /* of the connection's socket */
  int peer_len; /* 0: there is no connection yet, or none any more */
  struct sockaddr_storage peer;
} gsv_client_event;

/* A connection on its way to Go; valid during the call. */
typedef struct {
  GSocketConnection *connection; /* one reference, Go's from here on */
  GSocket *socket;
  int fd;
  int peer_len; /* 0: the peer is gone already and never had an address */
  struct sockaddr_storage peer;
} gsv_dialed;

/* Any thread, all but gsv_dial_start. The caller of gsv_client_new owns one
 * reference; native (native_len 0: none), proxy and the strings are only
 * borrowed, resolver too: GSocketClient takes a reference of its own. */
GSocketClient *gsv_client_new (int family, const void *native, int native_len,
                               unsigned timeout, int enable_proxy,
                               GObject *resolver, const char *proxy);
int gsv_uri_is_valid (const char *uri, gsv_error *err);
unsigned long gsv_client_connect (GSocketClient *client, uint64_t id,
                                  uint64_t handler);
int gsv_remote (GSocketConnection *connection, struct sockaddr_storage *peer);
char *gsv_target_text (GSocketConnectable *connectable);
void gsv_connectable_info (gpointer connectable, gsv_connectable *out);
void gsv_connectable_clear (gsv_connectable *out);
void gsv_client_disconnect (GSocketClient *client, unsigned long id);

/* proxy.c */
GSocketConnectable *gsv_for_proxies (GSocketClient *client,
                                     GSocketConnectable *connectable);

/* One dial. Its caller owns one reference to the GCancellable. */
GCancellable *gsv_dial_new (void);
/* The loop's thread. There is exactly one gsvGoDialed and after it one
 * gsvGoDialEnded, both after it returned. */
void gsv_dial_start (GSocketClient *client, GMainContext *context,
                     GCancellable *cancellable, uint64_t id,
                     const gsv_target *target);
void gsv_dial_cancel (GMainContext *context, GCancellable *cancellable);
int gsv_drain (GMainContext *context);
uint64_t gsv_dials_alive (void);

#endif
