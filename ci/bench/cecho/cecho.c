/* cecho: the peer in C, on GSocketService with asynchronous streams, as GIO's
 * documentation recommends it: one thread, one main loop, a structure for each
 * connection. With a certificate it speaks TLS by GIO. */

#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

#define BACKLOG 128 /* as the other peers; GIO's own is 10 */
#define SMALL 1024  /* what a connection holds while it waits */
#define BIG 65536   /* for one whose reads fill the small buffer */

typedef enum { WORK_ECHO, WORK_SINK, WORK_SOURCE } Work;

static Work work;
static int buffer_size; /* of an echo: SMALL, BIG, or 0 for SMALL until a read fills it */
static guint8 pattern[BIG]; /* what a source sends, over and over */

static GTlsCertificate *certificate; /* NULL: no TLS */

typedef struct {
  GIOStream *stream; /* the connection, or TLS over it */
  GInputStream *in;  /* both belong to the stream */
  GOutputStream *out;
  const guint8 *unwritten;
  gsize unwritten_len;
  guint8 *big;   /* NULL while the small buffer does */
  guint64 total; /* bytes that a sink has read */
  gboolean last; /* the write under way is the last one */
  guint8 small[SMALL];
} Client;

static void read_some (Client *client);
static void write_some (Client *client);

static void
client_free (Client *client)
{
  g_io_stream_close (client->stream, NULL, NULL);
  g_object_unref (client->stream);
  g_free (client->big);
  g_free (client);
}

static void
client_write (Client *client, const guint8 *data, gsize len)
{
  client->unwritten = data;
  client->unwritten_len = len;
  write_some (client);
}

static void
on_written (GObject *stream, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  gssize n = g_output_stream_write_finish (G_OUTPUT_STREAM (stream), result, NULL);

  if (n < 0)
    {
      client_free (client);
      return;
    }
  client->unwritten += n;
  client->unwritten_len -= n;
  if (client->unwritten_len > 0)
    write_some (client);
  else if (client->last)
    client_free (client);
  else if (work == WORK_SOURCE)
    client_write (client, pattern, sizeof pattern);
  else
    read_some (client);
}

static void
write_some (Client *client)
{
  g_output_stream_write_async (client->out, client->unwritten, client->unwritten_len,
                               G_PRIORITY_DEFAULT, NULL, on_written, client);
}

static void
on_read (GObject *stream, GAsyncResult *result, gpointer data)
{
  Client *client = data;
  gssize n = g_input_stream_read_finish (G_INPUT_STREAM (stream), result, NULL);

  if (n > 0 && work == WORK_ECHO)
    {
      guint8 *filled = client->big ? client->big : client->small;

      if (n == SMALL && !client->big && buffer_size == 0)
        client->big = g_malloc (BIG); /* for the next read */
      client_write (client, filled, n);
      return;
    }
  if (n > 0)
    {
      client->total += n;
      read_some (client);
      return;
    }
  if (n == 0 && work == WORK_SINK)
    {
      guint64 answer = GUINT64_TO_BE (client->total);

      memcpy (client->small, &answer, sizeof answer);
      client->last = TRUE;
      client_write (client, client->small, sizeof answer);
      return;
    }
  client_free (client);
}

static void
read_some (Client *client)
{
  g_input_stream_read_async (client->in, client->big ? client->big : client->small,
                             client->big ? BIG : SMALL, G_PRIORITY_DEFAULT, NULL, on_read, client);
}

static void
begin (Client *client)
{
  if (work == WORK_SOURCE)
    client_write (client, pattern, sizeof pattern);
  else
    read_some (client);
}

static void
on_handshake (GObject *tls, GAsyncResult *result, gpointer data)
{
  if (g_tls_connection_handshake_finish (G_TLS_CONNECTION (tls), result, NULL))
    begin (data);
  else
    client_free (data);
}

/* Without a database as it is constructed, each would read all authorities of
 * the system. */
static GIOStream *
tls_over (GSocketConnection *connection)
{
  return g_initable_new (g_tls_backend_get_server_connection_type (g_tls_backend_get_default ()), NULL, NULL,
                         "base-io-stream", connection, "certificate", certificate, "database", NULL, NULL);
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
  Client *client = g_new (Client, 1);

  client->stream = certificate != NULL ? tls_over (connection) : g_object_ref (G_IO_STREAM (connection));
  client->in = g_io_stream_get_input_stream (client->stream);
  client->out = g_io_stream_get_output_stream (client->stream);
  client->big = work == WORK_SINK || buffer_size == BIG ? g_malloc (BIG) : NULL;
  client->total = 0;
  client->last = FALSE;
  if (certificate != NULL)
    g_tls_connection_handshake_async (G_TLS_CONNECTION (client->stream), G_PRIORITY_DEFAULT, NULL, on_handshake, client);
  else
    begin (client);
  return TRUE;
}

