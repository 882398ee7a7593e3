/* Accepting in place of GIO on the loop, once GIO's own accept may be elsewhere.
 *
 * g_socket_service_start begins an accept on the calling thread's default context,
 * and nothing brings it back from there. When another thread than the loop's has
 * called it, that may be a context that nobody iterates: the service would be dead
 * although "active" is TRUE. So from then on the sockets stay swapped out, where
 * that accept finds nothing, and this source takes the clients and emits
 * "incoming" for them, on the loop's thread as before.
 *
 * It is the same with a socket of Multipath TCP among those of the service, since
 * GIO's accept could wait there, see mptcp.c. */
#include "state.h"

#include "_cgo_export.h"

static gboolean
own_check (GSource *source)
{
  gsv_state *st = ((gsv_source *) source)->st;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    {
      GPollFD *p = &((gsv_sock *) st->socks->pdata[i])->spare_poll;
      if (p->events & p->revents & G_IO_IN)
        return TRUE;
    }
  return FALSE;
}

static gboolean
own_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;

  if (!gsv_descriptors_low (st, 1))
    {
      st->accept_errno = 0;
      gsv_accept_batch (st);
      if (st->closed || st->accept_errno == 0)
        return G_SOURCE_CONTINUE;
    }
  gsvGoDescriptorsShort (st->id);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs own_funcs = { NULL, own_check, own_dispatch,
                                  NULL, NULL, NULL };

void
gsv_reclaim (gsv_state *st)
{
  guint i;

  if ((!g_atomic_int_get (&st->strayed) && !st->mptcp) || st->own_accept != NULL || st->closed
      || st->service == NULL || !gsv_have_dummy (st))
    return;
  st->own_accept = gsv_source_attach (st, &own_funcs, G_PRIORITY_DEFAULT);
  for (i = 0; i < st->socks->len; i++)
    g_source_add_poll (st->own_accept,
                       &((gsv_sock *) st->socks->pdata[i])->spare_poll);
  gsv_swap_out_soon (st, GSV_OUT_STRAY);
}
