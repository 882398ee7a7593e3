#include "elsewhere.h"

#include <gio/gio.h>

uintptr_t
else_connect (int port, int tls)
{
  GSocketClient *client = g_socket_client_new ();
  GSocketConnection *c;

  g_socket_client_set_enable_proxy (client, FALSE);
  if (tls)
    {
      g_socket_client_set_tls (client, TRUE);
      G_GNUC_BEGIN_IGNORE_DEPRECATIONS
      g_socket_client_set_tls_validation_flags (client, 0);
      G_GNUC_END_IGNORE_DEPRECATIONS
    }
  c = g_socket_client_connect_to_host (client, "127.0.0.1", port, NULL, NULL);
  g_object_unref (client);
  return (uintptr_t) c;
}

static uintptr_t
connection_of (GSocket *socket)
{
  GSocketConnection *c = g_socket_connection_factory_create_connection (socket);

  g_object_unref (socket);
  return (uintptr_t) c;
}

uintptr_t
else_unconnected (void)
{
  return connection_of (g_socket_new (G_SOCKET_FAMILY_IPV4,
                                      G_SOCKET_TYPE_STREAM, 0, NULL));
}

uintptr_t
else_datagram (void)
{
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4,
                                  G_SOCKET_TYPE_DATAGRAM, 0, NULL);
  GSocketAddress *to = g_inet_socket_address_new_from_string ("127.0.0.1", 9);

  g_socket_connect (socket, to, NULL, NULL);
  g_object_unref (to);
  return connection_of (socket);
}

uintptr_t
else_wrapper (uintptr_t base, uintptr_t socket_of)
{
  return (uintptr_t) g_tcp_wrapper_connection_new (
      (GIOStream *) base,
      g_socket_connection_get_socket ((GSocketConnection *) socket_of));
}

long
else_read (uintptr_t connection, void *buf, long n)
{
  return g_input_stream_read (
      g_io_stream_get_input_stream ((GIOStream *) connection), buf, n, NULL,
      NULL);
}

int
else_write (uintptr_t connection, const void *buf, long n)
{
  return g_output_stream_write_all (
      g_io_stream_get_output_stream ((GIOStream *) connection), buf, n, NULL,
      NULL, NULL);
}

int
else_close (uintptr_t connection)
{
  return g_io_stream_close ((GIOStream *) connection, NULL, NULL);
}

int
else_is_closed (uintptr_t connection)
{
  return g_io_stream_is_closed ((GIOStream *) connection);
}

int
else_is_connected (uintptr_t connection)
{
  return g_socket_connection_is_connected ((GSocketConnection *) connection);
}

const char *
else_type (uintptr_t object)
{
  return G_OBJECT_TYPE_NAME ((gpointer) object);
}

uintptr_t
else_base (uintptr_t wrapper)
{
  return (uintptr_t) g_tcp_wrapper_connection_get_base_io_stream (
      (GTcpWrapperConnection *) wrapper);
}

int
else_is_tls (uintptr_t object)
{
  return G_IS_TLS_CONNECTION ((gpointer) object);
}

void
else_set_graceful (uintptr_t connection, int on)
{
  g_tcp_connection_set_graceful_disconnect ((GTcpConnection *) connection, on);
}

static gint alive;

static void
on_gone (gpointer data, GObject *object)
{
  g_atomic_int_add (&alive, -1);
}

void
else_count (uintptr_t object)
{
  g_atomic_int_inc (&alive);
  g_object_weak_ref ((GObject *) object, on_gone, NULL);
}

int
else_alive (void)
{
  return g_atomic_int_get (&alive);
}

unsigned
else_ref_count (uintptr_t object)
{
  return ((GObject *) object)->ref_count;
}

void
else_ref (uintptr_t object)
{
  g_object_ref ((gpointer) object);
}

void
else_unref (uintptr_t object)
{
  g_object_unref ((gpointer) object);
}

/* A service as a program in C has it. */
struct else_service {
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  GSocketService *service;
  GAsyncQueue *accepted;
};

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection,
             GObject *source, gpointer accepted)
{
  g_async_queue_push (accepted, g_object_ref (connection));
  return TRUE;
}

static gpointer
iterate (gpointer data)
{
  else_service *s = data;

  g_main_context_push_thread_default (s->context);
  g_main_loop_run (s->loop);
  g_main_context_pop_thread_default (s->context);
  return NULL;
}

else_service *
else_service_new (int *port)
{
  else_service *s = g_new0 (else_service, 1);

  s->context = g_main_context_new ();
  s->loop = g_main_loop_new (s->context, FALSE);
  s->accepted = g_async_queue_new ();
  g_main_context_push_thread_default (s->context);
  s->service = g_socket_service_new ();
  *port = g_socket_listener_add_any_inet_port (G_SOCKET_LISTENER (s->service),
                                               NULL, NULL);
  g_signal_connect (s->service, "incoming", G_CALLBACK (on_incoming),
                    s->accepted);
  g_main_context_pop_thread_default (s->context);
  s->thread = g_thread_new ("elsewhere", iterate, s);
  return s;
}

uintptr_t
else_service_accept (else_service *s)
{
  return (uintptr_t) g_async_queue_pop (s->accepted);
}

void
else_service_free (else_service *s)
{
  g_main_loop_quit (s->loop);
  g_thread_join (s->thread);
  g_socket_service_stop (s->service);
  g_socket_listener_close (G_SOCKET_LISTENER (s->service));
  while (g_main_context_iteration (s->context, FALSE))
    ;
  g_object_unref (s->service);
  g_main_loop_unref (s->loop);
  g_main_context_unref (s->context);
  g_async_queue_unref (s->accepted);
  g_free (s);
}
