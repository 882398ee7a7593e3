/* The server: asynchronous, on one thread. */

#include "peer.h"

#include <glib-unix.h>
#include <string.h>

#define BACKLOG 128 /* GIO's 10 is less than a crowd */

typedef struct
{
  GSocketConnection *conn; /* owned */
  gboolean large;
  Tally tally;
  GBytes *part; /* owned while it is written */
  char *total;  /* set at the end */
} Session;

static void have_read (GObject *stream, GAsyncResult *result, gpointer data);

static void
session_read (Session *s)
{
  g_input_stream_read_bytes_async (g_io_stream_get_input_stream (G_IO_STREAM (s->conn)), CHUNK,
                                   G_PRIORITY_DEFAULT, NULL, have_read, s);
}

static void
session_end (Session *s)
{
  hang_up (s->conn);
  g_free (s->total);
  g_free (s);
}

static void
have_written (GObject *stream, GAsyncResult *result, gpointer data)
{
  Session *s = data;
  GError *error = NULL;
  g_output_stream_write_all_finish (G_OUTPUT_STREAM (stream), result, NULL, &error);
  must (error);
  g_clear_pointer (&s->part, g_bytes_unref);
  if (s->total == NULL)
    session_read (s);
  else
    session_end (s);
}

static void
session_write (Session *s, const void *data, gsize size)
{
  g_output_stream_write_all_async (g_io_stream_get_output_stream (G_IO_STREAM (s->conn)), data, size,
                                   G_PRIORITY_DEFAULT, NULL, have_written, s);
}

static void
have_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  Session *s = data;
  GError *error = NULL;
  gsize size;
  const void *bytes;

  s->part = g_input_stream_read_bytes_finish (G_INPUT_STREAM (stream), result, &error);
  must (error);
  bytes = g_bytes_get_data (s->part, &size);
  tally_add (&s->tally, bytes, size);
  if (size > 0 && s->large)
    {
      session_write (s, bytes, size);
      return;
    }
  g_clear_pointer (&s->part, g_bytes_unref);
  if (size > 0)
    {
      session_read (s);
      return;
    }
  s->total = tally_end (&s->tally);
  say ("received %s", s->total);
  if (s->large)
    session_end (s);
  else
    session_write (s, s->total, strlen (s->total));
}

static void
echoed (GObject *stream, GAsyncResult *result, gpointer conn)
{
  GError *error = NULL;
  g_output_stream_splice_finish (G_OUTPUT_STREAM (stream), result, &error);
  must (error);
  hang_up (conn);
}

static gboolean
incoming (GSocketService *service, GSocketConnection *conn, GObject *source, gpointer scenario)
{
  gboolean large = strcmp (scenario, "large") == 0;
  g_object_ref (conn);
  if (large || strcmp (scenario, "halfclose") == 0)
    {
      Session *s = g_new0 (Session, 1);
      s->conn = conn;
      s->large = large;
      session_read (s);
    }
  else
    g_output_stream_splice_async (g_io_stream_get_output_stream (G_IO_STREAM (conn)),
                                  g_io_stream_get_input_stream (G_IO_STREAM (conn)), G_OUTPUT_STREAM_SPLICE_NONE,
                                  G_PRIORITY_DEFAULT, NULL, echoed, conn);
  return TRUE;
}

static gboolean
stdin_ended (gint fd, GIOCondition condition, gpointer loop)
{
  g_main_loop_quit (loop);
  return G_SOURCE_REMOVE;
}

int
server (char *scenario, const char *where)
{
  GMainLoop *loop = g_main_loop_new (NULL, FALSE);
  GSocketService *service = g_socket_service_new ();
  GSocketAddress *effective, *asked = address (where);
  GError *error = NULL;

  g_socket_listener_set_backlog (G_SOCKET_LISTENER (service), BACKLOG);
  g_signal_connect (service, "incoming", G_CALLBACK (incoming), scenario);
  g_socket_listener_add_address (G_SOCKET_LISTENER (service), asked, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT,
                                 NULL, &effective, &error);
  must (error);
  if (G_IS_INET_SOCKET_ADDRESS (effective))
    {
      char *text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (effective));
      say ("listening tcp:%s", text);
      g_free (text);
    }
  else
    say ("listening %s", where);
  g_unix_fd_add (0, G_IO_IN | G_IO_HUP, stdin_ended, loop);
  g_main_loop_run (loop);
  g_socket_service_stop (service);
  g_object_unref (service);
  g_object_unref (asked);
  g_object_unref (effective);
  g_main_loop_unref (loop);
  return 0;
}
