/* Adding listening sockets, and what is set on them before anybody can connect. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* path_of writes the path of a Unix socket; FALSE when it has none. */
static gboolean
path_of (GSocket *socket, char path[GSV_PATH_SIZE])
{
  struct sockaddr_un un;
  socklen_t len = sizeof un;

  memset (&un, 0, sizeof un);
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX
      || getsockname (g_socket_get_fd (socket), (struct sockaddr *) &un, &len)
             != 0
      || len <= G_STRUCT_OFFSET (struct sockaddr_un, sun_path)
      || un.sun_path[0] == 0)
    return FALSE;
  memset (path, 0, GSV_PATH_SIZE);
  memcpy (path, un.sun_path, sizeof un.sun_path);
  return TRUE;
}

/* bound notes the file that bind made: an add that fails after it removes it. */
void
gsv_bound (gsv_state *st, GSocket *socket)
{
  gsv_add *add = st->add;

  add->made = add != &st->others_add && path_of (socket, add->path)
              && lstat (add->path, &add->file) == 0;
}

/* unbind is for the end of such an add, unless the file is another by now. */
static void
unbind (gsv_add *add)
{
  struct stat now;

  if (add->made && lstat (add->path, &now) == 0
      && now.st_ino == add->file.st_ino && now.st_dev == add->file.st_dev)
    unlink (add->path);
}

/* Between bind and listen: nobody can connect yet. */
void
gsv_listened (gsv_state *st, GSocket *socket)
{
  char path[GSV_PATH_SIZE];

  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    {
      /* Accepted sockets inherit it, which costs them no call. GIO sets it
       * since 2.79 only; package net always does. */
      g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
    }
  else if (st->add->mode >= 0 && path_of (socket, path)
           && chmod (path, st->add->mode) != 0)
    {
      st->add->mode = -errno; /* the add reports it */
      /* It must not listen for those whom the mode would have kept out. */
      g_socket_close (socket, NULL);
    }
}

/* The class handler of "changed": GIO calls it after every added socket. */
void
gsv_changed (gsv_state *st, void (*chain) (GSocketListener *))
{
  guint i;

  st->add->first = st->socks->len;
  st->add->count = st->add->pending->len;
  if (st->add->pending->len > 0)
    gsv_have_dummy (st);
  for (i = 0; i < st->add->pending->len; i++)
    {
      int spare = -1;

      if (st->add != &st->others_add && i < GSV_SPARES)
        {
          spare = st->add->spares[i];
          st->add->spares[i] = -1;
        }
      gsv_commit (st, st->add->pending->pdata[i], spare);
    }
  g_ptr_array_set_size (st->add->pending, 0);

  if (st->service == NULL)
    {
      if (st->accepting)
        {
          /* The accept that is outstanding does not know the new socket. */
          gsv_swap_for_cancel (st);
          g_cancellable_cancel (st->cancel);
        }
      else if (st->want_accept)
        gsv_accept (st);
      return;
    }
  if (st->socks->len > 0)
    gsv_fdwatch_attach (st);
  gsv_swap (st); /* the new ones, too, while the others are out */
  if (st->paused && st->socks->len > st->add->count)
    {
      /* GIO would begin its accept anew with each, from all of them. */
      st->changed_later = chain;
      gsv_watch (st);
      return;
    }
  /* The parent cancels the accept that is outstanding. */
  if (g_socket_service_is_active (st->service)
      && (st->socks->len > st->add->count || st->idle_sock))
    gsv_swap_for_cancel (st);
  if (chain != NULL)
    chain (st->listener);
  gsv_watch (st);
}

/* Swapping must never need a descriptor, so what it needs is had first. */
static gboolean
begin_add (gsv_state *st, gsv_add *add, gsv_error *err)
{
  int i;

  add->outer = st->add;
  add->pending = g_ptr_array_new_with_free_func (g_object_unref);
  st->add = add;
  for (i = 0; i < GSV_SPARES; i++)
    add->spares[i] = -1;
  errno = 0;
  if (gsv_have_dummy (st))
    for (i = 0; i < GSV_SPARES; i++)
      {
        add->spares[i] = fcntl (st->dummy, F_DUPFD_CLOEXEC, 3);
        if (add->spares[i] < 0)
          break;
      }
  if (add->spares[GSV_SPARES - 1] >= 0)
    {
      errno = 0;
      return TRUE;
    }
  err->sys_errno = errno;
  err->error = g_error_new_literal (G_IO_ERROR, g_io_error_from_errno (errno),
                                    g_strerror (errno));
  return FALSE;
}

static int
finish_add (gsv_state *st, gsv_add *add, gboolean ok, gsv_error *err)
{
  int i;

  if (err->sys_errno == 0)
    err->sys_errno = errno;
  st->add = add->outer;
  g_ptr_array_unref (add->pending);
  for (i = 0; i < GSV_SPARES; i++)
    if (add->spares[i] >= 0)
      close (add->spares[i]);
  err->first = (int) add->first;
  err->count = ok ? (int) add->count : 0;
  if (!ok)
    unbind (add);
  if (!ok && add->mode < -1)
    {
      err->sys_errno = -add->mode;
      g_clear_error (&err->error);
      err->error
          = g_error_new (G_IO_ERROR, g_io_error_from_errno (-add->mode),
                         "cannot set the mode of the path: %s",
                         g_strerror (-add->mode));
    }
  return ok;
}

int
gsv_add_address (gsv_state *st, const void *native, int len, int v6only,
                 int mode, GObject *source, gsv_error *err)
{
  gsv_add add = { .v6only = v6only, .mode = mode };
  GSocketAddress *address;
  gboolean ok;

  address = g_socket_address_new_from_native ((gpointer) native, len);
  if (address == NULL)
    {
      err->sys_errno = EAFNOSUPPORT;
      g_set_error_literal (&err->error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "address family not supported");
      return FALSE;
    }
  ok = begin_add (st, &add, err)
       && g_socket_listener_add_address (st->listener, address,
                                         G_SOCKET_TYPE_STREAM,
                                         G_SOCKET_PROTOCOL_DEFAULT, source,
                                         NULL, &err->error);
  ok = finish_add (st, &add, ok, err);
  g_object_unref (address);
  return ok;
}

/* port 0: any; the port is the result, 0 on failure. */
int
gsv_add_inet_port (gsv_state *st, int port, GObject *source, gsv_error *err)
{
  gsv_add add = { .mode = -1 };

  if (!begin_add (st, &add, err))
    port = 0;
  else if (port == 0)
    port = g_socket_listener_add_any_inet_port (st->listener, source,
                                                &err->error);
  else if (!g_socket_listener_add_inet_port (st->listener, port, source,
                                             &err->error))
    port = 0;
  return finish_add (st, &add, port != 0, err) ? port : 0;
}

/* Takes the descriptor over, also on failure. */
int
gsv_add_fd (gsv_state *st, int fd, GObject *source, gsv_error *err)
{
  GSocket *socket = g_socket_new_from_fd (fd, &err->error);
  gsv_add add = { .mode = -1 };
  gboolean ok;

  if (socket == NULL)
    {
      err->sys_errno = errno; /* the GSocket has closed fd */
      return FALSE;
    }
  ok = begin_add (st, &add, err);
  g_ptr_array_add (add.pending, g_object_ref (socket));
  ok = ok
       && g_socket_listener_add_socket (st->listener, socket, source,
                                        &err->error);
  ok = finish_add (st, &add, ok, err);
  g_object_unref (socket);
  return ok;
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
