/* A client and a server on GSocketClient and GSocketService. The protocol is in
 * doc.go.
 *
 * The client blocks, on threads where it is several; the server is asynchronous. */

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib-unix.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_CLOSE 100000
#define LARGE (4 << 20)
#define CHUNK (64 << 10)
#define BACKLOG 128 /* GIO's 10 is less than a crowd */

static const gsize messages[] = { 1, 100, 10000 };

static guchar *
pattern (gsize size)
{
  guchar *data = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    data[i] = i % 251;
  return data;
}

static void
say (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

/* must ends the program when an error is set. */
static void
must (GError *error)
{
  if (error == NULL)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (1);
}

static GSocketAddress *
address (const char *text)
{
  const char *name = strchr (text, ':') + 1, *port;
  char *host;
  GSocketAddress *result;

  if (g_str_has_prefix (text, "unix:"))
    return g_unix_socket_address_new (name);
  if (g_str_has_prefix (text, "abstract:"))
    return g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  port = strrchr (name, ':');
  host = g_strndup (name, port - name);
  result = g_inet_socket_address_new_from_string (host, atoi (port + 1));
  g_free (host);
  return result;
}

/* Tally counts and sums up what passes. */
typedef struct
{
  gsize size;
  GChecksum *sum;
} Tally;

static void
tally_add (Tally *tally, const void *data, gsize size)
{
  if (tally->sum == NULL)
    tally->sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (tally->sum, data, size);
  tally->size += size;
}

static char *
tally_end (Tally *tally)
{
  char *text;
  tally_add (tally, "", 0);
  text = g_strdup_printf ("%" G_GSIZE_FORMAT " %s", tally->size, g_checksum_get_string (tally->sum));
  g_checksum_free (tally->sum);
  return text;
}

static void
say_sent (const void *data, gsize size)
{
  Tally tally = { 0 };
  char *text;
  tally_add (&tally, data, size);
  text = tally_end (&tally);
  say ("sent %s", text);
  g_free (text);
}

/* The client. */

static GSocketConnection *
dial (const char *where)
{
  GError *error = NULL;
  GSocketClient *client = g_socket_client_new ();
  GSocketAddress *to = address (where);
  GSocketConnection *conn;

  g_socket_client_set_enable_proxy (client, FALSE);
  conn = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (to), NULL, &error);
  must (error);
  g_object_unref (to);
  g_object_unref (client);
  return conn;
}

static void
hang_up (GSocketConnection *conn)
{
  GError *error = NULL;
  g_io_stream_close (G_IO_STREAM (conn), NULL, &error);
  must (error);
  g_object_unref (conn);
}

static void
put (GSocketConnection *conn, const void *data, gsize size)
{
  GError *error = NULL;
  g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (conn)), data, size, NULL, NULL, &error);
  must (error);
}

static gsize
get (GSocketConnection *conn, void *data, gsize size)
{
  GError *error = NULL;
  gsize n;
  g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (conn)), data, size, &n, NULL, &error);
  must (error);
  return n;
}

static void
shut_writing (GSocketConnection *conn)
{
  GError *error = NULL;
  g_socket_shutdown (g_socket_connection_get_socket (conn), FALSE, TRUE, &error);
  must (error);
}

static void
exchange (GSocketConnection *conn, const void *message, gsize size)
{
  guchar *back = g_malloc (size);
  put (conn, message, size);
  if (get (conn, back, size) < size)
    {
      fprintf (stderr, "the connection ended early\n");
      exit (1);
    }
  if (memcmp (back, message, size) != 0)
    {
      fprintf (stderr, "something else came back\n");
      exit (1);
    }
  g_free (back);
}

static void
client_echo (const char *where)
{
  GSocketConnection *conn = dial (where);
  gsize total = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      guchar *message = pattern (messages[i]);
      exchange (conn, message, messages[i]);
      total += messages[i];
      g_free (message);
    }
  hang_up (conn);
  say ("echoed %" G_GSIZE_FORMAT, total);
}

static void
client_half_close (const char *where)
{
  GSocketConnection *conn = dial (where);
  guchar *data = pattern (HALF_CLOSE);
  char answer[256];
  gsize n;

  put (conn, data, HALF_CLOSE);
  shut_writing (conn);
  say_sent (data, HALF_CLOSE);
  n = get (conn, answer, sizeof answer);
  say ("answered %.*s", (int) n, answer);
  hang_up (conn);
  g_free (data);
}

static gpointer
send_large (gpointer conn)
{
  guchar *data = pattern (LARGE);
  put (conn, data, LARGE);
  shut_writing (conn);
  return data;
}

static void
client_large (const char *where)
{
  GSocketConnection *conn = dial (where);
  GThread *sender = g_thread_new ("sender", send_large, conn);
  guchar *buffer = g_malloc (CHUNK), *sent;
  Tally received = { 0 };
  gsize n;
  char *text;

  while ((n = get (conn, buffer, CHUNK)) > 0)
    tally_add (&received, buffer, n);
  sent = g_thread_join (sender);
  hang_up (conn);
  say_sent (sent, LARGE);
  text = tally_end (&received);
  say ("received %s", text);
  g_free (text);
  g_free (sent);
  g_free (buffer);
}

typedef struct
{
  const char *where;
  int number, rounds;
} Visit;

static gpointer
visit (gpointer data)
{
  Visit *v = data;
  for (int n = 0; n < v->rounds; n++)
    {
      GSocketConnection *conn = dial (v->where);
      char number[16];
      g_snprintf (number, sizeof number, "%08d", v->number * v->rounds + n);
      exchange (conn, number, 8);
      hang_up (conn);
    }
  return GINT_TO_POINTER (v->rounds);
}

static void
client_crowd (const char *where, int width, int rounds)
{
  Visit *visits = g_new (Visit, width);
  GThread **threads = g_new (GThread *, width);
  int served = 0;

  for (int i = 0; i < width; i++)
    {
      visits[i] = (Visit) { where, i, rounds };
      threads[i] = g_thread_new ("visitor", visit, &visits[i]);
    }
  for (int i = 0; i < width; i++)
    served += GPOINTER_TO_INT (g_thread_join (threads[i]));
  say ("served %d", served);
  g_free (threads);
  g_free (visits);
}

static int
client (const char *scenario, const char *where)
{
  if (strcmp (scenario, "echo") == 0)
    client_echo (where);
  else if (strcmp (scenario, "halfclose") == 0)
    client_half_close (where);
  else if (strcmp (scenario, "large") == 0)
    client_large (where);
  else if (strcmp (scenario, "many") == 0)
    client_crowd (where, 50, 1);
  else if (strcmp (scenario, "restart") == 0)
    client_crowd (where, 8, 25);
  else
    return 2;
  return 0;
}

/* The server. */

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

static int
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

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  if (strcmp (argv[1], "client") == 0)
    return client (argv[2], argv[3]);
  return server (argv[2], argv[3]);
}
