/* Running out of descriptors: looked at before accept(2) would fail. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Guard: looks at the listening sockets before GIO does, at priority -1. */
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
  st->fd_limit = 0;
  if (getrlimit (RLIMIT_NOFILE, &lim) != 0 || lim.rlim_cur == RLIM_INFINITY)
    return FALSE;
  unit = MIN (32, lim.rlim_cur / 16);
  st->fd_limit = lim.rlim_cur - unit;
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
  gsv_state *st = ((gsv_source *) source)->st;
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
  gsv_state *st = ((gsv_source *) source)->st;
  gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs guard_funcs = { guard_prepare, guard_check, guard_dispatch,
                                    NULL, NULL, NULL };

void
gsv_ensure_guard (gsv_state *st)
{
  guint i;

  if (st->guard != NULL || st->service == NULL || st->inert < 0)
    return;
  st->guard = g_source_new (&guard_funcs, sizeof (gsv_source));
  ((gsv_source *) st->guard)->st = st;
  g_source_set_priority (st->guard, G_PRIORITY_DEFAULT - 1);
  for (i = 0; i < st->socks->len; i++)
    g_source_add_poll (st->guard, &((gsv_sock *) st->socks->pdata[i])->poll);
  g_source_attach (st->guard, st->context);
}

/* The guard looks only while GIO does: a readable socket that nobody accepts
 * from would make the loop spin. */
void
gsv_watch (gsv_state *st)
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

void
gsv_arm_fd_timer (gsv_state *st)
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

/* probe takes the clients that wait, and says whether accept works again. GIO
 * would log each time that it does not. */
static gboolean
probe (gsv_state *st)
{
  if (st->emitting > 0 || st->sweeping)
    return FALSE;
  st->accept_errno = 0;
  st->probing = TRUE;
  gsv_enter (st);
  gsv_sweep (st);
  gsv_leave (st);
  st->probing = FALSE;
  return st->accept_errno == 0;
}

void
gsv_check_descriptors (gsv_state *st)
{
  gboolean wait;

  if (!(st->pauses & GSV_PAUSE_DESCRIPTORS) || st->closed)
    return;
  wait = low (st, 2) || !probe (st);
  if (st->closed) /* by a handler */
    return;
  if (wait)
    gsv_arm_fd_timer (st);
  else
    gsv_pause (st, 0, GSV_PAUSE_DESCRIPTORS);
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
