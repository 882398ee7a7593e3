/* When a service accepts: the user's wish, the library's own pauses, stopping
 * without losing a client, running out of descriptors, and taking several
 * clients a dispatch. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "native.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shield. Before GLib 2.85.3 a cancelled accept still calls accept(2) and then
 * drops the client. So while it is dispatched, an inert socket sits at the
 * descriptor; the listening one waits at the placeholder. */
static gboolean
must_shield (void)
{
  static int answer = -1;
  if (answer < 0)
    answer = glib_check_version (2, 85, 3) != NULL;
  return answer;
}

static gboolean
same_file (int a, int b)
{
  struct stat sa, sb;
  return fstat (a, &sa) == 0 && fstat (b, &sb) == 0 && sa.st_ino == sb.st_ino
         && sa.st_dev == sb.st_dev;
}

void
gsv_unshield (gsv_state *st)
{
  guint i;

  if (st->sentinel != NULL)
    {
      g_source_destroy (st->sentinel);
      g_source_unref (st->sentinel);
      st->sentinel = NULL;
    }
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      if (!s->shielded)
        continue;
      s->shielded = FALSE;
      /* Somebody may have closed the GSocket meanwhile: then the number is
       * not ours to write to. */
      if (same_file (s->fd, st->inert))
        dup3 (s->placeholder, s->fd, O_CLOEXEC);
      /* The placeholder must not keep the port open by itself. */
      dup3 (st->inert, s->placeholder, O_CLOEXEC);
    }
}

static gboolean
on_sentinel (gpointer data)
{
  gsv_state *st = data;
  gsv_unshield (st);
  return G_SOURCE_REMOVE;
}

static void
shield (gsv_state *st)
{
  gboolean any = FALSE;
  guint i;

  if (!must_shield () || st->inert < 0)
    return;
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      if (!s->shielded && s->placeholder >= 0
          && dup3 (s->fd, s->placeholder, O_CLOEXEC) >= 0)
        s->shielded = dup3 (st->inert, s->fd, O_CLOEXEC) >= 0;
      any |= s->shielded;
    }
  if (!any)
    return;
  /* Sources of one priority run in the order they were attached: the cancelled
   * accept must be older. After stop, start, stop it is younger than the
   * sentinel of the first stop, so that one goes. */
  if (st->sentinel != NULL)
    {
      g_source_destroy (st->sentinel);
      g_source_unref (st->sentinel);
    }
  st->sentinel = g_idle_source_new ();
  g_source_set_priority (st->sentinel, G_PRIORITY_DEFAULT);
  g_source_set_callback (st->sentinel, on_sentinel, st, NULL);
  g_source_attach (st->sentinel, st->context);
}

/* Guard: looks at the listening sockets before GIO does, at priority -1. */
typedef struct {
  GSource source;
  gsv_state *st;
} guard_source;

enum { PLENTY = 8, PLENTY_US = 2000 };

/* low says whether the lowest free descriptor is within margin times a small
 * number of the limit as it is now. */
static gboolean
low (gsv_state *st, int margin)
{
  struct rlimit lim;
  int fd;
  rlim_t unit;

  if (st->socks->len == 0)
    return FALSE;
  fd = fcntl (((gsv_sock *) st->socks->pdata[0])->fd, F_DUPFD_CLOEXEC, 0);

  if (fd < 0)
    return TRUE;
  close (fd);
  if (getrlimit (RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur == RLIM_INFINITY)
    return FALSE;
  unit = MIN (32, lim.rlim_cur / 16);
  return (rlim_t) fd + margin * unit >= lim.rlim_cur;
}

static gboolean
guard_prepare (GSource *source, int *timeout)
{
  *timeout = -1;
  return FALSE;
}

static gboolean
guard_check (GSource *source)
{
  gsv_state *st = ((guard_source *) source)->st;
  gboolean readable = FALSE;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      readable |= (s->poll.events & s->poll.revents & G_IO_IN) != 0;
    }
  if (!readable)
    return FALSE;
  /* Eight times a client and no emission: accept fails (ENFILE, ENOBUFS). */
  if (++st->dry > 8)
    return TRUE;
  /* Three system calls a client would show; nobody opens hundreds of
   * descriptors in so little time. */
  if (g_get_monotonic_time () < st->fds_seen + PLENTY_US)
    return FALSE;
  if (low (st, 1))
    return TRUE;
  st->fds_seen = low (st, PLENTY) ? 0 : g_get_monotonic_time ();
  return FALSE;
}

