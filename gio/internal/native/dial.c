/* One asynchronous connect of GSocketClient per dial. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "client.h"
#include "connection.h"
#include "dialclient.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint64_t dials_alive;

static void
on_dial_gone (gpointer data, GObject *where_the_object_was)
{
  __atomic_sub_fetch (&dials_alive, 1, __ATOMIC_RELAXED);
}

/* Everything that GIO makes for a dial holds the GCancellable: once it is
 * finalized nothing of the dial is left but the connection. */
GCancellable *
gsv_dial_new (void)
{
  GCancellable *c = g_cancellable_new ();

  __atomic_add_fetch (&dials_alive, 1, __ATOMIC_RELAXED);
  g_object_weak_ref (G_OBJECT (c), on_dial_gone, NULL);
  return c;
}

uint64_t
gsv_dials_alive (void)
{
  return __atomic_load_n (&dials_alive, __ATOMIC_RELAXED);
}

typedef struct {
  uint64_t id;
  int kind;
  GMainContext *context; /* one reference */
  int left;              /* iterations until the end is told */
  gsv_local_port *local;     /* of the client that it is on, or NULL */
  GSocketConnectable *traced; /* what is connected to, one reference, or NULL */
  gulong trace;               /* the handler of the client's events for it */
} dial_data;

static void
dial_free (dial_data *d)
{
  g_main_context_unref (d->context);
  g_clear_object (&d->traced);
  g_free (d);
}

/* The events of a client are those of all its dials. */
static void
on_traced (GSocketClient *client, GSocketClientEvent event,
           GSocketConnectable *connectable, GIOStream *stream, gpointer data)
{
  dial_data *d = data;
  gsv_client_event e = { .event = (int) event };

  if (connectable != d->traced)
    return;
  if (G_IS_SOCKET_CONNECTION (stream))
    e.peer_len = gsv_remote (G_SOCKET_CONNECTION (stream), &e.peer);
  gsvGoDialEvent (d->id, &e);
}

/* What was still under way when a dial failed is cancelled, and notices in the
 * next few iterations: on a loop that has been closed these have to be asked
 * for, so the dial's end is told after them. */
#define LAST_ITERATIONS 8

static gboolean
linger (gpointer data)
{
  dial_data *d = data;

  if (--d->left > 0)
    return G_SOURCE_CONTINUE;
  gsvGoDialEnded (d->id);
  dial_free (d);
  return G_SOURCE_REMOVE;
}

/* GIO's asynchronous errors have forgotten their errno, but the message ends
 * with its text. */
static int
errno_of (GError *error)
{
  int e;

  if (error->domain == G_IO_ERROR)
    for (e = 1; e < 134; e++)
      if (g_str_has_suffix (error->message, g_strerror (e)))
        return e;
  return 0;
}

/* usable makes a finished connection ready for Go. FALSE: there are bytes
 * between the socket and the user that only a GIOStream understands. */
static gboolean
usable (GSocketConnection *connection)
{
  GSocket *socket = g_socket_connection_get_socket (connection);

  /* A proxy's handshake ends with the plain connection; TLS is wrapped. */
  if (G_IS_TCP_WRAPPER_CONNECTION (connection))
    return FALSE;
  /* GIO has its timeout go on for reading and writing: deadlines do that. */
  g_socket_set_timeout (socket, 0);
  if (g_socket_get_family (socket) != G_SOCKET_FAMILY_UNIX)
    g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  return TRUE;
}

/* The result of a dial goes to Go at once; its end is told when nothing of it is
 * left here. */
