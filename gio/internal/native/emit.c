/* One emission of "incoming": what Go is told, how it ends, and emissions of the
 * library's own. */
#include "state.h"

#include "_cgo_export.h"

#include <string.h>

void
gsv_enter_emission (gsv_state *st)
{
  if (st->emitting++ == 0)
    gsv_watch (st);
}

void
gsv_leave_emission (gsv_state *st)
{
  if (--st->emitting == 0)
    gsv_watch (st);
}

static gboolean
finish_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;

  g_source_set_ready_time (source, -1);
  if (st->outcome_pending && st->emitting == 0)
    {
      st->outcome_pending = FALSE;
      gsvGoFinishEmission (st->id);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs finish_funcs = { NULL, NULL, finish_dispatch,
                                     NULL, NULL, NULL };

/* A Go handler declined. Usually our class handler tells how the emission ended;
 * when a C handler takes the client instead, only the next iteration does. */
void
gsv_after_decline (gsv_state *st)
{
  if (st->finish_emission == NULL)
    st->finish_emission
        = gsv_source_attach (st, &finish_funcs, G_PRIORITY_DEFAULT);
  if (!st->outcome_pending)
    {
      st->outcome_pending = TRUE;
      g_source_set_ready_time (st->finish_emission, 0);
    }
}

void
gsv_fill (gsv_state *st, gsv_incoming *in, GSocketConnection *connection,
          GObject *source)
{
  const gsv_incoming *known = st->accepted;

  in->connection = connection;
  in->source = source;
  in->source_id = gsv_source_id (source);
  in->socket = g_socket_connection_get_socket (connection);
  in->fd = g_socket_get_fd (in->socket);
  if (known != NULL && known->connection == connection)
    {
      in->sock = known->sock;
      in->peer_len = known->peer_len;
      memcpy (in->peer, known->peer, sizeof in->peer);
    }
  else
    {
      socklen_t len = sizeof in->peer;
      in->sock = st->socks->len == 1 ? 0 : -1;
      /* A peer that reset before it was accepted has no address any more. */
      if (getpeername (in->fd, (struct sockaddr *) in->peer, &len) != 0)
        in->peer_len = 0;
      else
        in->peer_len = len <= sizeof in->peer ? (int) len : -1;
    }
}

/* gsv_deliver asks Go about one client; handler 0 is the class handler. */
int
gsv_deliver (gsv_state *st, uint64_t handler, GSocketConnection *connection,
             GObject *source)
{
  gsv_incoming in;
  int r;

  gsv_fill (st, &in, connection, source);
  g_atomic_int_set (&st->checks_without_accept, 0);
  g_object_ref (connection); /* offered to Go, which answers GSV_KEPT or not */
  r = gsvGoIncoming (st->id, handler, &in);
  if (!(r & GSV_KEPT))
    g_object_unref (connection);
  if (r >> GSV_PAUSE_SHIFT)
    {
      st->halted = TRUE;
      gsv_pause (st);
    }
  return r;
}

/* An emission that GIO's accept has not made; in is what is known of the client,
 * or NULL. */
gboolean
gsv_signal_incoming (gsv_state *st, const gsv_incoming *in,
                     GSocketConnection *connection, GObject *source)
{
  static guint signal;
  gboolean handled = FALSE;

  if (signal == 0)
    signal = g_signal_lookup ("incoming", G_TYPE_SOCKET_SERVICE);
  if (source != NULL)
    g_object_ref (source);
  st->accepted = in;
  st->own_emission++;
  g_signal_emit (st->service, signal, 0, connection, source, &handled);
  st->own_emission--;
  st->accepted = NULL;
  if (source != NULL)
    g_object_unref (source);
  return handled;
}

int
gsv_emit (gsv_state *st, GSocketConnection *connection, GObject *source)
{
  GSocketConnection *outer = st->offered;
  gboolean handled;

  if (st->closed || st->service == NULL)
    return FALSE;
  g_object_ref (connection);
  gsv_enter (st);
  st->offered = connection;
  handled = gsv_signal_incoming (st, NULL, connection, source);
  st->offered = outer;
  gsv_leave (st);
  g_object_unref (connection);
  return handled;
}
