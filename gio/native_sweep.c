/* Emissions of "incoming": how one ends, and taking several clients a dispatch. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "native.h"

#include "_cgo_export.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Emissions. */
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

/* Sweep: after one emission, take what else is waiting, round-robin over the
 * sockets: the second one isn't starved, and a client costs a third of GIO's
 * way through the main loop. */
enum { SWEEP_MAX = 32, SWEEP_TURN = 4, SWEEP_US = 2000 };

/* sweep_one accepts from the i-th socket; FALSE when nothing is left there. */
static gboolean
sweep_one (gsv_state *st, unsigned i, guint signal, GQuark source_quark)
{
  gsv_sock *s = st->socks->pdata[i];
  GObject *source = g_object_get_qdata (G_OBJECT (s->socket), source_quark);
  GSocket *socket;
  gsv_incoming in;
  GError *error = NULL;
  gboolean handled = FALSE;
  socklen_t len = sizeof in.peer;
  int fd = accept4 (s->fd, (struct sockaddr *) in.peer, &len,
                    SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    {
      if (errno == EAGAIN || errno == EINTR)
        return FALSE;
      st->accept_errno = errno;
      if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
          || errno == ENOBUFS)
        gsv_pause (st, GSV_PAUSE_DESCRIPTORS, 0);
      return FALSE;
    }
  socket = g_socket_new_from_fd (fd, &error);
  if (socket == NULL)
    {
      g_clear_error (&error); /* the GSocket has closed fd */
      return TRUE;
    }
  in.connection = g_socket_connection_factory_create_connection (socket);
  g_object_unref (socket);
  in.sock = (int) i;
  in.peer_len = len <= sizeof in.peer ? (int) len : -1;
  if (source != NULL)
    g_object_ref (source);
  st->swept = &in;
  g_signal_emit (st->service, signal, 0, in.connection, source, &handled);
  st->swept = NULL;
  if (source != NULL)
    g_object_unref (source);
  g_object_unref (in.connection);
  return TRUE;
}

/* Before each client: any handler may have stopped or closed the service. */
static gboolean
may_sweep (gsv_state *st, gint64 end)
{
  unsigned pauses = st->pauses;

  if (st->probing)
    pauses &= ~GSV_PAUSE_DESCRIPTORS;
  return !st->closed && st->wish && pauses == 0
         && g_get_monotonic_time () < end;
}

void
gsv_sweep (gsv_state *st)
{
  static guint signal;
  static GQuark source_quark;
  gint64 end;
  int n = 0;

  if (st->sweeping || st->closed)
    return;
  if (signal == 0)
    {
      signal = g_signal_lookup ("incoming", G_TYPE_SOCKET_SERVICE);
      source_quark = g_quark_from_static_string ("g-socket-listener-source");
    }
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
              if (!sweep_one (st, k, signal, source_quark))
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
