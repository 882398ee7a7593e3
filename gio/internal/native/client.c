/* GSocketClient and its "event" signal. */
#include "client.h"
#include "connection.h"

#include "_cgo_export.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>

GSocketClient *
gsv_client_new (int family, const void *native, int native_len,
                unsigned timeout, int enable_proxy, GObject *resolver,
                const char *proxy)
{
  GSocketClient *client = g_socket_client_new ();

  gsv_register_types ();
  g_socket_client_set_family (client, family);
  g_socket_client_set_timeout (client, timeout);
  g_socket_client_set_enable_proxy (client, enable_proxy);
  if (native_len > 0)
    {
      GSocketAddress *address
          = g_socket_address_new_from_native ((gpointer) native, native_len);
      g_socket_client_set_local_address (client, address);
      g_object_unref (address);
    }
  if (resolver != NULL)
    g_socket_client_set_proxy_resolver (client, G_PROXY_RESOLVER (resolver));
  else if (proxy != NULL)
    {
      GProxyResolver *simple = g_simple_proxy_resolver_new (proxy, NULL);
      g_socket_client_set_proxy_resolver (client, simple);
      g_object_unref (simple);
    }
  return client;
}

int
gsv_uri_is_valid (const char *uri, gsv_error *err)
{
  return g_uri_is_valid (uri, G_URI_FLAGS_NONE, &err->error);
}

/* Events. */
typedef struct {
  uint64_t id;
  uint64_t handler;
} event_data;

static void
event_free (gpointer data, GClosure *closure)
{
  g_free (data);
}

/* While a TLS handshake goes on, the connection is a GTlsConnection around the
 * one that has an address. */
static GIOStream *
base_of (GIOStream *stream)
{
  GIOStream *base = NULL;

  if (stream == NULL || G_IS_SOCKET_CONNECTION (stream))
    return stream != NULL ? g_object_ref (stream) : NULL;
  if (g_object_class_find_property (G_OBJECT_GET_CLASS (stream),
                                    "base-io-stream")
      != NULL)
    g_object_get (stream, "base-io-stream", &base, NULL);
  if (base != NULL && !G_IS_SOCKET_CONNECTION (base))
    g_clear_object (&base);
  return base;
}

/* Asks GIO and not the kernel: it knows the address already when the
 * connection is about to be made, and still when the peer has gone. */
int
gsv_remote (GSocketConnection *connection, struct sockaddr_storage *peer)
{
  GSocketAddress *address
      = g_socket_connection_get_remote_address (connection, NULL);
  gssize n = 0;

  if (address == NULL)
    return 0;
  n = g_socket_address_get_native_size (address);
  if (n <= 0 || n > (gssize) sizeof *peer
      || !g_socket_address_to_native (address, peer, sizeof *peer, NULL))
    n = 0;
  g_object_unref (address);
  return (int) n;
}

char *
gsv_target_text (GSocketConnectable *connectable)
{
  /* GLib 2.90 escapes the zero behind a path as a part of it. */
  if (G_IS_UNIX_SOCKET_ADDRESS (connectable)
      && g_unix_socket_address_get_address_type (
             G_UNIX_SOCKET_ADDRESS (connectable))
             == G_UNIX_SOCKET_ADDRESS_PATH)
    return g_strdup (
        g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (connectable)));
  return g_socket_connectable_to_string (connectable);
}

void
gsv_connectable_info (gpointer connectable, gsv_connectable *out)
{
  memset (out, 0, sizeof *out);
  out->text = gsv_target_text (G_SOCKET_CONNECTABLE (connectable));
  if (G_IS_NETWORK_ADDRESS (connectable))
    {
      out->identity = g_strdup (g_network_address_get_hostname (connectable));
      out->port = g_network_address_get_port (connectable);
    }
  else if (G_IS_NETWORK_SERVICE (connectable))
    out->identity = g_strdup (g_network_service_get_domain (connectable));
  else if (G_IS_PROXY_ADDRESS (connectable))
    {
      out->proxied = TRUE;
      out->identity
          = g_strdup (g_proxy_address_get_destination_hostname (connectable));
    }
  else if (G_IS_INET_SOCKET_ADDRESS (connectable))
    {
      out->identity = g_inet_address_to_string (
          g_inet_socket_address_get_address (connectable));
      out->port = g_inet_socket_address_get_port (connectable);
    }
  if (G_IS_SOCKET_ADDRESS (connectable))
    {
      gssize n = g_socket_address_get_native_size (connectable);
      if (n > 0 && n <= (gssize) sizeof out->native
          && g_socket_address_to_native (connectable, &out->native,
                                         sizeof out->native, NULL))
        out->native_len = (int) n;
    }
}

void
gsv_connectable_clear (gsv_connectable *out)
{
  g_free (out->text);
  g_free (out->identity);
}

static void
on_event (GSocketClient *client, GSocketClientEvent event,
          GSocketConnectable *connectable, GIOStream *stream, gpointer data)
{
  event_data *d = data;
  gsv_client_event e = { .event = (int) event };
  GIOStream *base = base_of (stream);

  if (base != NULL)
    {
      e.seqpacket = g_socket_get_socket_type (g_socket_connection_get_socket (
                        G_SOCKET_CONNECTION (base)))
                    == G_SOCKET_TYPE_SEQPACKET;
      e.peer_len = gsv_remote (G_SOCKET_CONNECTION (base), &e.peer);
      g_object_unref (base);
    }
  e.target = gsv_target_text (connectable);
  gsvGoClientEvent (d->id, d->handler, &e);
  g_free (e.target);
}

unsigned long
gsv_client_connect (GSocketClient *client, uint64_t id, uint64_t handler)
{
  event_data *d = g_new0 (event_data, 1);

  d->id = id;
  d->handler = handler;
  return g_signal_connect_data (client, "event", G_CALLBACK (on_event), d,
                                event_free, 0);
}

void
gsv_client_disconnect (GSocketClient *client, unsigned long id)
{
  g_signal_handler_disconnect (client, id);
}