/* TCP_NODELAY is inherited from the listening socket: one call, not one for
 * each connection. */
static void
on_event (GSocketListener *listener, GSocketListenerEvent event, GSocket *socket, gpointer data)
{
  if (event == G_SOCKET_LISTENER_LISTENING)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
}

static gboolean
parse (int argc, char **argv, char **address, GError **error)
{
  char *name = NULL, *cert = NULL, *key = NULL;
  GOptionEntry entries[] = {
    { "listen", 0, 0, G_OPTION_ARG_STRING, address, "address to listen on (default tcp:127.0.0.1:0)", "tcp:HOST:PORT" },
    { "work", 0, 0, G_OPTION_ARG_STRING, &name, "what to do with a connection", "echo|sink|source" },
    { "buffer", 0, 0, G_OPTION_ARG_INT, &buffer_size, "buffer of an echo; 0, the default: 1024 until a read fills it", "0|1024|65536" },
    { "tls-cert", 0, 0, G_OPTION_ARG_FILENAME, &cert, "certificate for TLS, in PEM", "FILE" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &key, "its key", "FILE" },
    { NULL }
  };
  GOptionContext *context = g_option_context_new ("- serve connections with GSocketService");
  gboolean ok;

  g_option_context_add_main_entries (context, entries, NULL);
  ok = g_option_context_parse (context, &argc, &argv, error);
  g_option_context_free (context);
  if (!ok)
    return FALSE;
  if (buffer_size != 0 && buffer_size != SMALL && buffer_size != BIG)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no such buffer: %d", buffer_size);
      g_free (name);
      return FALSE;
    }
  if (g_strcmp0 (name, "sink") == 0)
    work = WORK_SINK;
  else if (g_strcmp0 (name, "source") == 0)
    work = WORK_SOURCE;
  else if (name != NULL && strcmp (name, "echo") != 0)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "no such work: %s", name);
      g_free (name);
      return FALSE;
    }
  g_free (name);
  if (cert != NULL && key != NULL && (certificate = g_tls_certificate_new_from_files (cert, key, error)) == NULL)
    return FALSE;
  if (*address == NULL)
    *address = g_strdup ("tcp:127.0.0.1:0");
  if (!g_str_has_prefix (*address, "tcp:"))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "not tcp:HOST:PORT: %s", *address);
      return FALSE;
    }
  return TRUE;
}

/* Adds the address and says which one it has become. */
static gboolean
listen_on (GSocketListener *listener, const char *address, GError **error)
{
  GSocketConnectable *host = g_network_address_parse (address, 0, error);
  GSocketAddress *wanted, *bound = NULL;
  gboolean ok;

  if (host == NULL)
    return FALSE;
  wanted = g_inet_socket_address_new_from_string (g_network_address_get_hostname (G_NETWORK_ADDRESS (host)),
                                                  g_network_address_get_port (G_NETWORK_ADDRESS (host)));
  g_object_unref (host);
  if (wanted == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "not an address: %s", address);
      return FALSE;
    }
  ok = g_socket_listener_add_address (listener, wanted, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &bound, error);
  g_object_unref (wanted);
  if (ok)
    {
      char *text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (bound));

      g_print ("listening on tcp %s\n", text);
      g_free (text);
      g_object_unref (bound);
    }
  return ok;
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  char *address = NULL;
  GSocketService *service;
  gsize i;

  if (!parse (argc, argv, &address, &error))
    {
      g_printerr ("cecho: %s\n", error->message);
      return 2;
    }
  for (i = 0; i < sizeof pattern; i++)
    pattern[i] = (guint8) (i * 131 + (i >> 8) * 17);

  service = g_socket_service_new ();
  g_socket_listener_set_backlog (G_SOCKET_LISTENER (service), BACKLOG);
  g_signal_connect (service, "event", G_CALLBACK (on_event), NULL);
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), NULL);
  if (!listen_on (G_SOCKET_LISTENER (service), address + strlen ("tcp:"), &error))
    {
      g_printerr ("cecho: cannot listen on %s: %s\n", address, error->message);
      return 1;
    }
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
  return 0;
}
