/* What Go calls of listeners and services: GSocketListener, GSocketService,
 * GThreadedSocketService. Everything runs on the loop's thread unless it says
 * otherwise. */
#ifndef GLIBSERVE_NATIVE_LISTENER_H
#define GLIBSERVE_NATIVE_LISTENER_H

#include "object.h"

/* Which GObject class gsv_new makes. */
enum { GSV_LISTENER, GSV_SERVICE, GSV_THREADED };

/* What Go answers to an emission. From bit GSV_PAUSE_SHIFT on: the reasons why
 * nobody is to accept now; which they are is Go's to know. */
enum {
  GSV_HANDLED = 1 << 0, /* the emission ends here */
  GSV_KEPT = 1 << 1,    /* Go keeps the reference that it was offered */
  GSV_CHAIN = 1 << 2,   /* class handler only: chain up to GIO's own */
  GSV_PAUSE_SHIFT = 8,
};

typedef struct gsv_state gsv_state;

/* One accepted connection on its way to Go; valid during the call. */
typedef struct {
  GSocketConnection *connection;
  GSocket *socket;
  GObject *source;     /* the source object of the listening socket, or NULL */
  uint64_t source_id;  /* its id in Go's registry, 0: not from Go */
  int fd;
  int mptcp;           /* the listening socket is of Multipath TCP */
  int sock;            /* index of the listening socket, or -1: not known */
  int peer_len;        /* 0: the peer is gone already; -1: too long, ask */
  uint8_t peer[28];    /* a native sockaddr, IP or unnamed */
} gsv_incoming;

/* A client as accept(2) has it: peer and peer_len as above. */
typedef struct {
  int fd; /* or -errno */
  int peer_len;
  uint8_t peer[28];
} gsv_client;

/* class.c: any thread. The caller owns one reference, which gsv_close gives up. */
gsv_state *gsv_new (int kind, uint64_t id, GMainContext *context, int active,
                    int backlog);
GObject *gsv_object (gsv_state *st);
/* Atomic; it lives as long as the object. */
uint64_t *gsv_accepted_count (gsv_state *st);

/* source.c: the loop's context as the thread's default, as GIO's functions that
 * begin something asynchronous want it. */
void gsv_enter (gsv_state *st);
void gsv_leave (gsv_state *st);

/* add.c */
int gsv_add_address (gsv_state *st, const void *native, int len, int seqpacket, int multipath, int v6only,
                     int mode, GObject *source, gsv_error *err);
int gsv_add_inet_port (gsv_state *st, int port, GObject *source,
                       gsv_error *err);
int gsv_add_fd (gsv_state *st, int fd, GObject *source, gsv_error *err);
void gsv_set_backlog (gsv_state *st, int backlog);
int gsv_get_backlog (gsv_state *st);

/* socket.c. gsv_listening_dup fills in what is the same for all clients of the
 * i-th socket, with one reference to the source, and returns a duplicate of the
 * socket's descriptor, the caller's to close, or -errno. */
int gsv_sock_count (gsv_state *st);
int gsv_sock_fd (gsv_state *st, int i);
int gsv_listening_dup (gsv_state *st, int i, gsv_incoming *from);

/* mptcp.c, for any thread: fd stays open meanwhile. */
gsv_client gsv_accept_client (int fd);

/* active.c: the property "active", by g_socket_service_start and _stop; and whether
 * GIO is kept from accepting meanwhile, of which "active" shows nothing.
 * gsv_pause answers TRUE when GIO accepts no more from here on, FALSE when
 * that is so once gsvGoPaused was called. */
void gsv_set_active (gsv_state *st, int active);
int gsv_is_active (gsv_state *st);
int gsv_pause (gsv_state *st);
void gsv_resume (gsv_state *st);
void gsv_expose (gsv_state *st);

/* stray.c: has clients accepted on the loop although GIO's accept may be on
 * another context; nothing where it is not. */
void gsv_reclaim (gsv_state *st);

/* fdwatch.c: whether descriptors are still short; takes clients to find out. */
int gsv_descriptors_short (gsv_state *st);

/* emit.c: emits "incoming" for a connection that was accepted before; TRUE when
 * it was handled. */
int gsv_emit (gsv_state *st, GSocketConnection *connection, GObject *source);
int gsv_others_listen (gsv_state *st);

/* accept.c: the one accept of a plain listener. */
void gsv_accept (gsv_state *st);

/* signals.c: connecting is for any thread. */
unsigned long gsv_connect (gsv_state *st, const char *signal, uint64_t handler);
void gsv_disconnect (gsv_state *st, unsigned long id);
void gsv_block (gsv_state *st, unsigned long id);
void gsv_unblock (gsv_state *st, unsigned long id);

/* close.c */
void gsv_close (gsv_state *st);

#endif
