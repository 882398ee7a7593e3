/* The state of a listener, and what the C files about listeners share. */
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
  int fd;
  /* A descriptor number of our own. It holds the listening socket while an
   * inert one sits at fd, so that stopping never needs a new descriptor. */
  int placeholder;
  gboolean shielded;
  GPollFD poll; /* watched by the guard source */
} gsv_sock;

/* A path of a Unix socket, with a zero at its end. */
enum { GSV_PATH_SIZE = sizeof ((struct sockaddr_un *) 0)->sun_path + 1 };

/* One add under way. They nest: a handler of "event" may listen, too. */
typedef struct gsv_add {
  struct gsv_add *outer;
  GPtrArray *pending; /* GSocket*: LISTENED, not yet known to GIO */
  int v6only;
  int mode;           /* of a Unix path, or -1; -errno when that failed */
  unsigned first, count; /* the sockets that it brought */
  gboolean made;      /* bind made the file at path, which was this one then */
  struct stat file;
  char path[GSV_PATH_SIZE];
} gsv_add;

struct gsv_state {
  uint64_t id;               /* Go's handle; 0 once closed: chain up only */
  GSocketListener *listener; /* the object that embeds this; no reference */
  GSocketService *service;   /* the same, or NULL for a plain listener */
  gboolean threaded;
  GMainContext *context;     /* one reference */
  GPtrArray *socks;          /* gsv_sock*: listening and known to GIO */
  gsv_add foreign;           /* what others add to the GObject */
  gsv_add *add;              /* the innermost add under way */
  int inert, inert_peer;     /* a socketpair: never readable, never hung up */

  int backlog;
  int gio_backlog; /* GIO's own value, as we last knew it */
  gboolean closed;
  gboolean wish;    /* what the user last asked for */
  gboolean gactive; /* what GIO was last told */
  unsigned pauses;  /* GSV_PAUSE_*: reasons of our own */
  int toggling;     /* inside a start or stop of our own */
  int emitting;     /* depth of our frames inside an emission */
  gboolean sweeping;
  gboolean probing; /* the sweep finds out whether accept works again */
  int accept_errno; /* of the sweep's last accept that failed, or 0 */
  unsigned next;    /* round-robin start of the next sweep */
  int dry;          /* readable checks since the last emission */
  gboolean unsettled; /* a Go handler declined; how it ended is unknown */
  int jobs, max_jobs; /* of a threaded service; max_jobs <= 0: no limit */
  GMutex jobs_lock;   /* protects jobs: workers end on threads of their own */

  gsv_lane *lane;  /* one reference, or NULL */
  int lane_budget; /* how many more it may get, -1: any number */
  uint64_t lane_pushed; /* atomic */
  int rush;             /* pushed since rush_since */
  gint64 rush_since;
  const gsv_incoming *swept; /* what the sweep knows of the client it emits */

  gint64 fds_seen; /* when descriptors were last looked at, and found plenty */
  rlim_t fd_limit; /* a descriptor from here on was one of the last then; 0: none */

  GSource *guard, *settle, *sentinel, *fd_timer;
  unsigned fd_wait; /* ms until the next look for a free descriptor */

  /* Plain listener: the one accept that is outstanding. */
  GCancellable *cancel;
  gboolean accepting, want_accept;
};

/* A GSource of a listener's. */
typedef struct {
  GSource source;
  gsv_state *st;
} gsv_source;

void gsv_apply (gsv_state *st);
void gsv_changed (gsv_state *st, void (*chain) (GSocketListener *));
void gsv_commit (gsv_state *st, GSocket *socket);
void gsv_shield (gsv_state *st);
void gsv_unshield (gsv_state *st);
void gsv_ensure_guard (gsv_state *st);
void gsv_watch (gsv_state *st);
void gsv_arm_fd_timer (gsv_state *st);
void gsv_sweep (gsv_state *st);
void gsv_enter_emission (gsv_state *st);
void gsv_leave_emission (gsv_state *st);
void gsv_stop_sources (gsv_state *st);
void gsv_sock_free (gpointer sock);
void gsv_bound (gsv_state *st, GSocket *socket);
void gsv_listened (gsv_state *st, GSocket *socket);
void gsv_fill (gsv_state *st, gsv_incoming *in, GSocketConnection *connection,
               GObject *source);
gboolean gsv_lane_push (gsv_state *st, GSocketConnection *connection,
                        GObject *source);
int gsv_deliver (gsv_state *st, uint64_t handler,
                 GSocketConnection *connection, GObject *source);
void gsv_connect_active (gsv_state *st);
void gsv_after_decline (gsv_state *st);
void gsv_job_started (gsv_state *st);
void gsv_adopt_backlog (gsv_state *st);

#endif
