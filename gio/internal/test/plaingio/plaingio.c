/* Each function shows on plain GIO, without this library, what a promise of its
 * documentation comes to. They run on the calling thread, which must not be one
 * that iterates another context. A result below 0 means that the scene itself
 * failed. */
#include "plaingio.h"

#include <errno.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  GMainContext *context;
  GSocketService *service;
  int port[2];
  int served;         /* by "incoming" */
  int order[64];      /* the ports of the served, in their order */
  int running, ended; /* of "run"; atomic */
} scene;

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection,
             GObject *source, gpointer data)
{
  scene *s = data;
  GSocketAddress *a = g_socket_connection_get_local_address (connection, NULL);

  if (a != NULL)
    {
      s->order[s->served % 64]
          = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (a));
      g_object_unref (a);
    }
  s->served++;
  return TRUE;
}

static gboolean
on_run (GThreadedSocketService *service, GSocketConnection *connection,
        GObject *source, gpointer data)
{
  scene *s = data;
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  char c;

  g_atomic_int_inc (&s->running);
  g_input_stream_read (in, &c, 1, NULL, NULL); /* until the client goes */
  g_atomic_int_inc (&s->ended);
  return TRUE;
}

static void
open_scene (scene *s, int max_threads)
{
  memset (s, 0, sizeof *s);
  s->context = g_main_context_new ();
  g_main_context_push_thread_default (s->context);
  s->service = max_threads != 0
                   ? g_threaded_socket_service_new (max_threads)
                   : g_socket_service_new ();
  if (max_threads != 0)
    g_signal_connect (s->service, "run", G_CALLBACK (on_run), s);
  else
    g_signal_connect (s->service, "incoming", G_CALLBACK (on_incoming), s);
}

static void
listen_on (scene *s, int i)
{
  s->port[i] = g_socket_listener_add_any_inet_port (
      G_SOCKET_LISTENER (s->service), NULL, NULL);
}

static gboolean
on_time (gpointer data)
{
  *(int *) data = 1;
  return G_SOURCE_REMOVE;
}

/* iterate until *count is at least want, or for ms. */
static void
iterate (scene *s, int *count, int want, int ms)
{
  GSource *timer = g_timeout_source_new (ms);
  int late = 0;

  g_source_set_callback (timer, on_time, &late, NULL);
  g_source_attach (timer, s->context);
  while (!late && (count == NULL || g_atomic_int_get (count) < want))
    {
      g_main_context_iteration (s->context, count == NULL);
      if (count != NULL)
        g_usleep (200);
    }
  g_source_destroy (timer);
  g_source_unref (timer);
}

static void
close_scene (scene *s)
{
  int i;

  g_socket_service_stop (s->service);
  iterate (s, NULL, 0, 20);
  g_socket_listener_close (G_SOCKET_LISTENER (s->service));
  iterate (s, NULL, 0, 20);
  /* Where a worker's start has put the accept: it holds the service. */
  for (i = 0; i < 8; i++)
    g_main_context_iteration (NULL, FALSE);
  g_object_unref (s->service);
  g_main_context_pop_thread_default (s->context);
  g_main_context_unref (s->context);
}

static int
client (int port)
{
  struct sockaddr_in sa = { .sin_family = AF_INET };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  sa.sin_port = htons ((uint16_t) port);
  sa.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  if (connect (fd, (struct sockaddr *) &sa, sizeof sa) != 0)
    {
      close (fd);
      return -1;
    }
  return fd;
}

int
plain_stop_loses (void)
{
  scene s;
  int fd, lost;

  open_scene (&s, 0);
  listen_on (&s, 0);
  iterate (&s, NULL, 0, 5);
  fd = client (s.port[0]); /* in the queue */
  g_socket_service_stop (s.service);
  iterate (&s, NULL, 0, 20);
  g_socket_service_start (s.service);
  iterate (&s, &s.served, 1, 300);
  lost = 1 - s.served;
  close (fd);
  close_scene (&s);
  return fd < 0 ? -1 : lost;
}

int
plain_start_before_add_accepts (void)
{
  scene s;
  int fd, served;

  open_scene (&s, 0);
  g_socket_service_stop (s.service);
  g_socket_service_start (s.service);
  listen_on (&s, 0);
  fd = client (s.port[0]);
  iterate (&s, &s.served, 1, 300);
  served = s.served;
  close (fd);
  close_scene (&s);
  return fd < 0 ? -1 : served;
}

/* How many clients of the busy port came before the only one of the other. */
int
plain_served_before_second (void)
{
  scene s;
  int fds[9], i, n;

  open_scene (&s, 0);
  listen_on (&s, 0);
  listen_on (&s, 1);
  iterate (&s, NULL, 0, 5); /* adding an address loses clients, too */
  for (i = 0; i < 8; i++)
    fds[i] = client (s.port[0]);
  fds[8] = client (s.port[1]);
  iterate (&s, &s.served, 9, 1000);
  for (n = 0; n < s.served && s.order[n] != s.port[1]; n++)
    ;
  for (i = 0; i < 9; i++)
    close (fds[i]);
  i = s.served;
  close_scene (&s);
  return i != 9 ? -1 : n;
}

/* Whether a second client is run once the only worker is free again. */
int
plain_threaded_goes_on (void)
{
  scene s;
  int one, two, went_on;

  open_scene (&s, 1);
  listen_on (&s, 0);
  one = client (s.port[0]);
  iterate (&s, &s.running, 1, 2000);
  if (one < 0 || g_atomic_int_get (&s.running) != 1)
    return -1;
  two = client (s.port[0]);
  close (one);
  iterate (&s, &s.ended, 1, 2000);
  iterate (&s, &s.running, 2, 500);
  went_on = g_atomic_int_get (&s.running) == 2;
  close (two);
  if (went_on)
    iterate (&s, &s.ended, 2, 2000);
  close_scene (&s);
  return went_on;
}

/* Whether a stop holds when the worker ends after it. */
int
plain_stop_holds_at_max_threads (void)
{
  scene s;
  int fd, i, active = 0;

  open_scene (&s, 1);
  listen_on (&s, 0);
  fd = client (s.port[0]);
  iterate (&s, &s.running, 1, 2000);
  if (fd < 0 || g_atomic_int_get (&s.running) != 1)
    return -1;
  g_socket_service_stop (s.service);
  close (fd);
  for (i = 0; i < 100 && !active; i++)
    {
      iterate (&s, NULL, 0, 5);
      active = g_socket_service_is_active (s.service);
    }
  close_scene (&s);
  return !active;
}

static void
on_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  ++*(int *) data;
}

int
plain_set_backlog_notifies (void)
{
  GSocketListener *l = g_socket_listener_new ();
  int n = 0;

  g_signal_connect (l, "notify::listen-backlog", G_CALLBACK (on_notify), &n);
  g_socket_listener_set_backlog (l, 20);
  g_object_unref (l);
  return n;
}

static gpointer
write_to_broken_pipe (gpointer data)
{
  int ends[2];
  gssize n;

  if (pipe (ends) != 0)
    return GINT_TO_POINTER (-1);
  close (ends[0]);
  n = write (ends[1], "x", 1);
  n = n < 0 ? errno : 0;
  close (ends[1]);
  return GSIZE_TO_POINTER (n);
}

int
plain_write_to_broken_pipe (void)
{
  return GPOINTER_TO_INT (
      g_thread_join (g_thread_new ("broken pipe", write_to_broken_pipe, NULL)));
}
