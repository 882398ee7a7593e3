/* When a service accepts: the user's wish and the library's own pauses. */
#include "state.h"

#include "_cgo_export.h"

/* start_gio and stop_gio are the only places that tell GIO. */
static void
start_gio (gsv_state *st)
{
  gsv_ensure_guard (st);
  st->gactive = TRUE;
  st->dry = 0;
  st->toggling++;
  gsv_enter (st);
  g_socket_service_start (st->service);
  gsv_leave (st);
  st->toggling--;
  gsv_watch (st);
}

static void
stop_gio (gsv_state *st)
{
  st->gactive = FALSE;
  gsv_watch (st);
  /* Inside an emission the accept has been consumed: nothing to shield. */
  if (st->emitting == 0 && st->socks->len > 0)
    gsv_shield (st);
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
          gsv_shield (st);
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
      gsv_ensure_guard (st);
      /* The parent cancels the accept that is outstanding. */
      if (!first && st->emitting == 0)
        gsv_shield (st);
    }
  if (chain != NULL)
    chain (st->listener);
  gsv_apply (st);
  gsv_watch (st);
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
          gsv_arm_fd_timer (st);
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
      gsv_watch (st);
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