static gboolean
guard_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((guard_source *) source)->st;
  gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs guard_funcs = { guard_prepare, guard_check, guard_dispatch,
                                    NULL, NULL, NULL };

static void
ensure_guard (gsv_state *st)
{
  guint i;

  if (st->guard != NULL || st->service == NULL || st->inert < 0)
    return;
  st->guard = g_source_new (&guard_funcs, sizeof (guard_source));
  ((guard_source *) st->guard)->st = st;
  g_source_set_priority (st->guard, G_PRIORITY_DEFAULT - 1);
  for (i = 0; i < st->socks->len; i++)
    g_source_add_poll (st->guard, &((gsv_sock *) st->socks->pdata[i])->poll);
  g_source_attach (st->guard, st->context);
}

/* The guard looks only while GIO does: a readable socket that nobody accepts
 * from would make the loop spin. */
static void
watch (gsv_state *st)
{
  gushort events = st->gactive && st->emitting == 0 ? G_IO_IN : 0;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    ((gsv_sock *) st->socks->pdata[i])->poll.events = events;
}

static gboolean
on_fd_timer (gpointer data)
{
  gsv_check_descriptors (data);
  return G_SOURCE_REMOVE;
}

static void
arm_fd_timer (gsv_state *st)
{
  if (st->fd_timer != NULL)
    {
      g_source_destroy (st->fd_timer);
      g_source_unref (st->fd_timer);
    }
  st->fd_timer = g_timeout_source_new (st->fd_wait);
  g_source_set_callback (st->fd_timer, on_fd_timer, st, NULL);
  g_source_attach (st->fd_timer, st->context);
  st->fd_wait = MIN (st->fd_wait * 2, 50);
}

void
gsv_check_descriptors (gsv_state *st)
{
  if (!(st->pauses & GSV_PAUSE_DESCRIPTORS) || st->closed)
    return;
  if (low (st, 2))
    arm_fd_timer (st);
  else
    gsv_pause (st, 0, GSV_PAUSE_DESCRIPTORS);
}

/* start_gio and stop_gio are the only places that tell GIO. */
static void
start_gio (gsv_state *st)
{
  ensure_guard (st);
  st->gactive = TRUE;
  st->dry = 0;
  st->toggling++;
  gsv_enter (st);
  g_socket_service_start (st->service);
  gsv_leave (st);
  st->toggling--;
  watch (st);
}

static void
stop_gio (gsv_state *st)
{
  st->gactive = FALSE;
  watch (st);
  /* Inside an emission the accept has been consumed: nothing to shield. */
  if (st->emitting == 0 && st->socks->len > 0)
    shield (st);
  st->toggling++;
  gsv_enter (st);
  g_socket_service_stop (st->service);
  gsv_leave (st);
  st->toggling--;
}

void
gsv_apply (gsv_state *st)
{
  gboolean want = st->wish && st->pauses == 0;

  if (st->service == NULL || st->closed || want == st->gactive)
    return;
  if (st->socks->len == 0)
    {
      /* Without a socket GIO's accept would never complete, not even when
       * cancelled: starting waits for the first socket, and a pause too, so
       * that the property "active" shows the wish. */
      if (!st->wish)
        stop_gio (st);
      return;
    }
  if (want)
    start_gio (st);
  else
    stop_gio (st);
}

/* The class handler of "changed": GIO calls it after every added socket. */
void
gsv_changed (gsv_state *st, void (*chain) (GSocketListener *))
{
  gboolean first = st->socks->len == 0;
  guint i;

  st->add->first = st->socks->len;
  st->add->count = st->add->pending->len;
  for (i = 0; i < st->add->pending->len; i++)
    gsv_commit (st, st->add->pending->pdata[i]);
  g_ptr_array_set_size (st->add->pending, 0);

  if (st->service == NULL)
    {
      if (st->accepting)
        {
          /* The accept that is outstanding does not know the new socket. */
          shield (st);
          g_cancellable_cancel (st->cancel);
        }
      else if (st->want_accept)
        gsv_accept (st);
      return;
    }
  if (st->gactive && !(st->wish && st->pauses == 0))
    stop_gio (st);
  if (st->gactive)
    {
      ensure_guard (st);
      /* The parent cancels the accept that is outstanding. */
      if (!first && st->emitting == 0)
        shield (st);
    }
  if (chain != NULL)
    chain (st->listener);
  gsv_apply (st);
  watch (st);
}

