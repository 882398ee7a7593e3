/* Adding listening sockets, and what is set on them before anybody can connect. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "state.h"
#include "connection.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#if !defined SYS_fchmodat2 && !defined __alpha__ && !defined __mips__
#define SYS_fchmodat2 452 /* newer than many systems' headers */
#endif

/* path_of writes the path of a native address, if it is of a Unix socket with one. */
static void
path_of (const void *native, int len, char path[GSV_PATH_SIZE])
{
  const struct sockaddr_un *un = native;
  int n = len - (int) G_STRUCT_OFFSET (struct sockaddr_un, sun_path);

  path[0] = 0;
  if (n <= 0 || un->sun_family != AF_UNIX)
    return;
  n = MIN (n, GSV_PATH_SIZE - 1);
  memcpy (path, un->sun_path, n);
  path[n] = 0;
}

/* A descriptor for the file that is at the path now, links not followed, if that is
 * the one that bind made; -1 with errno. */
static int
open_made (gsv_add *add)
{
  int fd = open (add->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  struct stat now;

  if (fd >= 0 && fstat (fd, &now) == 0 && S_ISSOCK (now.st_mode)
      && now.st_ino == add->file.st_ino && now.st_dev == add->file.st_dev)
    return fd;
  if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
    return -1;
  if (fd >= 0)
    close (fd);
  errno = EADDRINUSE;
  return -1;
}

/* GIO makes no socket of a protocol that GSocketProtocol does not name: one of ours
 * takes the descriptor's number, which nobody has seen. Without one it stays TCP. */
static void
make_multipath (GSocket *s)
{
  int made = socket (g_socket_get_family (s), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                     GSV_PROTOCOL_MPTCP);

  if (made < 0)
    return;
  dup3 (made, g_socket_get_fd (s), O_CLOEXEC);
  close (made);
}

/* Before bind. The kernel takes the socket's own mode for that of the file, less the
 * umask: so the file is never there with more than it is to have. */
void
gsv_binding (gsv_state *st, GSocket *socket)
{
  if (st->add->multipath)
    make_multipath (socket);
  if (g_socket_get_family (socket) == G_SOCKET_FAMILY_UNIX
      && st->add->mode >= 0)
    fchmod (g_socket_get_fd (socket), st->add->mode);
}

/* Right after bind, before any other handler: notes the file that it made. */
void
gsv_bound (gsv_state *st)
{
  gsv_add *add = st->add;

  if (add->path[0] == 0)
    return;
  add->bound = TRUE;
  add->made = lstat (add->path, &add->file) == 0 && S_ISSOCK (add->file.st_mode);
}

/* unbind is for the end of an add that fails, unless the file is another by now. */
static void
unbind (gsv_add *add)
{
  int fd = add->made ? open_made (add) : -1;

  if (fd < 0)
    return;
  unlink (add->path);
  close (fd);
}

/* set_mode: by the file itself, since what is at the path may be another's link in
 * the next moment. 0, or an errno. */
static int
set_mode (int fd, int mode)
{
  char name[sizeof "/proc/self/fd/" + 3 * sizeof fd];
  struct stat now;

  if (fstat (fd, &now) != 0)
    return errno;
  if ((int) (now.st_mode & 07777) == mode)
    return 0;
  /* What the umask took. fchmod refuses a descriptor of this kind. */
  g_snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  if (chmod (name, mode) == 0)
    return 0;
#ifdef SYS_fchmodat2
  /* Without /proc, as in many a chroot, Linux can do it since 6.6. */
  if (errno == ENOENT || errno == ENOTDIR)
    return syscall (SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0 ? 0 : errno;
#endif
  return errno;
}

/* Between bind and listen: nobody can connect yet. What fails here must not listen:
 * at no path, or for those whom the mode would have kept out. */
void
gsv_listened (gsv_state *st, GSocket *socket)
{
  gsv_add *add = st->add;
  int fd;

  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    {
      /* Accepted sockets inherit it, which costs them no call. GIO sets it
       * since 2.79 only; package net always does. */
      g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
      return;
    }
  if (!add->bound)
    return;
  errno = EADDRINUSE;
  fd = add->made ? open_made (add) : -1;
  if (fd < 0)
    {
      add->lost_path = errno;
      g_socket_close (socket, NULL);
      return;
    }
  if (add->mode >= 0)
    add->mode_errno = set_mode (fd, add->mode);
  close (fd);
  if (add->mode_errno != 0)
    g_socket_close (socket, NULL);
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
  if (st->add == &st->others_add && st->add->count > 0 && st->id != 0)
    gsvGoOthersAdded (st->id, (int) st->add->first, (int) st->add->count);

  if (st->service == NULL)
    {
      if (st->accepting)
        gsv_accept_anew (st);
      else if (st->want_accept)
        gsv_accept (st);
      return;
    }
  if (st->socks->len > 0)
    gsv_fdwatch_attach (st);
  gsv_swap (st); /* the new ones, too, while the others are out */
  gsv_reclaim (st);
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

/* add_failed puts why an add failed in place of what GIO says of it. */
static void
add_failed (gsv_error *err, int errnum, const char *what)
{
  err->sys_errno = errnum;
  g_clear_error (&err->error);
  err->error = g_error_new (G_IO_ERROR, g_io_error_from_errno (errnum),
                            "%s: %s", what, g_strerror (errnum));
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
  err->dev = add->file.st_dev;
  err->ino = add->made && ok ? add->file.st_ino : 0;
  if (ok)
    return TRUE;
  unbind (add);
  if (add->lost_path != 0)
    add_failed (err, add->lost_path,
                add->lost_path == EADDRINUSE
                    ? "another file has taken the place of the socket"
                    : "cannot look at the path");
  else if (add->mode_errno != 0)
    add_failed (err, add->mode_errno, "cannot set the mode of the path");
  return FALSE;
}

int
gsv_add_address (gsv_state *st, const void *native, int len, int seqpacket,
                 int multipath, int v6only, int mode, GObject *source, gsv_error *err)
{
  gsv_add add = { .v6only = v6only, .mode = mode, .multipath = multipath };
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
  path_of (native, len, add.path);
  ok = begin_add (st, &add, err)
       && g_socket_listener_add_address (st->listener, address,
                                         seqpacket ? G_SOCKET_TYPE_SEQPACKET
                                                   : G_SOCKET_TYPE_STREAM,
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
