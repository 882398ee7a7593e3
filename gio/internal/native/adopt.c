/* Connections that come from elsewhere, and what goes out in place of one that
 * speaks TLS. Any thread may call these while it holds a reference. */
#include "adopt.h"
#include "client.h"
#include "streamstate.h"

#include <string.h>

/* Whether a class of its own decides what is read and written. */
static gboolean
has_other_streams (GIOStream *stream)
{
  GIOStreamClass *class = G_IO_STREAM_GET_CLASS (stream);
  GIOStreamClass *plain = g_type_class_peek (G_TYPE_SOCKET_CONNECTION);

  return class->get_input_stream != plain->get_input_stream
         || class->get_output_stream != plain->get_output_stream;
}

int
gsv_adopt (gpointer object, gsv_adopted *out)
{
  GIOStream *stream = G_IO_STREAM (object);
  GSocketConnection *connection = G_SOCKET_CONNECTION (object);
  GSocket *socket = g_socket_connection_get_socket (connection);
  GIOStream *inner = stream;

  memset (out, 0, sizeof *out);
  if (g_io_stream_is_closed (stream) || g_socket_is_closed (socket))
    return GSV_ADOPT_CLOSED;
  if (!g_socket_is_connected (socket))
    return GSV_ADOPT_NOT_CONNECTED;
  while (G_IS_TCP_WRAPPER_CONNECTION (inner))
    inner = g_tcp_wrapper_connection_get_base_io_stream (
        G_TCP_WRAPPER_CONNECTION (inner));
  if (G_IS_TLS_CONNECTION (inner))
    {
      /* Its bytes move when this socket is ready, and no other one. */
      GSocketConnection *bottom = gsv_base_connection (inner);
      if (bottom == NULL || g_socket_connection_get_socket (bottom) != socket)
        return GSV_ADOPT_OTHER_BYTES;
      out->tls = gsv_stream_new (inner);
    }
  else if (!G_IS_SOCKET_CONNECTION (inner) || has_other_streams (inner)
           || g_socket_connection_get_socket (G_SOCKET_CONNECTION (inner)) != socket)
    return GSV_ADOPT_OTHER_BYTES;
  out->connection = g_object_ref (connection);
  out->socket = socket;
  out->fd = g_socket_get_fd (socket);
  out->peer_len = gsv_remote (connection, &out->peer);
  return GSV_ADOPTED;
}

GSocketConnection *
gsv_conn_around (gsv_stream *stream, GSocket *socket)
{
  /* Not by g_tcp_wrapper_connection_new, which takes no Unix socket. Nothing of
   * the class needs TCP. */
  return g_object_new (G_TYPE_TCP_WRAPPER_CONNECTION, "base-io-stream",
                       stream->stream, "socket", socket, NULL);
}