void
gsv_set_wish (gsv_state *st, int active)
{
  st->wish = active;
  gsv_apply (st);
}

void
gsv_pause (gsv_state *st, unsigned set, unsigned clear)
{
  unsigned before = st->pauses;

  if (st->closed)
    return;
  st->pauses = (st->pauses & ~clear) | set;
  if ((st->pauses ^ before) & GSV_PAUSE_DESCRIPTORS)
    {
      if (set & GSV_PAUSE_DESCRIPTORS)
        {
          st->fd_wait = 10;
          arm_fd_timer (st);
        }
      gsvGoDescriptors (st->id, (set & GSV_PAUSE_DESCRIPTORS) != 0);
    }
  gsv_apply (st);
}

/* Somebody called start or stop on the GObject itself: that is a wish too.
 * Our pauses hold all the same. */
int
gsv_adopt_active (gsv_state *st)
{
  gboolean active = g_socket_service_is_active (st->service);

  if (active != st->gactive && !st->closed)
    {
      st->gactive = st->wish = active;
      watch (st);
      gsv_apply (st);
    }
  return st->wish;
}

void
gsv_job_started (gsv_state *st)
{
  gboolean full;

  g_mutex_lock (&st->jobs_lock);
  full = ++st->jobs >= st->max_jobs && st->max_jobs > 0;
  g_mutex_unlock (&st->jobs_lock);
  if (full)
    gsv_pause (st, GSV_PAUSE_MAX_THREADS, 0);
}

unsigned
gsv_pauses (gsv_state *st)
{
  return st->pauses;
}

int
gsv_jobs_full (gsv_state *st)
{
  gboolean full;

  g_mutex_lock (&st->jobs_lock);
  full = st->max_jobs > 0 && st->jobs >= st->max_jobs;
  g_mutex_unlock (&st->jobs_lock);
  return full;
}

/* Emissions. */
void
gsv_enter_emission (gsv_state *st)
{
  if (st->emitting++ == 0)
    watch (st);
}

void
gsv_leave_emission (gsv_state *st)
{
  if (--st->emitting == 0)
    watch (st);
}

