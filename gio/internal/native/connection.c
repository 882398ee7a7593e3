/* Connections. Any thread may call these while it holds a reference. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixconnection.h>
#include <netinet/in.h>
#include <unistd.h>

/* With no place for a GError, GIO leaves errno as recv(2) and send(2) set it:
 * no message is formatted for each EAGAIN. errno 0 is GIO's own refusal: the
 * GSocket was closed. */
gssize
gsv_recv (uintptr_t socket, uint8_t *buf, gsize n)
{
  gssize r;

  errno = 0;
  r = g_socket_receive_with_blocking ((GSocket *) socket, (gchar *) buf, n, FALSE, NULL, NULL);
  return r >= 0 ? r : errno != 0 ? -errno : -EBADF;
}

gssize
gsv_send (uintptr_t socket, const uint8_t *buf, gsize n)
{
  gssize r;

  errno = 0;
  r = g_socket_send_with_blocking ((GSocket *) socket, (const gchar *) buf, n, FALSE, NULL, NULL);
  return r >= 0 ? r : errno != 0 ? -errno : -EBADF;
}

/* To register a type again would have GIO use what it has freed. */
static void
register_type (GType type, GSocketFamily family, GSocketType kind, int protocol)
{
  if (g_socket_connection_factory_lookup_type (family, kind, protocol)
      == G_TYPE_SOCKET_CONNECTION)
    g_socket_connection_factory_register_type (type, family, kind, protocol);
}

/* GIO has GUnixConnection for streams, and GTcpConnection for TCP only. */
void
gsv_register_types (void)
{
  static gsize done;

  if (!g_once_init_enter (&done))
    return;
  register_type (G_TYPE_UNIX_CONNECTION, G_SOCKET_FAMILY_UNIX,
                 G_SOCKET_TYPE_SEQPACKET, G_SOCKET_PROTOCOL_DEFAULT);
  register_type (G_TYPE_TCP_CONNECTION, G_SOCKET_FAMILY_IPV4,
                 G_SOCKET_TYPE_STREAM, GSV_PROTOCOL_MPTCP);
  register_type (G_TYPE_TCP_CONNECTION, G_SOCKET_FAMILY_IPV6,
                 G_SOCKET_TYPE_STREAM, GSV_PROTOCOL_MPTCP);
  g_once_init_leave (&done, 1);
}

int
gsv_conn_new (int fd, GSocketConnection **connection, GSocket **socket,
              GError **error)
{
  *socket = g_socket_new_from_fd (fd, error);
  if (*socket == NULL)
    return FALSE; /* it has closed the descriptor */
  gsv_register_types ();
  *connection = g_socket_connection_factory_create_connection (*socket);
  g_object_unref (*socket); /* the connection's */
  return TRUE;
}

int
gsv_conn_take_fd (int fd, GSocketConnection **connection, GSocket **socket,
                  gsv_error *err)
{
  int made;

  errno = 0;
  made = gsv_conn_new (fd, connection, socket, &err->error);
  err->sys_errno = errno;
  return made;
}

/* GIO closes a descriptor that it refuses, which it has no reason to, and Go goes
 * on using that: a duplicate takes its place again. */
int
gsv_conn_new_for_fd (int fd, GSocketConnection **connection, GSocket **socket)
{
  int spare = fcntl (fd, F_DUPFD_CLOEXEC, 3); /* or -1: there is none left */
  int made, code;

  errno = 0;
  made = gsv_conn_new (fd, connection, socket, NULL);
  code = errno;
  if (!made && fcntl (spare, F_DUPFD_CLOEXEC, fd) != fd)
    g_error ("descriptor %d of a connection is lost", fd);
  if (spare >= 0)
    close (spare);
  return made ? 0 : code != 0 ? -code : -EINVAL;
}

