/* Taking several clients a dispatch: after one emission, what else is waiting,
 * round-robin over the sockets. The second one isn't starved, and a client costs
 * a third of GIO's way through the main loop. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"


#include "_cgo_export.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { BATCH_MAX = 32, BATCH_TURN = 4, BATCH_US = 2000 };

/* It answers 1 for a client, 0 for one that was gone, or -errno. It fills
 * in all but the source, with one reference to the connection. */
int
gsv_accept_one (gsv_state *st, int sock, gsv_incoming *in)
{
  int fd = gsv_sock_fd (st, sock);
  socklen_t len = sizeof in->peer;
  int client;

  if (((gsv_sock *) st->socks->pdata[sock])->mptcp)
    client = gsv_accept_mptcp (fd, in->peer, &len);
  else
    {
      client = accept4 (fd, (struct sockaddr *) in->peer, &len,
                        SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (client < 0)
        client = -errno;
    }
  if (client < 0)
    return client;
  if (!gsv_conn_new (client, &in->connection, &in->socket, NULL))
    return 0;
  in->fd = client;
  in->sock = sock;
  in->peer_len = len <= sizeof in->peer ? (int) len : -1;
  return 1;
}

static void
tell_short (gsv_state *st, int code)
{
  st->accept_errno = code;
  st->halted = TRUE;
  if (!st->probing)
    gsvGoDescriptorsShort (st->id);
}

/* accept_from takes one client of the i-th socket; FALSE when nothing is left
 * there. */
static gboolean
accept_from (gsv_state *st, unsigned i)
{
  gsv_incoming in;
  int r = gsv_accept_one (st, (int) i, &in);

  if (r < 0)
    {
      if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS)
        tell_short (st, -r);
      else if (r != -EAGAIN && r != -EINTR)
        st->accept_errno = -r;
      return FALSE;
    }
  if (r == 0)
    return TRUE;
  gsv_signal_incoming (st, &in, in.connection,
                       gsv_source_of (st->socks->pdata[i]));
  g_object_unref (in.connection);
  /* fdwatch.c may have seen a gap below, which this batch has filled. */
  if (st->fd_limit > 0 && (rlim_t) in.fd >= st->fd_limit)
    {
      tell_short (st, EMFILE);
      return FALSE;
    }
  return TRUE;
}

/* Before each client: any handler may have stopped or closed the service. */
static gboolean
may_accept (gsv_state *st, gint64 end)
{
  return !st->closed && !st->halted && (!st->paused || st->probing)
         && g_socket_service_is_active (st->service)
         && g_get_monotonic_time () < end;
}

/* It must not take a client for whom an accept of GIO's is about to run: GIO logs
 * that it found none. So it is called inside of GIO's own emission, whose accept
 * is over, where the sockets are out, or from a source of a higher priority. */
void
gsv_accept_batch (gsv_state *st)
{
  gint64 end;
  unsigned looked = 0; /* at how many, in a row, of which none was readable */
  int n = 0;

  if (st->in_batch || st->closed || st->own_emission > 0)
    return;
  st->in_batch = TRUE;
  end = g_get_monotonic_time () + BATCH_US;
  while (n < BATCH_MAX && may_accept (st, end))
    {
      struct pollfd fds[16];
      unsigned i, total = st->socks->len;
      unsigned len = MIN (total, G_N_ELEMENTS (fds));
      int before = n;

      for (i = 0; i < len; i++)
        {
          fds[i].fd = gsv_sock_fd (st, (int) ((st->next + i) % total));
          gsv_ensure_nonblock (fds[i].fd);
          fds[i].events = POLLIN;
          fds[i].revents = 0;
        }
      if (poll (fds, len, 0) <= 0)
        {
          /* There is room for some of them only, and a source that was told of
           * another would be so again, at once. */
          looked += len;
          st->next += len;
          if (looked >= total)
            break;
          continue;
        }
      looked = 0;
      for (i = 0; i < len; i++)
        {
          int turn;
          if (!(fds[i].revents & POLLIN))
            continue;
          for (turn = 0; turn < BATCH_TURN; turn++)
            {
              unsigned k = (st->next + i) % total;
              /* The next batch begins with whose turn is next: with slow
               * handlers none gets further than to the first. */
              if (!may_accept (st, end))
                {
                  st->next = k + (turn > 0);
                  goto out;
                }
              if (!accept_from (st, k))
                break;
              n++;
            }
        }
      st->next++;
      if (n == before)
        break;
    }
out:
  st->in_batch = FALSE;
}
