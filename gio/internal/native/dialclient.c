/* The GSocketClient that a dial needs, which is the user's or one made for it. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dialclient.h"

#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The user's handlers are connected to the client itself. */
static void
forward_event (GSocketClient *client, GSocketClientEvent event,
               GSocketConnectable *connectable, GIOStream *stream,
               gpointer original)
{
  g_signal_emit_by_name (original, "event", event, connectable, stream);
}

static void
forward_free (gpointer original, GClosure *closure)
{
  g_object_unref (original);
}

/* GSocketClient:protocol takes no more than GSocketProtocol names. So a socket of
 * Multipath TCP takes the descriptor's number, before anything is connected or
 * waited for; without one it stays TCP. */
static void
make_multipath (GSocketClient *client, GSocketClientEvent event,
                GSocketConnectable *connectable, GIOStream *stream, gpointer data)
{
  struct sockaddr_storage local;
  socklen_t len = sizeof local;
  GSocket *socket_object;
  int fd, made, bound;

  if (event != G_SOCKET_CLIENT_CONNECTING || !G_IS_SOCKET_CONNECTION (stream))
    return;
  socket_object = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  fd = g_socket_get_fd (socket_object);
  if (g_socket_get_family (socket_object) == G_SOCKET_FAMILY_UNIX)
    return;
  made = socket (g_socket_get_family (socket_object),
                 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, GSV_PROTOCOL_MPTCP);
  if (made < 0)
    return;
  /* A local address was bound already. */
  memset (&local, 0, sizeof local);
  bound = getsockname (fd, (struct sockaddr *) &local, &len) == 0
          && g_socket_client_get_local_address (client) != NULL;
  if (dup3 (made, fd, O_CLOEXEC) == fd && bound
      && bind (fd, (struct sockaddr *) &local, len) != 0)
    g_socket_close (socket_object, NULL); /* it must not connect from elsewhere */
  close (made);
}

static void
bind_port (GSocketClient *client, GSocketClientEvent event,
           GSocketConnectable *connectable, GIOStream *stream, gpointer data)
{
  gsv_local_port *local = data;
  GSocket *socket;
  GInetAddress *any;
  GSocketAddress *address;

  if (event != G_SOCKET_CLIENT_CONNECTING || !G_IS_SOCKET_CONNECTION (stream))
    return;
  socket = g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream));
  /* So that IPv4 can be tried beside it. */
  if (g_socket_get_family (socket) == G_SOCKET_FAMILY_IPV6)
    g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, 1, NULL);
  any = g_inet_address_new_any (g_socket_get_family (socket));
  address = g_inet_socket_address_new (any, local->port);
  errno = 0;
  if (!g_socket_bind (socket, address, FALSE, NULL))
    {
      local->bind_errno = errno != 0 ? errno : EADDRINUSE;
      g_socket_close (socket, NULL); /* it must not connect from elsewhere */
    }
  g_object_unref (address);
  g_object_unref (any);
}

static void
local_free (gpointer local, GClosure *closure)
{
  g_free (local);
}

/* GIO reads "family" whenever it makes a socket, long after connect_async has
 * returned, and so "type": one dial with another one needs a client of its own, as does one with
 * a local port. */
GSocketClient *
gsv_client_for (GSocketClient *client, int family, int type, int multipath,
                gsv_local_port *local)
{
  GSocketClient *c;

  if (family < 0)
    family = g_socket_client_get_family (client);
  if (type == 0)
    type = g_socket_client_get_socket_type (client);
  if (local == NULL && (int) g_socket_client_get_family (client) == family
      && (int) g_socket_client_get_socket_type (client) == type
      && !multipath)
    return g_object_ref (client);
  c = g_socket_client_new ();
  g_socket_client_set_family (c, family);
  g_socket_client_set_protocol (c, g_socket_client_get_protocol (client));
  g_socket_client_set_socket_type (c, type);
  g_socket_client_set_local_address (
      c, g_socket_client_get_local_address (client));
  g_socket_client_set_timeout (c, g_socket_client_get_timeout (client));
  g_socket_client_set_tls (c, g_socket_client_get_tls (client));
  G_GNUC_BEGIN_IGNORE_DEPRECATIONS
  g_socket_client_set_tls_validation_flags (
      c, g_socket_client_get_tls_validation_flags (client));
  G_GNUC_END_IGNORE_DEPRECATIONS
  g_socket_client_set_enable_proxy (c,
                                    g_socket_client_get_enable_proxy (client));
  /* Asking for the resolver loads GIO's default one: not without need. */
  if (g_socket_client_get_enable_proxy (client))
    g_socket_client_set_proxy_resolver (
        c, g_socket_client_get_proxy_resolver (client));
  if (multipath)
    g_signal_connect (c, "event", G_CALLBACK (make_multipath), NULL);
  if (local != NULL)
    g_signal_connect_data (c, "event", G_CALLBACK (bind_port), local, local_free,
                           0);
  g_signal_connect_data (c, "event", G_CALLBACK (forward_event),
                         g_object_ref (client), forward_free, 0);
  return c;
}
