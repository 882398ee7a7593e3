/* A GSocketService as a C program would have it, for the fault table: an echo
 * on TCP or at a path. It tells where it listens, and does what it reads:
 *
 *     hog     take every descriptor        free    give them back
 *     stop    g_socket_service_stop        start   g_socket_service_start
 *     close   stop, close and end
 *     rest    hold the loop for half a second, once that was answered
 *     steal   what a program does that has a duplicate of the listening socket:
 *             take the client and make the socket a blocking one
 *
 *     cc -o plain plain.c $(pkg-config --cflags --libs gio-2.0 gio-unix-2.0)
 */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static GSocketService *service;
static GMainLoop *loop;
static int hogged[65536], n_hogged;

static void
on_spliced (GObject *out, GAsyncResult *result, gpointer connection)
{
  g_output_stream_splice_finish (G_OUTPUT_STREAM (out), result, NULL);
  g_io_stream_close (connection, NULL, NULL);
  g_object_unref (connection);
}

static gboolean
on_incoming (GSocketService *s, GSocketConnection *c, GObject *source,
             gpointer data)
{
  GSocketAddress *peer = g_socket_connection_get_remote_address (c, NULL);

  if (peer == NULL)
    {
      printf ("no address\n");
      fflush (stdout);
    }
  else
    g_object_unref (peer);
  g_output_stream_splice_async (
      g_io_stream_get_output_stream (G_IO_STREAM (c)),
      g_io_stream_get_input_stream (G_IO_STREAM (c)),
      G_OUTPUT_STREAM_SPLICE_NONE, 0, NULL, on_spliced, g_object_ref (c));
  return TRUE;
}

static void
steal (void)
{
  int fd, client;

  for (fd = 3; fd < 64; fd++)
    {
      int listens = 0;
      socklen_t len = sizeof listens;
      if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0
          || !listens)
        continue;
      client = accept (fd, NULL, NULL);
      fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) & ~O_NONBLOCK);
      if (client >= 0)
        close (client);
      return;
    }
}

static gboolean
on_command (GIOChannel *channel, GIOCondition condition, gpointer data)
{
  char *line = NULL;

  if (g_io_channel_read_line (channel, &line, NULL, NULL, NULL)
      != G_IO_STATUS_NORMAL)
    {
      g_main_loop_quit (loop);
      return FALSE;
    }
  g_strchomp (line);
  if (strcmp (line, "hog") == 0)
    while ((hogged[n_hogged] = open ("/dev/null", O_RDONLY)) >= 0)
      n_hogged++;
  else if (strcmp (line, "free") == 0)
    while (n_hogged > 0)
      close (hogged[--n_hogged]);
  else if (strcmp (line, "stop") == 0)
    g_socket_service_stop (service);
  else if (strcmp (line, "start") == 0)
    g_socket_service_start (service);
  else if (strcmp (line, "close") == 0)
    {
      g_socket_service_stop (service);
      g_socket_listener_close (G_SOCKET_LISTENER (service));
      g_main_loop_quit (loop);
    }
  else if (strcmp (line, "steal") == 0)
    steal ();
  printf ("done\n");
  fflush (stdout);
  if (strcmp (line, "rest") == 0)
    g_usleep (500000);
  g_free (line);
  return TRUE;
}

int
main (int argc, char **argv)
{
  GSocketAddress *address, *effective = NULL;
  GIOChannel *in = g_io_channel_unix_new (0);
  GError *error = NULL;

  address = argc > 1 ? g_unix_socket_address_new (argv[1])
                     : g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  service = g_socket_service_new ();
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  if (!g_socket_listener_add_address (
          G_SOCKET_LISTENER (service), address, G_SOCKET_TYPE_STREAM,
          G_SOCKET_PROTOCOL_DEFAULT, NULL, &effective, &error))
    {
      printf ("error %s\n", error->message);
      return 0;
    }
  printf ("listening %d\n",
          argc > 1 ? 0
                   : g_inet_socket_address_get_port (
                       G_INET_SOCKET_ADDRESS (effective)));
  fflush (stdout);
  g_io_add_watch (in, G_IO_IN | G_IO_HUP, on_command, NULL);
  loop = g_main_loop_new (NULL, FALSE);
  g_main_loop_run (loop);
  return 0;
}
