/* The property "active", which is the user's alone, and keeping GIO from accepting,
 * which never touches that property: a pause of the library's own does not show. */
#include "state.h"

#include "_cgo_export.h"

#include <fcntl.h>
#include <unistd.h>

/* GIO's accept waits for the sockets that there are when it begins, and without
 * any it never ends, not even when cancelled: a service that was started before
 * its first address would never accept. So it gets a socket that no client comes
 * to. */
void
gsv_expect_start (gsv_state *st)
{
  GSocket *socket;
  int fd;

  if (st->closed || st->service == NULL || st->socks->len > 0 || st->idle_sock
      || !gsv_have_dummy (st))
    return;
  fd = fcntl (st->dummy, F_DUPFD_CLOEXEC, 3);
  if (fd < 0)
    return;
  socket = g_socket_new_from_fd (fd, NULL);
  if (socket == NULL)
    return; /* which has closed fd */
  g_socket_set_blocking (socket, FALSE);
  gsv_enter (st);
  st->idle_sock = g_socket_listener_add_socket (st->listener, socket, NULL, NULL);
  gsv_leave (st);
  g_object_unref (socket);
}

int
gsv_is_active (gsv_state *st)
{
  return st->service != NULL && g_socket_service_is_active (st->service);
}

void
gsv_set_active (gsv_state *st, int active)
{
  if (st->closed || st->service == NULL || gsv_is_active (st) == active)
    return;
  gsv_expect_start (st);
  gsv_swap_for_cancel (st);
  gsv_enter (st);
  if (active)
    g_socket_service_start (st->service);
  else
    g_socket_service_stop (st->service);
  gsv_leave (st);
}

/* Whoever calls start or stop, or sets the property: Go, gotk4, C, a binding. It
 * is the first handler of the signal, so the others find Go knowing. */
static void
on_notify_active (GObject *object, GParamSpec *pspec, gpointer data)
{
  gsv_state *st = data;
  gboolean active = g_socket_service_is_active (st->service);

  if (st->closed)
    {
      /* The accept that this began would fail and begin again, for ever. */
      if (active)
        g_socket_service_stop (st->service);
      return;
    }
  /* A client whose accept was cancelled is no sign that accept fails. */
  g_atomic_int_set (&st->checks_without_accept, 0);
  if (g_main_context_is_owner (st->context))
    {
      gsv_swap_for_cancel (st);
      gsv_watch (st);
    }
  else if (active)
    g_atomic_int_set (&st->strayed, TRUE);
  gsvGoActiveChanged (st->id, active);
}

void
gsv_connect_active (gsv_state *st)
{
  g_signal_connect (st->service, "notify::active",
                    G_CALLBACK (on_notify_active), st);
}

/* An accept of GIO's that is ready, and waits for its turn in this iteration,
 * would fail on the dummy, and GIO logs that. Sources of this priority are
 * dispatched in an iteration in which no accept of GIO's is. */
enum { PAUSE_PRIORITY = G_PRIORITY_DEFAULT - 1 };

static void
swap_out_now (gsv_state *st)
{
  st->out |= st->wanted_out;
  gsv_swap (st);
  gsv_watch (st);
}

static gboolean
pause_idle_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;

  g_source_set_ready_time (st->pause_point, 0);
  gsv_source_end (&st->pause_idle);
  return G_SOURCE_REMOVE;
}

static GSourceFuncs pause_idle_funcs = { NULL, NULL, pause_idle_dispatch,
                                         NULL, NULL, NULL };

static gboolean
pause_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;
  gboolean waited = st->pause_waited;

  g_source_set_ready_time (source, -1);
  st->pause_waited = FALSE;
  if ((st->wanted_out & ~st->out) == 0)
    return G_SOURCE_CONTINUE;
  /* In a main loop inside of a dispatch, an accept may still be ready from the
   * loop outside. It has its turn before a source that is made now. */
  if (g_main_depth () > 1 && !waited)
    {
      st->pause_waited = TRUE;
      gsv_source_end (&st->pause_idle);
      st->pause_idle
          = gsv_source_attach (st, &pause_idle_funcs, G_PRIORITY_DEFAULT);
      g_source_set_ready_time (st->pause_idle, 0);
      return G_SOURCE_CONTINUE;
    }
  swap_out_now (st);
  gsvGoPaused (st->id);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs pause_funcs = { NULL, NULL, pause_dispatch,
                                    NULL, NULL, NULL };

/* Swaps the sockets out, at once where that can't be in the way of an accept. */
void
gsv_swap_out_soon (gsv_state *st, unsigned reason)
{
  st->wanted_out |= reason;
  /* Outside of every dispatch no accept is about to run; and where the dummy sits
   * already none finds anything else. */
  if (g_main_depth () == 0 || st->out != 0 || st->socks->len == 0)
    {
      swap_out_now (st);
      return;
    }
  if (st->pause_point == NULL)
    st->pause_point = gsv_source_attach (st, &pause_funcs, PAUSE_PRIORITY);
  g_source_set_ready_time (st->pause_point, 0);
}

int
gsv_pause (gsv_state *st)
{
  if (st->closed || st->service == NULL)
    return TRUE;
  st->paused = TRUE;
  if (!(st->out & GSV_OUT_PAUSED))
    gsv_swap_out_soon (st, GSV_OUT_PAUSED);
  gsv_watch (st);
  return (st->out & GSV_OUT_PAUSED) != 0;
}

void
gsv_resume (gsv_state *st)
{
  st->paused = FALSE;
  st->halted = FALSE;
  st->wanted_out &= ~GSV_OUT_PAUSED;
  st->out &= ~GSV_OUT_PAUSED;
  if (st->closed)
    return;
  if (st->changed_later != NULL)
    {
      void (*changed) (GSocketListener *) = st->changed_later;

      st->changed_later = NULL;
      if (g_socket_service_is_active (st->service))
        gsv_swap_for_cancel (st);
      changed (st->listener); /* cancels the accept that is outstanding */
    }
  gsv_swap (st);
  gsv_watch (st);
}

/* The first handler of "incoming": another one, also of other code, may take the
 * client before anything else of ours is asked. */
gboolean
gsv_on_any_incoming (GSocketService *service, GSocketConnection *connection,
                 GObject *source, gpointer data)
{
  gsv_state *st = data;

  g_atomic_int_set (&st->checks_without_accept, 0);
  if (connection != st->offered) /* that one came, and was counted, before */
    __atomic_fetch_add (&st->accepted_count, 1, __ATOMIC_RELAXED);
  return FALSE;
}

void
gsv_connect_any_incoming (gsv_state *st)
{
  g_signal_connect (st->service, "incoming", G_CALLBACK (gsv_on_any_incoming), st);
}

void
gsv_expose (gsv_state *st)
{
  if (st->service == NULL || st->closed)
    return;
  gsv_expect_start (st); /* they may start it before the first address */
}
