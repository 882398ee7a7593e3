/* Listeners and services: what has to happen inside libgio's own calls and
 * callbacks. Everything runs on the loop's thread unless it says otherwise. */
#ifndef GLIBSERVE_NATIVE_LISTENER_H
#define GLIBSERVE_NATIVE_LISTENER_H

#include "object.h"

/* Which GObject class gsv_new makes. */
enum { GSV_LISTENER, GSV_SERVICE, GSV_THREADED };

/* Why the library keeps a service from accepting, whatever the user wishes. */
enum {
  GSV_PAUSE_CONSUMER = 1 << 0,    /* nobody would take a client */
  GSV_PAUSE_HELD = 1 << 1,        /* one client is held and nobody asks */
  GSV_PAUSE_MAX_CONNS = 1 << 2,   /* ServiceConfig.MaxConns */
  GSV_PAUSE_DESCRIPTORS = 1 << 3, /* the process is out of descriptors */
  GSV_PAUSE_MAX_THREADS = 1 << 4, /* every worker of a threaded service is busy */
  GSV_PAUSE_RUSH = 1 << 5,        /* Go accepts */
};

/* What Go answers to an emission; reasons to pause are added from bit 8 on. */
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
  uint64_t source_id;  /* its id in Go's registry, 0 for a foreign GObject */
  int fd;
  int sock;            /* index of the listening socket, or -1: not known */
  int peer_len;        /* 0: the peer is gone already; -1: too long, ask */
  uint8_t peer[28];    /* a native sockaddr, IP or unnamed */
} gsv_incoming;

/* A way for Serve's connections into Go that needs no call from the loop's
 * thread: it would have to wait for a turn of Go's scheduler each time. */
typedef struct gsv_lane gsv_lane;

gsv_state *gsv_new (int kind, uint64_t id, GMainContext *context, int active,
                    int backlog, int max_threads);
GObject *gsv_object (gsv_state *st);
void gsv_enter (gsv_state *st);
void gsv_leave (gsv_state *st);
void gsv_close (gsv_state *st);
int gsv_add_address (gsv_state *st, const void *native, int len, int v6only,
                     int mode, GObject *source, gsv_error *err);
int gsv_add_inet_port (gsv_state *st, int port, GObject *source,
                       gsv_error *err);
int gsv_add_fd (gsv_state *st, int fd, GObject *source, gsv_error *err);
void gsv_set_backlog (gsv_state *st, int backlog);
int gsv_get_backlog (gsv_state *st);
void gsv_set_wish (gsv_state *st, int active);
void gsv_pause (gsv_state *st, unsigned set, unsigned clear);
void gsv_check_descriptors (gsv_state *st);
int gsv_adopt_active (gsv_state *st);
void gsv_expect_foreign (gsv_state *st);
unsigned gsv_pauses (gsv_state *st);
int gsv_jobs_full (gsv_state *st);
void gsv_accept (gsv_state *st);
unsigned long gsv_connect (gsv_state *st, const char *signal, uint64_t handler);
void gsv_disconnect (gsv_state *st, unsigned long id);
int gsv_sock_count (gsv_state *st);
int gsv_sock_fd (gsv_state *st, int i);

/* lanes: made, taken from and switched off on any thread, attached on the
 * loop's. Each holder has a reference: the attached service and Go. */
gsv_lane *gsv_lane_new (int event_fd);
void gsv_lane_unref (gsv_lane *lane);
void gsv_lane_attach (gsv_state *st, gsv_lane *lane); /* NULL: detach */
void gsv_lane_off (gsv_lane *lane);
int gsv_lane_take (gsv_lane *lane, gsv_incoming *out, int max);
void gsv_lane_budget (gsv_state *st, int budget); /* -1: no limit */
uint64_t gsv_lane_pushed (gsv_state *st); /* any thread */

/* doors: listening sockets while Go accepts. Fills in what is the same for all
 * clients of the i-th, with one reference to the source, and returns a duplicate
 * of the descriptor, the caller's to close, or -errno. */
int gsv_door (gsv_state *st, int i, gsv_incoming *from);

#endif
