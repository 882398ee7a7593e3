/* The table of a listener's sockets, and which of them are polled. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

void
gsv_sock_free (gpointer data)
{
  gsv_sock *s = data;

  if (s->spare >= 0)
    close (s->spare);
  g_object_unref (s->socket);
  g_free (s);
}

/* Whoever has a duplicate shares the mode: a program that this one has started,
 * os.File.Fd. Only for a look: they may change it right after. */
void
gsv_ensure_nonblock (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  if (flags >= 0 && !(flags & O_NONBLOCK))
    fcntl (fd, F_SETFL, flags | O_NONBLOCK);
}

/* So accept(2) waits for a tick of the kernel's clock at most when it finds the
 * mode changed and the client gone. While the mode is ours it has no effect. The
 * accepted sockets of some families inherit it, see sys.ClearReceiveTimeout. With
 * Multipath TCP it has no effect at all, see mptcp.c. */
static void
bound_accept (int fd)
{
  struct timeval t = { 0, 0 };
  socklen_t len = sizeof t;

  if (getsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &t, &len) == 0 && t.tv_sec == 0
      && t.tv_usec > 0 && t.tv_usec < 10000)
    return;
  t.tv_sec = 0;
  t.tv_usec = 1;
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

static gboolean
is_mptcp (int fd)
{
  int protocol = 0;
  socklen_t len = sizeof protocol;

  return getsockopt (fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0
         && protocol == IPPROTO_MPTCP;
}

/* commit enters a socket once GIO serves it; spare is taken over, -1: none was
 * had, so one is asked for now, and without it the socket cannot be swapped. */
void
gsv_commit (gsv_state *st, GSocket *socket, int spare)
{
  gsv_sock *s = g_new0 (gsv_sock, 1);

  s->socket = g_object_ref (socket);
  s->fd = g_socket_get_fd (socket);
  /* A blocking GSocket would hold the loop in accept when the client is gone
   * (or was taken by another process) between poll and accept. */
  g_socket_set_blocking (socket, FALSE);
  /* GIO goes on when it cannot; our own accept would wait on the loop. */
  gsv_ensure_nonblock (s->fd);
  bound_accept (s->fd);
  s->mptcp = is_mptcp (s->fd);
  st->mptcp |= s->mptcp;
  if (spare < 0 && st->dummy >= 0)
    spare = fcntl (st->dummy, F_DUPFD_CLOEXEC, 3);
  s->spare = spare;
  s->poll.fd = s->fd;
  s->spare_poll.fd = spare;
  g_ptr_array_add (st->socks, s);
  if (st->fdwatch != NULL)
    g_source_add_poll (st->fdwatch, &s->poll);
  if (st->own_accept != NULL)
    g_source_add_poll (st->own_accept, &s->spare_poll);
}

int
gsv_sock_count (gsv_state *st)
{
  return (int) st->socks->len;
}

/* Where the listening socket itself is; -1 once others have closed the GSocket:
 * the number may be another file's then. */
int
gsv_sock_fd (gsv_state *st, int i)
{
  gsv_sock *s = st->socks->pdata[i];
  return s->out ? s->spare : g_socket_get_fd (s->socket);
}

/* Where GIO keeps what was given with the address. */
GObject *
gsv_source_of (gsv_sock *s)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("g-socket-listener-source");
  return g_object_get_qdata (G_OBJECT (s->socket), quark);
}

int
gsv_listening_dup (gsv_state *st, int i, gsv_incoming *from)
{
  int fd = fcntl (gsv_sock_fd (st, i), F_DUPFD_CLOEXEC, 3);

  if (fd < 0)
    return -errno;
  memset (from, 0, sizeof *from);
  from->sock = i;
  from->mptcp = ((gsv_sock *) st->socks->pdata[i])->mptcp;
  from->source = gsv_source_of (st->socks->pdata[i]);
  if (from->source != NULL)
    g_object_ref (from->source);
  from->source_id = gsv_source_id (from->source);
  return fd;
}

/* fdwatch.c looks only while GIO does, and stray.c while GIO would: a readable
 * socket that nobody accepts from would make the loop spin. */
void
gsv_watch (gsv_state *st)
{
  gushort events = !st->closed && st->emitting == 0 && st->service != NULL
                           && g_socket_service_is_active (st->service)
                       ? G_IO_IN
                       : 0;
  guint i;

  for (i = 0; i < st->socks->len; i++)
    {
      gsv_sock *s = st->socks->pdata[i];
      s->poll.events = g_socket_is_closed (s->socket) ? 0 : events;
      s->spare_poll.events = st->paused ? 0 : events;
    }
}
