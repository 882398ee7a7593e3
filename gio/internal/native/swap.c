/* Swapping listening sockets for a dummy, so that GIO's accept finds nothing.
 *
 * A GSocket always has the same descriptor number, and the main loop polls that
 * number. While the dummy, one end of a socketpair that nobody writes to, sits
 * there, GIO neither sees nor accepts clients, and nothing of it shows: not in
 * the property "active", not in the GSocket. The listening socket itself waits
 * at the spare number, where the library's own accepts take from. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Before GLib 2.85.3 a cancelled accept still calls accept(2) and then drops the
 * client. */
static gboolean
cancel_accepts (void)
{
  static int answer = -1;
  if (answer < 0)
    answer = glib_check_version (2, 85, 3) != NULL;
  return answer;
}

/* The dummy is made with the first address, so that a swap needs no descriptor. */
gboolean
gsv_have_dummy (gsv_state *st)
{
  int pair[2];

  if (st->dummy >= 0)
    return TRUE;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)
      != 0)
    return FALSE;
  st->dummy = pair[0];
  st->dummy_peer = pair[1];
  return TRUE;
}

static gboolean
same_file (int a, int b)
{
  struct stat sa, sb;
  return fstat (a, &sa) == 0 && fstat (b, &sb) == 0 && sa.st_ino == sb.st_ino
         && sa.st_dev == sb.st_dev;
}

/* restore_limit sets the limit from ours to the user's, and to what they set in
 * that very moment instead: each call tells what it replaced. */
static void
restore_limit (struct rlimit theirs, struct rlimit ours)
{
  struct rlimit before;
  int tries;

  for (tries = 0; tries < 100; tries++)
    {
      if (prlimit (0, RLIMIT_NOFILE, &theirs, &before) != 0
          || (before.rlim_cur == ours.rlim_cur
              && before.rlim_max == ours.rlim_max))
        return;
      ours = theirs;
      theirs = before;
    }
}

/* put is dup3, which refuses a number that is not below the soft limit of
 * descriptors, although it is open: then somebody lowered the limit later. For
 * this one call it is lifted, under a lock, so that no other loop takes the
 * lifted one for the user's. */
static int
put (int from, int to)
{
  static GMutex lock;
  struct rlimit was, lifted;
  int result = dup3 (from, to, O_CLOEXEC);

  if (result >= 0 || errno != EBADF)
    return result;
  g_mutex_lock (&lock);
  if (getrlimit (RLIMIT_NOFILE, &was) == 0 && (rlim_t) to >= was.rlim_cur
      && (rlim_t) to < was.rlim_max)
    {
      lifted = was;
      lifted.rlim_cur = (rlim_t) to + 1;
      /* What it was may have changed since it was asked for. */
      if (prlimit (0, RLIMIT_NOFILE, &lifted, &was) == 0)
        {
          result = dup3 (from, to, O_CLOEXEC);
          restore_limit (was, lifted);
        }
    }
  else
    /* Another loop had lifted it, or it was raised again. */
    result = dup3 (from, to, O_CLOEXEC);
  g_mutex_unlock (&lock);
  return result;
}

/* move has EINTR and EBUSY to get past too; onto an open number there is no other
 * reason to fail, but what follows must not happen if it does. */
static gboolean
move (int from, int to)
{
  int tries;

  for (tries = 0; tries < 100; tries++)
    if (put (from, to) >= 0)
      return TRUE;
  return FALSE;
}

static void
swap_out (gsv_state *st, gsv_sock *s)
{
  /* By others: the number may be another file's. */
  if (g_socket_is_closed (s->socket))
    return;
  if (s->spare < 0) /* there was no descriptor when it was added */
    s->spare = fcntl (st->dummy, F_DUPFD_CLOEXEC, 3);
  if (s->spare >= 0 && move (s->fd, s->spare))
    s->out = move (st->dummy, s->fd);
}

static void
swap_in (gsv_state *st, gsv_sock *s)
{
  /* Somebody may have closed the GSocket meanwhile: then the number is not ours
   * to write to. */
  if (same_file (s->fd, st->dummy) && !move (s->spare, s->fd))
    return; /* the next time */
  s->out = FALSE;
  /* The spare must not keep the port open by itself. */
  move (st->dummy, s->spare);
}

/* A service's GIO gets no socket of Multipath TCP from the start: its accept could
 * wait there, on the loop. */
static gboolean
never_gio (gsv_state *st, gsv_sock *s)
{
  return s->mptcp && st->service != NULL && !st->closed;
}

/* swap has the sockets be where they should be. */
void
gsv_swap (gsv_state *st)
{
  guint i;

  if (st->dummy < 0)
    return;
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      gboolean out = st->out != 0 || never_gio (st, s);

      if (out && !s->out)
        swap_out (st, s);
      else if (!out && s->out)
        swap_in (st, s);
    }
}

static gboolean
on_swap_in (gpointer data)
{
  gsv_state *st = data;

  gsv_source_end (&st->swap_in);
  st->out &= ~GSV_OUT_CANCELLED;
  gsv_swap (st);
  return G_SOURCE_REMOVE;
}

/* For whoever is about to have GIO's accept cancelled, or has just done so on the
 * loop's thread: the sockets are out while it is dispatched.
 *
 * Sources of one priority run in the order in which they were attached: the
 * cancelled accept must be older. After stop, start, stop it is younger than the
 * source of the first stop, so that one goes. */
void
gsv_swap_for_cancel (gsv_state *st)
{
  if (!cancel_accepts () || st->dummy < 0 || st->socks->len == 0)
    return;
  st->out |= GSV_OUT_CANCELLED;
  gsv_swap (st);
  gsv_source_end (&st->swap_in);
  st->swap_in = g_idle_source_new ();
  g_source_set_priority (st->swap_in, G_PRIORITY_DEFAULT);
  g_source_set_callback (st->swap_in, on_swap_in, st, NULL);
  g_source_attach (st->swap_in, st->context);
}

/* The end: everything is where it was, and no number of ours is left. */
void
gsv_swap_end (gsv_state *st)
{
  guint i;

  gsv_source_end (&st->swap_in);
  st->out = st->wanted_out = 0;
  gsv_swap (st);
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      if (s->spare >= 0)
        close (s->spare);
      s->spare = -1;
    }
  /* Not with the object, which others may hold for good. */
  if (st->dummy >= 0)
    {
      close (st->dummy);
      close (st->dummy_peer);
      st->dummy = st->dummy_peer = -1;
    }
}
