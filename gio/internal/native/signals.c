/* The trampolines between signals and Go. */
#include "state.h"

#include "_cgo_export.h"

#include <string.h>

/* Signal handlers connected from Go. */
typedef struct {
  gsv_state *st;
  uint64_t id;
  uint64_t handler;
} closure_data;

static void
closure_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection,
             GObject *source, gpointer data)
{
  closure_data *c = data;
  gsv_state *st = c->st;
  gboolean handled;

  if (st->id == 0)
    return FALSE;
  gsv_enter_emission (st);
  handled = (gsv_deliver (st, c->handler, connection, source) & GSV_HANDLED) != 0;
  if (handled)
    gsv_sweep (st); /* the emission ends here: our class handler won't run */
  else
    gsv_after_decline (st);
  gsv_leave_emission (st);
  return handled;
}

static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection,
        GObject *source, gpointer data)
{
  closure_data *c = data;

  return (gsvGoRun (c->id, c->handler, connection) & GSV_HANDLED) != 0;
}

static void
on_listener_event (GSocketListener *listener, GSocketListenerEvent event,
                   GSocket *socket, gpointer data)
{
  closure_data *c = data;
  gsvGoEvent (c->id, c->handler, (int) event, g_socket_get_fd (socket));
}

static void
on_notify_active (GObject *object, GParamSpec *pspec, gpointer data)
{
  gsv_state *st = data;

  /* Only what others do: start and stop called on the GObject itself. */
  if (st->id == 0 || (g_main_context_is_owner (st->context) && st->toggling))
    return;
  gsvGoForeignActive (st->id);
}

static void
on_notify_backlog (GObject *object, GParamSpec *pspec, gpointer data)
{
  closure_data *c = data;

  if (c->st->id != 0)
    gsvGoNotify (c->id, c->handler);
}

void
gsv_connect_active (gsv_state *st)
{
  g_signal_connect (st->listener, "notify::active",
                    G_CALLBACK (on_notify_active), st);
}

unsigned long
gsv_connect (gsv_state *st, const char *signal, uint64_t handler)
{
  closure_data *c = g_new0 (closure_data, 1);
  GCallback f = NULL;

  c->st = st;
  c->id = st->id;
  c->handler = handler;
  if (strcmp (signal, "incoming") == 0)
    f = G_CALLBACK (on_incoming);
  else if (strcmp (signal, "run") == 0)
    f = G_CALLBACK (on_run);
  else if (strcmp (signal, "event") == 0)
    f = G_CALLBACK (on_listener_event);
  else
    f = G_CALLBACK (on_notify_backlog);
  return g_signal_connect_data (st->listener, signal, f, c, closure_free, 0);
}

/* Once others hold the GObject they may take clients before any handler of
 * ours is asked: the guard has to hear of those, too. */
static gboolean
on_any_incoming (GSocketService *service, GSocketConnection *connection,
                 GObject *source, gpointer data)
{
  ((gsv_state *) data)->dry = 0;
  return FALSE;
}

void
gsv_expect_foreign (gsv_state *st)
{
  if (st->service != NULL)
    g_signal_connect (st->service, "incoming", G_CALLBACK (on_any_incoming),
                      st);
}

void
gsv_disconnect (gsv_state *st, unsigned long id)
{
  if (g_signal_handler_is_connected (st->listener, id))
    g_signal_handler_disconnect (st->listener, id);
}
