/* The lane: clients of Serve on their way to Go. */
#include "state.h"

#include "_cgo_export.h"

#include <string.h>
#include <unistd.h>

struct gsv_lane {
  gatomicrefcount refs;
  GMutex lock;      /* protects what follows */
  gboolean on;
  gboolean waiting; /* Go found nothing and waits for the event */
  int event_fd;     /* Go's; valid while on */
  GArray *queue;    /* gsv_incoming, each with one reference */
};

gsv_lane *
gsv_lane_new (int event_fd)
{
  gsv_lane *lane = g_new0 (gsv_lane, 1);

  g_atomic_ref_count_init (&lane->refs);
  g_mutex_init (&lane->lock);
  lane->on = TRUE;
  lane->event_fd = event_fd;
  lane->queue = g_array_sized_new (FALSE, FALSE, sizeof (gsv_incoming), 64);
  return lane;
}

void
gsv_lane_unref (gsv_lane *lane)
{
  if (!g_atomic_ref_count_dec (&lane->refs))
    return;
  g_array_unref (lane->queue); /* Go has taken all there was */
  g_mutex_clear (&lane->lock);
  g_free (lane);
}

void
gsv_lane_attach (gsv_state *st, gsv_lane *lane)
{
  if (lane != NULL)
    g_atomic_ref_count_inc (&lane->refs);
  if (st->lane != NULL)
    gsv_lane_unref (st->lane);
  st->lane = lane;
}

void
gsv_lane_off (gsv_lane *lane)
{
  g_mutex_lock (&lane->lock);
  lane->on = FALSE;
  g_mutex_unlock (&lane->lock);
}

void
gsv_lane_budget (gsv_state *st, int budget)
{
  st->lane_budget = budget;
}

uint64_t
gsv_lane_pushed (gsv_state *st)
{
  return __atomic_load_n (&st->lane_pushed, __ATOMIC_ACQUIRE);
}

/* A rush: so many clients in so little time that Go had better accept. */
enum { RUSH = 64, RUSH_US = 64000 };

static void
look_for_rush (gsv_state *st)
{
  gint64 now;

  if (++st->rush < RUSH)
    return;
  now = g_get_monotonic_time ();
  if (now - st->rush_since < RUSH_US)
    gsvGoRush (st->id);
  st->rush = 0;
  st->rush_since = now;
}

gboolean
gsv_lane_push (gsv_state *st, GSocketConnection *connection, GObject *source)
{
  gsv_lane *lane = st->lane;
  gsv_incoming in;
  gboolean on;

  if (lane == NULL || st->lane_budget == 0)
    return FALSE;
  gsv_fill (st, &in, connection, source);
  st->dry = 0;
  g_mutex_lock (&lane->lock);
  on = lane->on;
  if (on)
    {
      g_object_ref (connection);
      if (source != NULL)
        g_object_ref (source);
      /* Before Go can take it: what it has taken is never more than this. */
      __atomic_add_fetch (&st->lane_pushed, 1, __ATOMIC_RELEASE);
      g_array_append_val (lane->queue, in);
      if (lane->waiting)
        {
          uint64_t one = 1;
          lane->waiting = FALSE;
          if (write (lane->event_fd, &one, sizeof one) < 0)
            g_debug ("cannot write to an eventfd");
        }
    }
  g_mutex_unlock (&lane->lock);
  if (on)
    {
      look_for_rush (st);
      if (st->lane_budget > 0 && --st->lane_budget == 0)
        {
          gsv_pause (st, GSV_PAUSE_MAX_CONNS, 0);
          gsvGoFull (st->id); /* one may have been closed meanwhile */
        }
    }
  return on;
}

/* take hands the references over: to the connection, and to the source if
 * there is one. */
int
gsv_lane_take (gsv_lane *lane, gsv_incoming *out, int max)
{
  int n;

  g_mutex_lock (&lane->lock);
  n = MIN ((int) lane->queue->len, max);
  if (n > 0)
    {
      memcpy (out, lane->queue->data, n * sizeof *out);
      g_array_remove_range (lane->queue, 0, n);
    }
  else
    lane->waiting = TRUE;
  g_mutex_unlock (&lane->lock);
  return n;
}