static void
on_dialed (GObject *source, GAsyncResult *result, gpointer data)
{
  GSocketClient *client = G_SOCKET_CLIENT (source);
  dial_data *d = data;
  GSocketConnection *connection;
  gsv_error err = { 0 };
  gsv_dialed dialed;
  GSource *look;

  if (d->trace != 0)
    g_signal_handler_disconnect (client, d->trace);
  switch (d->kind)
    {
    case GSV_DIAL_HOST:
      connection = g_socket_client_connect_to_host_finish (client, result,
                                                           &err.error);
      break;
    case GSV_DIAL_SERVICE:
      connection = g_socket_client_connect_to_service_finish (client, result,
                                                              &err.error);
      break;
    case GSV_DIAL_URI:
      connection
          = g_socket_client_connect_to_uri_finish (client, result, &err.error);
      break;
    default:
      connection
          = g_socket_client_connect_finish (client, result, &err.error);
    }
  if (connection != NULL && !usable (connection))
    {
      g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
      g_clear_object (&connection);
      g_set_error_literal (&err.error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                           "the connection is not a plain socket");
    }
  if (connection != NULL)
    {
      dialed.connection = connection;
      dialed.socket = g_socket_connection_get_socket (connection);
      dialed.fd = g_socket_get_fd (dialed.socket);
      dialed.peer_len = gsv_remote (connection, &dialed.peer);
      gsvGoDialed (d->id, &dialed, NULL);
    }
  else
    {
      if (d->local != NULL && d->local->bind_errno != 0)
        {
          g_clear_error (&err.error);
          err.error = g_error_new (
              G_IO_ERROR, g_io_error_from_errno (d->local->bind_errno),
              "Error binding to local port %d: %s", d->local->port,
              g_strerror (d->local->bind_errno));
        }
      err.sys_errno = errno_of (err.error);
      gsvGoDialed (d->id, NULL, &err); /* which clears it */
      d->left = LAST_ITERATIONS;
      look = g_idle_source_new ();
      g_source_set_priority (look, G_PRIORITY_DEFAULT);
      g_source_set_callback (look, linger, d, NULL);
      g_source_attach (look, d->context);
      g_source_unref (look);
      return;
    }
  gsvGoDialEnded (d->id);
  dial_free (d);
}

void
gsv_dial_start (GSocketClient *original, GMainContext *context,
                GCancellable *cancellable, uint64_t id,
                const gsv_target *target)
{
  GSocketClient *client;
  GSocketConnectable *connectable = NULL;
  dial_data *d = g_new0 (dial_data, 1);

  d->id = id;
  d->kind = target->kind;
  d->context = g_main_context_ref (context);
  g_main_context_push_thread_default (context);
  if (target->local_port != 0)
    {
      d->local = g_new0 (gsv_local_port, 1);
      d->local->port = target->local_port;
    }
  client = gsv_client_for (original, target->family, target->type, target->multipath, d->local);
  switch (target->kind)
    {
    case GSV_DIAL_NATIVE:
      connectable = G_SOCKET_CONNECTABLE (
          g_socket_address_new_from_native ((gpointer) target->a, target->len));
      break;
    case GSV_DIAL_NAME:
      connectable = g_network_address_new (target->a, target->port);
      break;
    case GSV_DIAL_LOOPBACK:
      connectable = g_network_address_new_loopback (target->port);
      break;
    case GSV_DIAL_HOST:
      /* What cannot be read fails with GIO's own error. */
      connectable = g_network_address_parse (target->a, target->port, NULL);
      if (connectable == NULL)
        g_socket_client_connect_to_host_async (client, target->a, target->port, cancellable,
                                               on_dialed, d);
      break;
    case GSV_DIAL_SERVICE:
      g_socket_client_connect_to_service_async (client, target->a, target->b, cancellable,
                                                on_dialed, d);
      break;
    case GSV_DIAL_URI:
      connectable = g_network_address_parse_uri (target->a, target->port, NULL);
      if (connectable == NULL)
        g_socket_client_connect_to_uri_async (client, target->a, target->port, cancellable,
                                              on_dialed, d);
      break;
    case GSV_DIAL_CONNECTABLE:
      connectable = g_object_ref (G_SOCKET_CONNECTABLE (target->connectable));
      break;
    }
  if (connectable != NULL)
    {
      d->kind = GSV_DIAL_NATIVE;
      connectable = gsv_for_proxies (client, connectable);
      if (target->traced)
        {
          d->traced = g_object_ref (connectable);
          d->trace = g_signal_connect (client, "event", G_CALLBACK (on_traced), d);
        }
      g_socket_client_connect_async (client, connectable, cancellable,
                                     on_dialed, d);
      g_object_unref (connectable);
    }
  g_object_unref (client); /* the GTask holds it now */
  g_main_context_pop_thread_default (context);
}

static gboolean
cancel (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return G_SOURCE_REMOVE;
}

/* On the loop's thread, where everything else of the dial happens: GIO has had
 * races between a cancel and the end of what it cancels. Works on a context
 * whose Loop is closed, too. */
void
gsv_dial_cancel (GMainContext *context, GCancellable *cancellable)
{
  g_main_context_invoke_full (context, G_PRIORITY_DEFAULT, cancel,
                              g_object_ref (cancellable), g_object_unref);
}

/* gsv_drain runs what waits in a context that nobody iterates any more. FALSE:
 * another thread has it. */
int
gsv_drain (GMainContext *context)
{
  int i;

  if (!g_main_context_acquire (context))
    return FALSE;
  g_main_context_push_thread_default (context);
  for (i = 0; i < 64 && g_main_context_iteration (context, FALSE); i++)
    ;
  g_main_context_pop_thread_default (context);
  g_main_context_release (context);
  return TRUE;
}
