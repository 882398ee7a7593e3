/* Makes system calls of libgio and of this library's C fail, on the order of a
 * test: LD_PRELOAD this, with GLIBSERVE_FAULTS naming a file of slots that the
 * test maps as well. Go's own system calls don't come by here.
 *
 *     cc -shared -fPIC -o preload.so preload.c -ldl
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Aligned for Clang on 32 bits, which calls libatomic otherwise. */
typedef int64_t counter __attribute__ ((aligned (8)));

/* The same in inject.go. */
struct slot
{
  counter calls;  /* how many there were */
  counter skip;   /* let so many pass */
  counter left;   /* then fail so many; -1: all */
  counter code;   /* with this errno */
  counter failed; /* how many did */
};

enum
{
  ACCEPT, SOCKET, BIND, LISTEN, SETSOCKOPT, GETSOCKOPT, GETSOCKNAME, DUPFD,
  SETFL, SOCKETPAIR, DUP3, EVENTFD, CHMOD, GETPEERNAME, SLOTS
};

static struct slot *slots;

__attribute__ ((constructor)) static void
map_slots (void)
{
  const char *path = getenv ("GLIBSERVE_FAULTS");
  int fd = path == NULL ? -1 : open (path, O_RDWR | O_CLOEXEC);
  void *p;

  if (fd < 0)
    return;
  p = mmap (NULL, SLOTS * sizeof *slots, PROT_READ | PROT_WRITE, MAP_SHARED,
            fd, 0);
  close (fd);
  if (p != MAP_FAILED)
    slots = p;
}

static int
fails (int i)
{
  struct slot *s;
  int64_t n;

  if (slots == NULL)
    return 0;
  s = &slots[i];
  __atomic_add_fetch (&s->calls, 1, __ATOMIC_SEQ_CST);
  n = __atomic_load_n (&s->left, __ATOMIC_SEQ_CST);
  if (n == 0)
    return 0;
  if (__atomic_load_n (&s->skip, __ATOMIC_SEQ_CST) > 0
      && __atomic_fetch_sub (&s->skip, 1, __ATOMIC_SEQ_CST) > 0)
    return 0;
  if (n > 0 && __atomic_fetch_sub (&s->left, 1, __ATOMIC_SEQ_CST) <= 0)
    {
      __atomic_store_n (&s->left, 0, __ATOMIC_SEQ_CST);
      return 0;
    }
  __atomic_add_fetch (&s->failed, 1, __ATOMIC_SEQ_CST);
  errno = (int) __atomic_load_n (&s->code, __ATOMIC_SEQ_CST);
  return 1;
}

#define CALL(slot, name, params, args)                                         \
  int name params                                                              \
  {                                                                            \
    static int (*next) params;                                                 \
    if (next == NULL)                                                          \
      next = (int (*) params) dlsym (RTLD_NEXT, #name);                        \
    return fails (slot) ? -1 : next args;                                      \
  }

CALL (ACCEPT, accept, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n))
CALL (ACCEPT, accept4, (int fd, struct sockaddr *a, socklen_t *n, int f),
      (fd, a, n, f))
CALL (SOCKET, socket, (int d, int t, int p), (d, t, p))
CALL (BIND, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
CALL (LISTEN, listen, (int fd, int n), (fd, n))
CALL (SETSOCKOPT, setsockopt,
      (int fd, int l, int o, const void *v, socklen_t n), (fd, l, o, v, n))
CALL (GETSOCKOPT, getsockopt, (int fd, int l, int o, void *v, socklen_t *n),
      (fd, l, o, v, n))
CALL (GETSOCKNAME, getsockname, (int fd, struct sockaddr *a, socklen_t *n),
      (fd, a, n))
CALL (GETPEERNAME, getpeername, (int fd, struct sockaddr *a, socklen_t *n),
      (fd, a, n))
CALL (SOCKETPAIR, socketpair, (int d, int t, int p, int v[2]), (d, t, p, v))
CALL (DUP3, dup3, (int a, int b, int f), (a, b, f))
CALL (EVENTFD, eventfd, (unsigned v, int f), (v, f))
CALL (CHMOD, chmod, (const char *p, mode_t m), (p, m))

static int
fails_fcntl (int cmd)
{
  return (cmd == F_DUPFD_CLOEXEC && fails (DUPFD))
         || (cmd == F_SETFL && fails (SETFL));
}

#define FCNTL(name)                                                            \
  int name (int fd, int cmd, ...)                                              \
  {                                                                            \
    static int (*next) (int, int, ...);                                        \
    va_list ap;                                                                \
    void *arg;                                                                 \
    if (next == NULL)                                                          \
      next = (int (*) (int, int, ...)) dlsym (RTLD_NEXT, #name);               \
    va_start (ap, cmd);                                                        \
    arg = va_arg (ap, void *);                                                 \
    va_end (ap);                                                               \
    return fails_fcntl (cmd) ? -1 : next (fd, cmd, arg);                       \
  }

FCNTL (fcntl)
#undef fcntl64
FCNTL (fcntl64)
