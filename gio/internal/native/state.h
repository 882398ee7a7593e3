/* The state of a listener or service, shared by the C files below it in this
 * list, of which each calls only those above: object.c, connection.c, source.c,
 * socket.c, mptcp.c, swap.c, active.c, emit.c, batch.c, accept.c, fdwatch.c, stray.c,
 * signals.c, add.c, class.c, close.c. */
#ifndef GLIBSERVE_NATIVE_STATE_H
#define GLIBSERVE_NATIVE_STATE_H

#include "connection.h"
#include "listener.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

/* One listening socket. */
typedef struct {
  GSocket *socket; /* one reference of ours, until gsv_close */
  int fd;          /* the number that GIO accepts from */
  /* A number of our own. It holds the dummy, or the listening socket while the
   * dummy sits at fd, so that a swap never needs a new descriptor. */
  int spare;
  gboolean mptcp; /* Multipath TCP, see mptcp.c */
  gboolean out; /* swapped: the dummy is at fd, the socket at spare */
  GPollFD poll; /* watched by fdwatch.c */
  GPollFD spare_poll; /* watched by stray.c */
} gsv_sock;

/* Why sockets are swapped out. */
enum {
  GSV_OUT_PAUSED = 1 << 0,    /* GIO is to accept nothing */
  GSV_OUT_CANCELLED = 1 << 1, /* a cancelled accept has still to be dispatched */
  GSV_OUT_STRAY = 1 << 2,     /* stray.c accepts in place of GIO */
};

/* A path of a Unix socket, with a zero at its end. */
enum { GSV_PATH_SIZE = sizeof ((struct sockaddr_un *) 0)->sun_path + 1 };

enum { GSV_SPARES = 2 }; /* as many sockets as one add brings at most */

/* One add under way. They nest: a handler of "event" may listen, too. */
typedef struct gsv_add {
  struct gsv_add *outer;
  GPtrArray *pending; /* GSocket*: LISTENED, not yet known to GIO */
  int multipath; /* a socket of Multipath TCP is wanted */
  int v6only;
  int mode;              /* of a Unix path, or -1 */
  unsigned first, count; /* the sockets that it brought */
  int spares[GSV_SPARES]; /* had before GIO is asked, or -1 */
  gboolean bound;        /* to path */
  gboolean made;         /* there was a file then, which this is */
  struct stat file;
  int lost_path, mode_errno; /* why it must not listen, or 0 */
  char path[GSV_PATH_SIZE]; /* empty: none */
} gsv_add;

struct gsv_state {
  uint64_t id;               /* Go's handle; 0 once closed: chain up only */
  GSocketListener *listener; /* the object that embeds this; no reference */
  GSocketService *service;   /* the same, or NULL for a plain listener */
  gboolean threaded;
  GMainContext *context; /* one reference */
  gboolean closed;

  /* socket.c, add.c */
  GPtrArray *socks;   /* gsv_sock*: listening and known to GIO */
  gsv_add others_add; /* what others add to the GObject */
  gsv_add *add;       /* the innermost add under way */
  int backlog;
  int gio_backlog;    /* GIO's own value, as we last knew it */
  gboolean idle_sock; /* GIO has a socket that no client comes to, see active.c */

  /* swap.c */
  int dummy, dummy_peer; /* a socketpair: never readable, never hung up */
  unsigned out;          /* GSV_OUT_*: the sockets are swapped out for these */
  GSource *swap_in;      /* ends GSV_OUT_CANCELLED */

  /* active.c */
  gboolean paused;      /* GIO is to accept nothing */
  unsigned wanted_out;  /* GSV_OUT_*: what pause_point is to add to out */
  GSource *pause_point; /* swaps out where no accept of GIO's is about to run */
  GSource *pause_idle;
  gboolean pause_waited;
  /* Tells GIO of new sockets; put off until the end of a pause. */
  void (*changed_later) (GSocketListener *);

