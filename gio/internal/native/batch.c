/* Taking several clients a dispatch. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Sweep: after one emission, take what else is waiting, round-robin over the
 * sockets: the second one isn't starved, and a client costs a third of GIO's
 * way through the main loop. */
enum { SWEEP_MAX = 32, SWEEP_TURN = 4, SWEEP_US = 2000 };

/* accept_one answers 1 for a client, 0 for one that was gone, or -errno. It fills
 * in all but the source, with one reference to the connection. */
static int
accept_one (int fd, int sock, gsv_incoming *in)
{
  socklen_t len = sizeof in->peer;
  int client = accept4 (fd, (struct sockaddr *) in->peer, &len,
                        SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client < 0)
    return -errno;
  if (!gsv_conn_new (client, &in->connection, &in->socket, NULL))
    return 0;
  in->fd = client;
  in->sock = sock;
  in->peer_len = len <= sizeof in->peer ? (int) len : -1;
  return 1;
}

/* Where GIO keeps what was given with the address. */
static GObject *
source_of (gsv_sock *s)
{
  static GQuark quark;

  if (quark == 0)
    quark = g_quark_from_static_string ("g-socket-listener-source");
  return g_object_get_qdata (G_OBJECT (s->socket), quark);
}

/* sweep_one accepts from the i-th socket; FALSE when nothing is left there. */
static gboolean
sweep_one (gsv_state *st, unsigned i, guint signal)
{
  gsv_sock *s = st->socks->pdata[i];
  GObject *source = source_of (s);
  gsv_incoming in;
  gboolean handled = FALSE;
  int r = accept_one (s->fd, (int) i, &in);

  if (r < 0)
    {
      if (r == -EAGAIN || r == -EINTR)
        return FALSE;
      st->accept_errno = -r;
      if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS)
        gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
      return FALSE;
    }
  if (r == 0)
    return TRUE;
  if (source != NULL)
    g_object_ref (source);
  st->swept = &in;
  g_signal_emit (st->service, signal, 0, in.connection, source, &handled);
  st->swept = NULL;
  if (source != NULL)
    g_object_unref (source);
  g_object_unref (in.connection);
  /* The guard may have seen a gap below, which this sweep has filled. */
  if (st->fd_limit > 0 && (rlim_t) in.fd >= st->fd_limit)
    {
      st->accept_errno = EMFILE;
      gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
      return FALSE;
    }
  return TRUE;
}

/* Before each client: any handler may have stopped or closed the service. */
static gboolean
may_sweep (gsv_state *st, gint64 end)
{
  unsigned pauses = st->pauses;

  if (st->probing && st->accept_errno == 0)
    pauses &= ~GSV_PAUSE_DESCRIPTORS;
  return !st->closed && st->wish && pauses == 0
         && g_get_monotonic_time () < end;
}

void
gsv_sweep (gsv_state *st)
{
  static guint signal;
  gint64 end;
  int n = 0;

  if (st->sweeping || st->closed)
    return;
  if (signal == 0)
    signal = g_signal_lookup ("incoming", G_TYPE_SOCKET_SERVICE);
  st->sweeping = TRUE;
  end = g_get_monotonic_time () + SWEEP_US;
  while (n < SWEEP_MAX && may_sweep (st, end))
    {
      struct pollfd fds[16];
      unsigned i, total = st->socks->len;
      unsigned len = MIN (total, G_N_ELEMENTS (fds));
      int before = n;

      for (i = 0; i < len; i++)
        {
          gsv_sock *s = st->socks->pdata[(st->next + i) % total];
          fds[i].fd = s->shielded ? -1 : s->fd;
          fds[i].events = POLLIN;
          fds[i].revents = 0;
        }
      if (poll (fds, len, 0) <= 0)
        break;
      for (i = 0; i < len; i++)
        {
          int turn;
          if (!(fds[i].revents & POLLIN))
            continue;
          for (turn = 0; turn < SWEEP_TURN; turn++)
            {
              unsigned k = (st->next + i) % total;
              /* Sockets are only ever added, but one may be shielded now. */
              if (!may_sweep (st, end)
                  || ((gsv_sock *) st->socks->pdata[k])->shielded)
                {
                  /* The next sweep begins with whose turn is next: with slow
                   * handlers none gets further than to the first. */
                  st->next = k + (turn > 0);
                  goto out;
                }
              if (!sweep_one (st, k, signal))
                break;
              n++;
            }
        }
      st->next++;
      if (n == before)
        break;
    }
out:
  st->sweeping = FALSE;
}

/* Doors: Go accepts, while nobody could see an emission. */
int
gsv_door (gsv_state *st, int i, gsv_incoming *from)
{
  int fd = fcntl (gsv_sock_fd (st, i), F_DUPFD_CLOEXEC, 3);

  if (fd < 0)
    return -errno;
  memset (from, 0, sizeof *from);
  from->sock = i;
  from->source = source_of (st->socks->pdata[i]);
  if (from->source != NULL)
    g_object_ref (from->source);
  from->source_id = gsv_source_id (from->source);
  return fd;
}
