/* The one accept of a plain listener, which GIO makes when Go asks. */
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
  for (i = 0; i < st->socks->len; i++)
    gsv_ensure_nonblock (gsv_sock_fd (st, (int) i));
  gsv_enter (st);
  g_socket_listener_accept_async (st->listener, st->cancel, on_accepted, st);
  gsv_leave (st);
}