void
gsv_conn_close (uintptr_t connection_address, uintptr_t socket_address)
{
  GSocketConnection *connection = (GSocketConnection *) connection_address;
  GSocket *socket = (GSocket *) socket_address;

  /* Would block this thread until the peer has closed: Close in Go has done
   * what it asks for. */
  if (G_IS_TCP_CONNECTION (connection))
    g_tcp_connection_set_graceful_disconnect (G_TCP_CONNECTION (connection),
                                              FALSE);
  /* Returns PENDING and closes nothing while other code marked the stream:
   * hence the socket as well. */
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  g_socket_close (socket, NULL);
  g_object_unref (connection);
}

int
gsv_conn_is_connected (GSocketConnection *connection)
{
  return g_socket_connection_is_connected (connection);
}

int
gsv_shutdown (GSocket *socket, int rd, int wr)
{
  errno = 0;
  if (g_socket_shutdown (socket, rd, wr, NULL))
    return 0;
  return errno != 0 ? -errno : -EBADF;
}

int
gsv_set_option (GSocket *socket, int level, int name, int value)
{
  errno = 0;
  if (g_socket_set_option (socket, level, name, value, NULL))
    return 0;
  return errno != 0 ? -errno : -EBADF;
}

int
gsv_get_option (GSocket *socket, int level, int name, int *value)
{
  errno = 0;
  if (g_socket_get_option (socket, level, name, value, NULL))
    return 0;
  return errno != 0 ? -errno : -EBADF;
}

void
gsv_set_keepalive (GSocket *socket, int on)
{
  g_socket_set_keepalive (socket, on);
}

int
gsv_credentials (GSocket *socket, int *pid, unsigned *uid, unsigned *gid,
                 gsv_error *err)
{
  GCredentials *c;
  struct ucred *u;

  errno = 0;
  c = g_socket_get_credentials (socket, &err->error);
  err->sys_errno = errno;
  if (c == NULL)
    return FALSE;
  u = g_credentials_get_native (c, G_CREDENTIALS_TYPE_LINUX_UCRED);
  if (u != NULL)
    {
      *pid = u->pid;
      *uid = u->uid;
      *gid = u->gid;
    }
  g_object_unref (c);
  return u != NULL;
}

int
gsv_socket_fd (GSocket *socket)
{
  return g_socket_get_fd (socket);
}

int
gsv_is_tcp (GSocketConnection *connection)
{
  return G_IS_TCP_CONNECTION (connection);
}

void
gsv_set_graceful (GSocketConnection *connection, int on)
{
  if (G_IS_TCP_CONNECTION (connection))
    g_tcp_connection_set_graceful_disconnect (G_TCP_CONNECTION (connection),
                                              on);
}

int
gsv_get_graceful (GSocketConnection *connection)
{
  return G_IS_TCP_CONNECTION (connection)
         && g_tcp_connection_get_graceful_disconnect (
             G_TCP_CONNECTION (connection));
}

int
gsv_get_keepalive (GSocket *socket)
{
  return g_socket_get_keepalive (socket);
}

int
gsv_get_linger (GSocket *socket, int *seconds)
{
  struct linger l = { 0, 0 };
  socklen_t len = sizeof l;

  if (getsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_LINGER, &l, &len)
      != 0)
    return -errno;
  *seconds = l.l_onoff ? l.l_linger : -1;
  return 0;
}

/* For GLIBSERVE_DEBUG=leaks and the tests: does every connection end? */
static guint64 accepted, finalized;

static void
on_finalized (gpointer data, GObject *where_the_object_was)
{
  __atomic_add_fetch (&finalized, 1, __ATOMIC_RELAXED);
}

void
gsv_count (GSocketConnection *connection)
{
  __atomic_add_fetch (&accepted, 1, __ATOMIC_RELAXED);
  g_object_weak_ref (G_OBJECT (connection), on_finalized, NULL);
}

void
gsv_counted (uint64_t *a, uint64_t *f)
{
  *a = __atomic_load_n (&accepted, __ATOMIC_RELAXED);
  *f = __atomic_load_n (&finalized, __ATOMIC_RELAXED);
}
