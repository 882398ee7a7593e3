/* The listening sockets of a listener, and their backlog. */
#include "state.h"

#include <fcntl.h>
#include <unistd.h>

void
gsv_sock_free (gpointer data)
{
  gsv_sock *s = data;

  if (s->placeholder >= 0)
    close (s->placeholder);
  g_object_unref (s->socket);
  g_free (s);
}

/* commit takes a socket into the books once GIO serves it. */
void
gsv_commit (gsv_state *st, GSocket *socket)
{
  gsv_sock *s = g_new0 (gsv_sock, 1);
  int flags;

  s->socket = g_object_ref (socket);
  s->fd = g_socket_get_fd (socket);
  /* A blocking GSocket would hold the loop in accept when the client is gone
   * (or was taken by another process) between poll and accept. */
  g_socket_set_blocking (socket, FALSE);
  /* GIO goes on when it cannot; our own accept would wait on the loop. */
  flags = fcntl (s->fd, F_GETFL);
  if (flags >= 0 && !(flags & O_NONBLOCK))
    fcntl (s->fd, F_SETFL, flags | O_NONBLOCK);
  s->placeholder
      = st->inert < 0 ? -1 : fcntl (st->inert, F_DUPFD_CLOEXEC, 3);
  s->poll.fd = s->fd;
  g_ptr_array_add (st->socks, s);
  if (st->guard != NULL)
    g_source_add_poll (st->guard, &s->poll);
}

int
gsv_sock_count (gsv_state *st)
{
  return (int) st->socks->len;
}

int
gsv_sock_fd (gsv_state *st, int i)
{
  gsv_sock *s = st->socks->pdata[i];
  return s->shielded ? s->placeholder : s->fd;
}

void
gsv_set_backlog (gsv_state *st, int backlog)
{
  guint i;

  st->backlog = backlog;
  if (st->socks->len == 0)
    {
      g_socket_listener_set_backlog (st->listener, backlog);
      st->gio_backlog = backlog;
    }
  for (i = 0; i < st->socks->len; i++)
    /* GIO refuses this on a socket that listens; the kernel takes it. */
    listen (gsv_sock_fd (st, (int) i), backlog);
  /* GIO's function tells nobody. */
  g_object_notify (G_OBJECT (st->listener), "listen-backlog");
}

/* Others may have set it, by the property or by GIO's function. */
void
gsv_adopt_backlog (gsv_state *st)
{
  int backlog;

  g_object_get (st->listener, "listen-backlog", &backlog, NULL);
  if (backlog != st->gio_backlog)
    st->backlog = st->gio_backlog = backlog;
}

int
gsv_get_backlog (gsv_state *st)
{
  gsv_adopt_backlog (st);
  return st->backlog;
}