  /* emit.c, batch.c */
  int emitting;             /* depth of our frames inside an emission */
  int own_emission;         /* depth of emissions that are not GIO's accept's */
  gboolean outcome_pending; /* a Go handler declined; how it ended is unknown */
  GSource *finish_emission;
  const gsv_incoming *accepted; /* what the batch knows of the client it emits */
  /* The client of an emission that is not its first, see gsv_emit. */
  GSocketConnection *offered;
  /* Emissions of all other clients; atomic, and read by Go on any thread. */
  uint64_t accepted_count __attribute__ ((aligned (8)));
  gboolean in_batch;
  gboolean probing;  /* the batch finds out whether accept works again */
  gboolean halted;   /* Go wants no more clients of this batch */
  int accept_errno;  /* of the batch's last accept that failed, or 0 */
  unsigned next;     /* round-robin start of the next batch */

  /* fdwatch.c */
  GSource *fdwatch;
  /* How often a socket was readable since the last emission; atomic. */
  gint checks_without_accept;
  gint64 fds_seen; /* when descriptors were last looked at, and found plenty */
  rlim_t fd_limit; /* a descriptor from here on was one of the last then; 0: none */

  /* stray.c */
  gint strayed; /* started on another thread than the loop's; atomic */
  gboolean mptcp; /* one of the sockets is that */
  GSource *own_accept;

  /* accept.c */
  GCancellable *cancel;
  gboolean accepting, want_accept;
  GSource *one_accept; /* with Multipath TCP, in place of GIO's */
};

/* A GSource of a listener's. */
typedef struct {
  GSource source;
  gsv_state *st;
} gsv_source;

GSource *gsv_source_attach (gsv_state *st, GSourceFuncs *funcs, int priority);
void gsv_source_end (GSource **source);
void gsv_sources_end (gsv_state *st); /* all but swap_in */

void gsv_sock_free (gpointer sock);
void gsv_ensure_nonblock (int fd);
void gsv_commit (gsv_state *st, GSocket *socket, int spare);
int gsv_accept_mptcp (int fd, void *peer, socklen_t *len);
GObject *gsv_source_of (gsv_sock *s);
void gsv_watch (gsv_state *st);

gboolean gsv_have_dummy (gsv_state *st);
void gsv_swap (gsv_state *st);
void gsv_swap_for_cancel (gsv_state *st);
void gsv_swap_end (gsv_state *st);

void gsv_expect_start (gsv_state *st);
void gsv_swap_out_soon (gsv_state *st, unsigned reason);
void gsv_connect_active (gsv_state *st);
void gsv_connect_any_incoming (gsv_state *st);
gboolean gsv_on_any_incoming (GSocketService *service,
                              GSocketConnection *connection, GObject *source,
                              gpointer data);

void gsv_fdwatch_attach (gsv_state *st);
gboolean gsv_descriptors_low (gsv_state *st, int margin);

void gsv_fill (gsv_state *st, gsv_incoming *in, GSocketConnection *connection,
               GObject *source);
int gsv_deliver (gsv_state *st, uint64_t handler,
                 GSocketConnection *connection, GObject *source);
void gsv_enter_emission (gsv_state *st);
void gsv_leave_emission (gsv_state *st);
void gsv_after_decline (gsv_state *st);
gboolean gsv_signal_incoming (gsv_state *st, const gsv_incoming *in,
                              GSocketConnection *connection, GObject *source);

int gsv_accept_one (gsv_state *st, int sock, gsv_incoming *in);
void gsv_accept_batch (gsv_state *st);

void gsv_accept_anew (gsv_state *st);

void gsv_binding (gsv_state *st, GSocket *socket);
void gsv_bound (gsv_state *st);
void gsv_listened (gsv_state *st, GSocket *socket);
void gsv_adopt_backlog (gsv_state *st);
void gsv_changed (gsv_state *st, void (*chain) (GSocketListener *));

#endif
