/* Emissions of "incoming": what Go is told of a client, and how one ends. */
#include "state.h"

#include "_cgo_export.h"

#include <string.h>

void
gsv_fill (gsv_state *st, gsv_incoming *in, GSocketConnection *connection,
          GObject *source)
{
  const gsv_incoming *swept = st->swept;

  in->connection = connection;
  in->source = source;
  in->source_id = gsv_source_id (source);
  in->socket = g_socket_connection_get_socket (connection);
  in->fd = g_socket_get_fd (in->socket);
  if (swept != NULL && swept->connection == connection)
    {
      in->sock = swept->sock;
      in->peer_len = swept->peer_len;
      memcpy (in->peer, swept->peer, sizeof in->peer);
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
  st->dry = 0;
  g_object_ref (connection); /* offered to Go, which answers GSV_KEPT or not */
  r = gsvGoIncoming (st->id, handler, &in);
  if (!(r & GSV_KEPT))
    g_object_unref (connection);
  if (r >> GSV_PAUSE_SHIFT)
    gsv_pause (st, r >> GSV_PAUSE_SHIFT, 0);
  return r;
}

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
settle_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;

  g_source_set_ready_time (source, -1);
  if (st->unsettled && st->emitting == 0)
    {
      st->unsettled = FALSE;
      gsvGoSettle (st->id);
    }
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs settle_funcs = { NULL, NULL, settle_dispatch,
                                     NULL, NULL, NULL };

/* A Go handler declined. Usually our class handler settles the matter; when a
 * C handler takes the client instead, only the next iteration tells. */
void
gsv_after_decline (gsv_state *st)
{
  if (st->settle == NULL)
    {
      st->settle = g_source_new (&settle_funcs, sizeof (gsv_source));
      ((gsv_source *) st->settle)->st = st;
      g_source_attach (st->settle, st->context);
    }
  if (!st->unsettled)
    {
      st->unsettled = TRUE;
      g_source_set_ready_time (st->settle, 0);
    }
}
