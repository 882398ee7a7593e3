/* The one accept of a plain listener, which GIO makes when Go asks; with Multipath
 * TCP it is the library's own, since GIO's could wait, see mptcp.c. */
#include "state.h"

#include "_cgo_export.h"

#include <errno.h>

/* errno itself is long gone when GIO calls back, and most have no code of their
 * own: what is left is the text. */
static int
errno_of_text (const char *text)
{
  int e;

  for (e = 1; e <= EHWPOISON; e++)
    if (g_str_has_suffix (text, g_strerror (e)))
      return e;
  return 0;
}

static void
on_accepted (GObject *object, GAsyncResult *result, gpointer data)
{
  gsv_state *st = data;
  GObject *source = NULL;
  gsv_error err = { NULL, 0 };
  gsv_incoming in;
  GSocketConnection *connection;

  st->accepting = FALSE;
  connection = g_socket_listener_accept_finish (st->listener, result, &source,
                                                &err.error);
  if (connection != NULL)
    {
      gsv_fill (st, &in, connection, source);
      gsvGoAccepted (st->id, &in, NULL); /* Go keeps the reference */
      return;
    }
  if (g_error_matches (err.error, G_IO_ERROR, G_IO_ERROR_CANCELLED)
      && !st->closed)
    {
      g_cancellable_reset (st->cancel);
      gsv_accept (st);
    }
  else if (g_error_matches (err.error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)
           && !st->closed)
    gsv_accept (st); /* another process was faster */
  else
    {
      err.sys_errno = errno_of_text (err.error->message);
      gsvGoAccepted (st->id, NULL, &err);
    }
  g_clear_error (&err.error);
}

static gboolean
one_check (GSource *source)
{
  gsv_state *st = ((gsv_source *) source)->st;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    if (((gsv_sock *) st->socks->pdata[i])->poll.revents != 0)
      return TRUE;
  return FALSE;
}

/* take_one takes a client of one of the sockets, each of which has its turn, and
 * answers as gsv_accept_one does. */
static int
take_one (gsv_state *st, gsv_incoming *in)
{
  guint i, first = st->next, len = st->socks->len;
  int r = 0;

  for (i = 0; i < len && r == 0; i++)
    {
      guint k = (first + i) % len;
      gsv_sock *s = st->socks->pdata[k];

      if (s->poll.revents == 0)
        continue;
      st->next = k + 1;
      gsv_ensure_nonblock (gsv_sock_fd (st, (int) k));
      r = gsv_accept_one (st, (int) k, in);
      if (r > 0)
        {
          in->source = gsv_source_of (s);
          in->source_id = gsv_source_id (in->source);
        }
      else if (r == -EAGAIN || r == -EINTR || r == -ECONNABORTED
               || r == -EPROTO)
        r = 0; /* another process was faster, or it is gone */
    }
  return r;
}

static gboolean
one_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  gsv_state *st = ((gsv_source *) source)->st;
  gsv_error err = { NULL, 0 };
  gsv_incoming in = { 0 };
  int r = take_one (st, &in);

  if (r == 0)
    return G_SOURCE_CONTINUE;
  gsv_source_end (&st->one_accept);
  st->accepting = FALSE;
  if (r > 0)
    {
      gsvGoAccepted (st->id, &in, NULL); /* Go keeps the reference */
      return G_SOURCE_REMOVE;
    }
  err.sys_errno = -r;
  err.error = g_error_new (G_IO_ERROR, g_io_error_from_errno (-r),
                           "Error accepting connection: %s", g_strerror (-r));
  gsvGoAccepted (st->id, NULL, &err);
  g_clear_error (&err.error);
  return G_SOURCE_REMOVE;
}

static GSourceFuncs one_funcs = { NULL, one_check, one_dispatch,
                                  NULL, NULL, NULL };

static void
accept_one (gsv_state *st)
{
  guint i;

  st->one_accept = gsv_source_attach (st, &one_funcs, G_PRIORITY_DEFAULT);
  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      s->poll.events = G_IO_IN;
      s->poll.revents = 0;
      g_source_add_poll (st->one_accept, &s->poll);
    }
}

/* accept keeps at most one outstanding; without a socket it waits for one. */
void
gsv_accept (gsv_state *st)
{
  guint i;

  if (st->accepting || st->closed)
    return;
  st->want_accept = st->socks->len == 0;
  if (st->want_accept)
    return;
  st->accepting = TRUE;
  if (st->mptcp)
    {
      accept_one (st);
      return;
    }
  for (i = 0; i < st->socks->len; i++)
    gsv_ensure_nonblock (gsv_sock_fd (st, (int) i));
  gsv_enter (st);
  g_socket_listener_accept_async (st->listener, st->cancel, on_accepted, st);
  gsv_leave (st);
}

/* The accept that is outstanding does not know a new socket. */
void
gsv_accept_anew (gsv_state *st)
{
  if (st->one_accept != NULL)
    {
      gsv_source_end (&st->one_accept);
      st->accepting = FALSE;
      gsv_accept (st);
      return;
    }
  gsv_swap_for_cancel (st);
  g_cancellable_cancel (st->cancel);
}
