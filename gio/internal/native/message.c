/* What travels beside the bytes of a Unix socket. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "message.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixcredentialsmessage.h>
#include <gio/gunixfdmessage.h>
#include <string.h>
#include <unistd.h>

GSocketControlMessage *
gsv_fd_message (void)
{
  return g_unix_fd_message_new ();
}

/* The message has a duplicate of fd: the caller may close his at once. */
int
gsv_fd_message_append (GSocketControlMessage *message, int fd, gsv_error *err)
{
  errno = 0;
  if (g_unix_fd_message_append_fd (G_UNIX_FD_MESSAGE (message), fd,
                                   &err->error))
    return TRUE;
  err->sys_errno = errno;
  return FALSE;
}

GSocketControlMessage *
gsv_credentials_message (void)
{
  return g_unix_credentials_message_new ();
}

/* With no vector GIO sends the one zero byte that carries the message. */
int
gsv_send_message (GSocket *socket, GSocketControlMessage *message)
{
  GPollableReturn r;

  errno = 0;
  /* The flag counts where others have made the descriptor a blocking one. */
  r = g_socket_send_message_with_timeout (socket, NULL, NULL, 0, &message, 1,
                                          MSG_DONTWAIT, 0, NULL, NULL, NULL);
  if (r == G_POLLABLE_RETURN_OK)
    return 0;
  if (r == G_POLLABLE_RETURN_WOULD_BLOCK)
    return -EAGAIN;
  return errno != 0 ? -errno : -EBADF;
}

#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

static gssize
receive (int fd, struct msghdr *msg, int flags)
{
  gssize n;

  do
    n = recvmsg (fd, msg, flags | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  return n;
}

static void
take_rights (struct cmsghdr *c, int fds[], int max, gsv_received *out)
{
  size_t i, n = (c->cmsg_len - CMSG_LEN (0)) / sizeof (int);

  for (i = 0; i < n; i++)
    {
      int fd;
      memcpy (&fd, CMSG_DATA (c) + i * sizeof (int), sizeof fd);
      out->came++;
      if (out->kept < max)
        fds[out->kept++] = fd;
      else
        close (fd);
    }
}

static void
close_kept (int fds[], gsv_received *out)
{
  while (out->kept > 0)
    close (fds[--out->kept]);
}

/* room tells whether n descriptors are free, with errno if not. */
static gboolean
room (int fd, int n)
{
  int spares[GSV_FDS_MAX], i, code;

  for (i = 0; i < n; i++)
    {
      spares[i] = fcntl (fd, F_DUPFD_CLOEXEC, 0);
      if (spares[i] < 0)
        break;
    }
  code = errno;
  n -= i;
  while (i > 0)
    close (spares[--i]);
  errno = code;
  return n == 0;
}

/* Not g_socket_receive_message: that waits or not as the GSocket's property
 * "blocking" says, which belongs to whoever else uses the GSocket. */
int
gsv_receive_message (int fd, int want, int max, int messages, int fds[],
                     gsv_received *out)
{
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE (GSV_FDS_MAX * sizeof (int))
               + CMSG_SPACE (sizeof (struct ucred)) + CMSG_SPACE (sizeof (int))
               + 512];
  } control;
  char bytes[2];
  struct iovec iov = { bytes, 2 };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  struct cmsghdr *c;
  gssize n;

  memset (out, 0, sizeof *out);
  if (messages || want == GSV_WANT_FDS)
    {
      /* Without room for it the kernel only says that there is something. */
      n = receive (fd, &msg, MSG_PEEK | (messages ? MSG_TRUNC : 0));
      if (n < 0)
        return -errno;
      if (n == 0) /* the end, or an empty message, which is to go as by Read */
        return messages && receive (fd, &msg, 0) < 0 ? -errno : 0;
      if (messages && n > 1)
        {
          out->plain = TRUE; /* all but the first byte would be lost */
          return 1;
        }
    }
  if (want == GSV_WANT_FDS)
    {
      /* While peeking, Linux looks on at the following messages until one has
       * descriptors: that there are some is certain only when this byte ended
       * the search. Otherwise only taking it tells. */
      if (!(msg.msg_flags & MSG_CTRUNC))
        {
          out->plain = TRUE;
          return 1;
        }
      /* Of what comes the kernel would drop those that find none free. */
      if (!room (fd, max))
        return -errno;
    }
  iov.iov_len = 1;
  msg.msg_control = control.bytes;
  msg.msg_controllen = sizeof control.bytes;
  n = receive (fd, &msg, MSG_CMSG_CLOEXEC);
  if (n < 0)
    return -errno;
  for (c = CMSG_FIRSTHDR (&msg); c != NULL; c = CMSG_NXTHDR (&msg, c))
    {
      if (c->cmsg_level != SOL_SOCKET)
        continue;
      if (c->cmsg_type == SCM_RIGHTS)
        take_rights (c, fds, want == GSV_WANT_FDS ? max : 0, out);
      else if (c->cmsg_type == SCM_CREDENTIALS)
        {
          struct ucred u;
          memcpy (&u, CMSG_DATA (c), sizeof u);
          out->has_credentials = TRUE;
          out->pid = u.pid;
          out->uid = u.uid;
          out->gid = u.gid;
        }
      else if (c->cmsg_type == SCM_PIDFD)
        {
          int pidfd; /* below 0 of a process that has ended */
          memcpy (&pidfd, CMSG_DATA (c), sizeof pidfd);
          out->has_sender = TRUE;
          if (pidfd >= 0)
            close (pidfd);
        }
    }
  out->lost = (msg.msg_flags & MSG_CTRUNC) != 0;
  /* Another thread has taken what was free. Who gets a part of the first ones
   * could not tell which. */
  if (out->lost && out->came <= max)
    close_kept (fds, out);
  out->byte = (unsigned char) bytes[0];
  return (int) n;
}
