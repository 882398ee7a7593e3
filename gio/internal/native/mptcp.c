/* Accepting from Multipath TCP sockets, whose accept(2) heeds no SO_RCVTIMEO: the
 * kernel looks at the timeout of a socket inside, which no option reaches. So when
 * others make the descriptor a blocking one after our look at it, and take the
 * client, accept(2) would wait for the next.
 *
 * A thread sees to it that it doesn't. While an accept is under way it looks every
 * few milliseconds; one that it sees for the second time gets O_NONBLOCK again,
 * and its thread a signal. The kernel restarts accept(2) then, which reads the mode
 * anew and finds no client; if others were faster once more, so is the next look.
 *
 * The signal is SIGURG, with which Go's scheduler interrupts threads all the time:
 * its handler has SA_RESTART, and others ignore it. Its being ignored in the whole
 * process, by signal.Ignore or sigaction, is what this does not withstand, and nor
 * does Go.
 *
 * The accept of others, GIO's among them, is none that this could know of: GIO never
 * sees such a socket of a service's (stray.c), and accept.c takes its place. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LOOK_US = 5000 };

/* One accept under way, on the stack of its thread. */
typedef struct accepting {
  struct accepting *next, **at;
  pid_t thread;
  int fd;        /* open until it is over: the caller sees to that */
  gboolean seen; /* by a look before */
} accepting;

/* Everything below is under the lock, which is held for moments: over no wait, and
 * no other lock is taken under it. An accept is in the list from before its system
 * call until after it. So the thread that gets the signal lives, and is in
 * accept(2) or about to leave this file, and fd is still that socket. */
static GMutex lock;
static GCond begun;
static accepting *under_way;
static gboolean recent; /* one began since the last look */
static gboolean started, asleep;

static void
look (void)
{
  accepting *a;

  for (a = under_way; a != NULL; a = a->next)
    {
      if (a->seen)
        {
          gsv_ensure_nonblock (a->fd);
          syscall (SYS_tgkill, getpid (), a->thread, SIGURG);
        }
      a->seen = TRUE;
    }
}

/* With no accept under way it sleeps, and no clock ticks. */
static gpointer
watch (gpointer data)
{
  g_mutex_lock (&lock);
  for (;;)
    {
      while (under_way == NULL && !recent)
        {
          asleep = TRUE;
          g_cond_wait (&begun, &lock);
          asleep = FALSE;
        }
      recent = FALSE;
      g_mutex_unlock (&lock);
      g_usleep (LOOK_US);
      g_mutex_lock (&lock);
      look ();
    }
  return NULL;
}

/* The process's signals are for Go's threads. */
static void
start (void)
{
  sigset_t all, before;
  GThread *thread;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  thread = g_thread_try_new ("accept", watch, NULL, NULL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  started = thread != NULL; /* or the next accept tries again */
  if (started)
    g_thread_unref (thread);
}

static void
enter (accepting *a)
{
  g_mutex_lock (&lock);
  if (!started)
    start ();
  a->next = under_way;
  a->at = &under_way;
  if (a->next != NULL)
    a->next->at = &a->next;
  under_way = a;
  recent = TRUE;
  if (asleep)
    g_cond_signal (&begun);
  g_mutex_unlock (&lock);
}

static void
leave (accepting *a)
{
  g_mutex_lock (&lock);
  *a->at = a->next;
  if (a->next != NULL)
    a->next->at = a->at;
  g_mutex_unlock (&lock);
}

/* accept4 for a Multipath TCP socket; a client's descriptor or -errno. The
 * signal must come through also on a thread whose program has it blocked. */
int
gsv_accept_mptcp (int fd, void *peer, socklen_t *len)
{
  accepting a = { .thread = (pid_t) syscall (SYS_gettid), .fd = fd };
  sigset_t urgent, before;
  int client, code;

  sigemptyset (&urgent);
  sigaddset (&urgent, SIGURG);
  pthread_sigmask (SIG_UNBLOCK, &urgent, &before);
  enter (&a);
  client = accept4 (fd, peer, len, SOCK_CLOEXEC | SOCK_NONBLOCK);
  code = errno;
  leave (&a);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return client >= 0 ? client : -code;
}

/* For Go, by value: what lies in Go's memory next to where it is to go is
 * nothing for C. */
gsv_client
gsv_accept_client (int fd)
{
  gsv_client c;
  socklen_t len = sizeof c.peer;

  memset (&c, 0, sizeof c);
  c.fd = gsv_accept_mptcp (fd, c.peer, &len);
  c.peer_len = (int) len;
  return c;
}
