/* Waiting for a socket in a blocking call of TLS, without a descriptor.
 *
 * GIO makes a descriptor for each wait that can be cancelled, and for each
 * handshake a context with another. Where there is none left GLib ends the
 * process, and clients decide how many there are. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "streamstate.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* How long a wait may go on after it was cancelled, in ms. */
enum { TICK = 20 };

/* What a handshake may need at once, and others beside it. */
enum { SPARE = 8 };

static gboolean
descriptors_left (int fd)
{
  int spare[SPARE], n = 0;

  while (n < SPARE && (spare[n] = fcntl (fd, F_DUPFD_CLOEXEC, 3)) >= 0)
    n++;
  for (int i = 0; i < n; i++)
    close (spare[i]);
  return n == SPARE;
}

gboolean
gsv_await_descriptors (GSocket *socket, GCancellable *cancel, GError **error)
{
  while (!descriptors_left (g_socket_get_fd (socket)))
    {
      if (g_cancellable_set_error_if_cancelled (cancel, error))
        return FALSE;
      g_usleep (TICK * 1000);
    }
  return TRUE;
}

/* Returns at the latest after a tick: others may have closed the socket. */
gboolean
gsv_await_socket (GSocket *socket, GIOCondition condition, GCancellable *cancel, GError **error)
{
  struct pollfd p = { g_socket_get_fd (socket), condition, 0 };

  poll (&p, 1, TICK);
  return !g_cancellable_set_error_if_cancelled (cancel, error);
}
