#include <gio/gio.h>

static void
echoed (GObject *output, GAsyncResult *result, gpointer conn)
{
  g_output_stream_splice_finish (G_OUTPUT_STREAM (output), result, NULL);
  g_object_unref (conn); /* the last reference closes it */
}

static gboolean
incoming (GSocketService *service, GIOStream *conn, GObject *source, gpointer data)
{
  g_output_stream_splice_async (g_io_stream_get_output_stream (conn), g_io_stream_get_input_stream (conn),
                                G_OUTPUT_STREAM_SPLICE_NONE, G_PRIORITY_DEFAULT, NULL,
                                echoed, g_object_ref (conn));
  return TRUE;
}

int
main (void)
{
  GSocketService *service = g_socket_service_new ();
  GSocketAddress *addr = g_inet_socket_address_new_from_string ("127.0.0.1", 9000);
  GError *error = NULL;

  g_signal_connect (service, "incoming", G_CALLBACK (incoming), NULL);
  if (!g_socket_listener_add_address (G_SOCKET_LISTENER (service), addr, G_SOCKET_TYPE_STREAM,
                                      G_SOCKET_PROTOCOL_DEFAULT, NULL, &addr, &error))
    g_error ("%s", error->message);
  g_print ("listening on %s\n", g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (addr)));
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
}
