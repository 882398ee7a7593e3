/* The client: blocking, on threads where it is several. */

#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HALF_CLOSE 100000

static const gsize messages[] = { 1, 100, 10000 };

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

int
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
