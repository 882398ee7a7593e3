/* SIGPIPE, which the class of GSocket has ignored in the whole process, and so in
 * every program that this one becomes or starts by exec alone. */
#include "object.h"

#include <gio/gio.h>
#include <signal.h>

/* Nothing to do: the write answers EPIPE. */
static void
broken_pipe (int signum)
{
}

/* A handler protects GLib's threads as well, and ends with exec. Go's own is none of
 * use: on a thread that is not Go's it ends the process. */
void
gsv_handle_sigpipe (void)
{
  struct sigaction before, now;
  struct sigaction handler
      = { .sa_handler = broken_pipe, .sa_flags = SA_ONSTACK | SA_RESTART };

  if (sigaction (SIGPIPE, NULL, &before) != 0
      || before.sa_handler == SIG_IGN) /* by somebody's wish */
    return;
  g_type_class_ref (G_TYPE_SOCKET); /* for good: no other time follows */
  if (sigaction (SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
    sigaction (SIGPIPE, &handler, NULL);
}
