/* Stopping without losing a client that waits. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
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

/* give_back sets the limit from ours to the user's, and to what they set in that
 * very moment instead: each call tells what it replaced. */
static void
give_back (struct rlimit theirs, struct rlimit ours)
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
          give_back (was, lifted);
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
      /* Somebody may have closed the GSocket meanwhile: then the number is
       * not ours to write to. */
      if (same_file (s->fd, st->inert) && !move (s->placeholder, s->fd))
        continue; /* the next time */
      s->shielded = FALSE;
      /* The placeholder must not keep the port open by itself. */
      move (st->inert, s->placeholder);
    }
}

static gboolean
on_sentinel (gpointer data)
{
  gsv_state *st = data;
  gsv_unshield (st);
  return G_SOURCE_REMOVE;
}

void
gsv_shield (gsv_state *st)
{
  gboolean any = FALSE;
  guint i;

  if (!must_shield () || st->inert < 0)
    return;
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      if (!s->shielded && s->placeholder >= 0 && move (s->fd, s->placeholder))
        s->shielded = move (st->inert, s->fd);
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