static gboolean
settle_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((guard_source *) source)->st;

  g_source_set_ready_time (source, -1);
  if (st->unsettled && st->emitting == 0)
    {
      st->unsettled = FALSE;
      gsvGoSettle (st->id);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs settle_funcs = { NULL, NULL, settle_dispatch,
                                     NULL, NULL, NULL };

/* A Go handler declined. Usually our class handler settles the matter; when a
 * C handler takes the client instead, only the next iteration tells. */
void
gsv_after_decline (gsv_state *st)
{
  if (st->settle == NULL)
    {
      st->settle = g_source_new (&settle_funcs, sizeof (guard_source));
      ((guard_source *) st->settle)->st = st;
      g_source_attach (st->settle, st->context);
    }
  if (!st->unsettled)
    {
      st->unsettled = TRUE;
      g_source_set_ready_time (st->settle, 0);
    }
}

/* Sweep: after one emission, take what else is waiting, round-robin over the
 * sockets: the second one isn't starved, and a client costs a third of GIO's
 * way through the main loop. */
enum { SWEEP_MAX = 32, SWEEP_TURN = 4, SWEEP_US = 2000 };

/* sweep_one accepts from the i-th socket; FALSE when nothing is left there. */
static gboolean
sweep_one (gsv_state *st, unsigned i, guint signal, GQuark source_quark)
{
  gsv_sock *s = st->socks->pdata[i];
  GObject *source = g_object_get_qdata (G_OBJECT (s->socket), source_quark);
  GSocket *socket;
  gsv_incoming in;
  GError *error = NULL;
  gboolean handled = FALSE;
  socklen_t len = sizeof in.peer;
  int fd = accept4 (s->fd, (struct sockaddr *) in.peer, &len,
                    SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    {
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
          || errno == ENOBUFS)
        gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
      return FALSE;
    }
  socket = g_socket_new_from_fd (fd, &error);
  if (socket == NULL)
    {
      g_clear_error (&error);
      close (fd);
      return TRUE;
    }
  in.connection = g_socket_connection_factory_create_connection (socket);
  g_object_unref (socket);
  in.sock = (int) i;
  in.peer_len = len <= sizeof in.peer ? (int) len : -1;
  if (source != NULL)
    g_object_ref (source);
  st->swept = &in;
  g_signal_emit (st->service, signal, 0, in.connection, source, &handled);
  st->swept = NULL;
  if (source != NULL)
    g_object_unref (source);
  g_object_unref (in.connection);
  return TRUE;
}

/* Before each client: any handler may have stopped or closed the service. */
static gboolean
may_sweep (gsv_state *st, gint64 end)
{
  return !st->closed && st->wish && st->pauses == 0
         && g_get_monotonic_time () < end;
}

void
gsv_sweep (gsv_state *st)
{
  static guint signal;
  static GQuark source_quark;
  gint64 end;
  int n = 0;

  if (st->sweeping || st->closed)
    return;
  if (signal == 0)
    {
      signal = g_signal_lookup ("incoming", G_TYPE_SOCKET_SERVICE);
      source_quark = g_quark_from_static_string ("g-socket-listener-source");
    }
  st->sweeping = TRUE;
  end = g_get_monotonic_time () + SWEEP_US;
  while (n < SWEEP_MAX && may_sweep (st, end))
    {
      struct pollfd fds[16];
      unsigned i, total = st->socks->len;
      unsigned len = MIN (total, G_N_ELEMENTS (fds));
      int before = n;

      for (i = 0; i < len; i++)
        {
          gsv_sock *s = st->socks->pdata[(st->next + i) % total];
          fds[i].fd = s->shielded ? -1 : s->fd;
          fds[i].events = POLLIN;
          fds[i].revents = 0;
        }
      if (poll (fds, len, 0) <= 0)
        break;
      for (i = 0; i < len; i++)
        {
          int turn;
          if (!(fds[i].revents & POLLIN))
            continue;
          for (turn = 0; turn < SWEEP_TURN; turn++)
            {
              unsigned k = (st->next + i) % total;
              /* Sockets are only ever added, but one may be shielded now. */
              if (!may_sweep (st, end)
                  || ((gsv_sock *) st->socks->pdata[k])->shielded)
                goto out;
              if (!sweep_one (st, k, signal, source_quark))
                break;
              n++;
            }
        }
      st->next++;
      if (n == before)
        break;
    }
out:
  st->sweeping = FALSE;
}

/* The one accept of a plain listener. */
static void
on_accepted (GObject *object, GAsyncResult *result, gpointer data)
{
  gsv_state *st = data;
  GObject *source = NULL;
  gsv_error err = { NULL, 0 };
  gsv_incoming in;
  GSocketConnection *connection;

  st->accepting = FALSE;
  connection = g_socket_listener_accept_finish (st->listener, result, &source,
                                                &err.error);
  err.sys_errno = errno;
  if (connection != NULL)
    {
      gsv_fill (st, &in, connection, source);
      gsvGoAccepted (st->id, &in, NULL); /* Go keeps the reference */
      return;
    }
  if (g_error_matches (err.error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      && !st->closed)
    {
      g_cancellable_reset (st->cancel);
      gsv_accept (st);
    }
  else
    gsvGoAccepted (st->id, NULL, &err);
  g_clear_error (&err.error);
}

/* accept keeps at most one outstanding; without a socket it waits for one. */
void
gsv_accept (gsv_state *st)
{
  if (st->accepting || st->closed)
    return;
  st->want_accept = st->socks->len == 0;
  if (st->want_accept)
    return;
  st->accepting = TRUE;
  gsv_enter (st);
  g_socket_listener_accept_async (st->listener, st->cancel, on_accepted, st);
  gsv_leave (st);
}

void
gsv_stop_sources (gsv_state *st)
{
  GSource **all[] = { &st->guard, &st->settle, &st->fd_timer };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (all); i++)
    if (*all[i] != NULL)
      {
        g_source_destroy (*all[i]);
        g_source_unref (*all[i]);
        *all[i] = NULL;
      }
}
