/* Running out of descriptors: looked at before accept(2) would fail, and GIO
 * would log and try again without end. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_CHECKS = 8, PLENTY = 8, PLENTY_US = 2000 };

/* Tells whether the lowest free descriptor is within margin times a small
 * number of the limit as it is now. */
gboolean
gsv_descriptors_low (gsv_state *st, int margin)
{
  struct rlimit lim;
  int fd;
  rlim_t unit;

  if (st->socks->len == 0)
    return FALSE;
  fd = fcntl (st->dummy >= 0 ? st->dummy : gsv_sock_fd (st, 0),
              F_DUPFD_CLOEXEC, 0);
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
fdwatch_check (GSource *source)
{
  gsv_state *st = ((gsv_source *) source)->st;
  gboolean readable = FALSE;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      if (!(s->poll.events & s->poll.revents & G_IO_IN))
        continue;
      readable = TRUE;
      /* GIO's accept comes next. */
      gsv_ensure_nonblock (gsv_sock_fd (st, (int) i));
    }
  if (!readable)
    return FALSE;
  /* So many times a client and no emission: accept fails (ENFILE, ENOBUFS), or
   * others take the clients of a socket that is shared with them. */
  if (g_atomic_int_add (&st->checks_without_accept, 1) >= MAX_CHECKS)
    return TRUE;
  /* Three system calls a client would show; nobody opens hundreds of
   * descriptors in so little time. */
  if (g_get_monotonic_time () < st->fds_seen + PLENTY_US)
    return FALSE;
  if (gsv_descriptors_low (st, 1))
    return TRUE;
  st->fds_seen = gsv_descriptors_low (st, PLENTY) ? 0 : g_get_monotonic_time ();
  return FALSE;
}

/* The library's own accept says what is the matter. No accept of GIO's is about
 * to run: this source's priority is above theirs. */
static gboolean
fdwatch_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;

  /* Why the check said yes is not asked for again: another thread that stops the
   * service sets the count to zero at any moment. */
  if (!gsv_descriptors_low (st, 1))
    {
      g_atomic_int_set (&st->checks_without_accept, 0);
      st->accept_errno = 0;
      gsv_accept_batch (st);
      if (st->closed || st->accept_errno == 0)
        return G_SOURCE_CONTINUE;
    }
  gsvGoDescriptorsShort (st->id);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs fdwatch_funcs = { NULL, fdwatch_check,
                                      fdwatch_dispatch, NULL, NULL, NULL };

/* Made with the first socket; gsv_commit adds those that come later. */
void
gsv_fdwatch_attach (gsv_state *st)
{
  guint i;

  if (st->fdwatch != NULL || st->service == NULL || st->dummy < 0)
    return;
  st->fdwatch
      = gsv_source_attach (st, &fdwatch_funcs, G_PRIORITY_DEFAULT - 1);
  for (i = 0; i < st->socks->len; i++)
    g_source_add_poll (st->fdwatch, &((gsv_sock *) st->socks->pdata[i])->poll);
}

/* It takes the clients that wait to see whether accept works again: GIO would
 * log each time that it does not. */
int
gsv_descriptors_short (gsv_state *st)
{
  if (st->closed)
    return FALSE;
  if (gsv_descriptors_low (st, 2) || st->emitting > 0 || st->in_batch)
    return TRUE;
  st->accept_errno = 0;
  st->probing = TRUE;
  st->halted = FALSE;
  gsv_enter (st);
  gsv_accept_batch (st);
  gsv_leave (st);
  st->probing = FALSE;
  return st->accept_errno != 0;
}
