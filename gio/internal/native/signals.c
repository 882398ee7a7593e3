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
    gsv_accept_batch (st); /* it ends here: our class handler won't run */
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
on_notify_backlog (GObject *object, GParamSpec *pspec, gpointer data)
{
  closure_data *c = data;

  if (c->st->id != 0)
    gsvGoNotify (c->id, c->handler);
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

/* Handlers of "incoming" that are not this library's. */
int
gsv_others_listen (gsv_state *st)
{
  guint signal = g_signal_lookup ("incoming", G_TYPE_SOCKET_SERVICE);
  gulong found;

  if (st->closed || st->service == NULL)
    return FALSE;
  g_signal_handlers_block_by_func (st->service, gsv_on_any_incoming, st);
  g_signal_handlers_block_matched (st->service, G_SIGNAL_MATCH_FUNC, 0, 0, NULL,
                                   on_incoming, NULL);
  found = g_signal_handler_find (st->service,
                                 G_SIGNAL_MATCH_ID | G_SIGNAL_MATCH_UNBLOCKED,
                                 signal, 0, NULL, NULL, NULL);
  g_signal_handlers_unblock_matched (st->service, G_SIGNAL_MATCH_FUNC, 0, 0,
                                     NULL, on_incoming, NULL);
  g_signal_handlers_unblock_by_func (st->service, gsv_on_any_incoming, st);
  return found != 0;
}

void
gsv_disconnect (gsv_state *st, unsigned long id)
{
  if (g_signal_handler_is_connected (st->listener, id))
    g_signal_handler_disconnect (st->listener, id);
}

/* Others may have disconnected a handler: all of a kind, by its function. */
void
gsv_block (gsv_state *st, unsigned long id)
{
  if (id != 0 && g_signal_handler_is_connected (st->listener, id))
    g_signal_handler_block (st->listener, id);
}

void
gsv_unblock (gsv_state *st, unsigned long id)
{
  if (id != 0 && g_signal_handler_is_connected (st->listener, id))
    g_signal_handler_unblock (st->listener, id);
}
