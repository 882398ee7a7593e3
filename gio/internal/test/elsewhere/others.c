#include "elsewhere.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <sys/socket.h>
#include <unistd.h>

/* A GSocketConnection whose class has streams of its own. */
typedef GSocketConnection TestFiltered;
typedef GSocketConnectionClass TestFilteredClass;
static GType test_filtered_get_type (void);
G_DEFINE_TYPE (TestFiltered, test_filtered, G_TYPE_SOCKET_CONNECTION)

static GInputStream *
filtered_input (GIOStream *stream)
{
  return NULL;
}

static void
test_filtered_class_init (TestFilteredClass *klass)
{
  G_IO_STREAM_CLASS (klass)->get_input_stream = filtered_input;
}

static void
test_filtered_init (TestFiltered *self)
{
}

static GSocketConnection *
half (int fd, GType type)
{
  GSocket *socket = g_socket_new_from_fd (fd, NULL);
  GSocketConnection *c = g_object_new (type, "socket", socket, NULL);

  g_object_unref (socket);
  return c;
}

uintptr_t
else_filtered (void)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    return 0;
  close (fds[1]);
  return (uintptr_t) half (fds[0], test_filtered_get_type ());
}

/* Both ends of a D-Bus without a bus, set up at the same time. */
typedef struct {
  GIOStream *stream;
  char *guid;
} dbus_end;

static gpointer
dbus_connect (gpointer data)
{
  dbus_end *end = data;

  return g_dbus_connection_new_sync (
      end->stream, end->guid,
      end->guid != NULL ? G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                        : G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT,
      NULL, NULL, NULL);
}

int
else_dbus_new (else_dbus *out)
{
  int fds[2];
  dbus_end server = { 0 }, client = { 0 };
  GThread *thread;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    return FALSE;
  server.stream = (GIOStream *) half (fds[0], g_socket_connection_factory_lookup_type (
      G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0));
  client.stream = (GIOStream *) half (fds[1], g_socket_connection_factory_lookup_type (
      G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0));
  server.guid = g_dbus_generate_guid ();
  thread = g_thread_new ("dbus", dbus_connect, &server);
  out->client = (uintptr_t) dbus_connect (&client);
  out->server = (uintptr_t) g_thread_join (thread);
  g_object_unref (server.stream);
  g_object_unref (client.stream);
  g_free (server.guid);
  if (out->server != 0)
    g_dbus_connection_set_exit_on_close ((GDBusConnection *) out->server, FALSE);
  if (out->client != 0)
    g_dbus_connection_set_exit_on_close ((GDBusConnection *) out->client, FALSE);
  return out->server != 0 && out->client != 0;
}

uintptr_t
else_dbus_stream (uintptr_t connection)
{
  return (uintptr_t) g_object_ref (
      g_dbus_connection_get_stream ((GDBusConnection *) connection));
}

int
else_dbus_ping (uintptr_t connection)
{
  GVariant *answer = g_dbus_connection_call_sync (
      (GDBusConnection *) connection, NULL, "/", "org.freedesktop.DBus.Peer",
      "Ping", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, 20000, NULL, NULL);

  if (answer == NULL)
    return FALSE;
  g_variant_unref (answer);
  return TRUE;
}

int
else_dbus_is_closed (uintptr_t connection)
{
  return g_dbus_connection_is_closed ((GDBusConnection *) connection);
}

int
else_dbus_close (uintptr_t connection)
{
  return g_dbus_connection_close_sync ((GDBusConnection *) connection, NULL, NULL);
}

uintptr_t
else_listening (int *port)
{
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, 0, NULL);
  GSocketAddress *address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);

  g_socket_bind (socket, address, TRUE, NULL);
  g_socket_listen (socket, NULL);
  g_object_unref (address);
  address = g_socket_get_local_address (socket, NULL);
  *port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address));
  g_object_unref (address);
  return (uintptr_t) socket;
}

int
else_socket_fd (uintptr_t socket)
{
  return g_socket_get_fd ((GSocket *) socket);
}

int
else_socket_close (uintptr_t socket)
{
  return g_socket_close ((GSocket *) socket, NULL);
}

uintptr_t
else_network_address (const char *host, int port)
{
  return (uintptr_t) g_network_address_new (host, port);
}

uintptr_t
else_network_service (const char *service, const char *domain)
{
  return (uintptr_t) g_network_service_new (service, "tcp", domain);
}

uintptr_t
else_inet_address (const char *ip, int port)
{
  return (uintptr_t) g_inet_socket_address_new_from_string (ip, port);
}

uintptr_t
else_unix_address (const char *path)
{
  return (uintptr_t) g_unix_socket_address_new (path);
}

uintptr_t
else_proxy_address (int proxy_port, const char *protocol, const char *host,
                    int port)
{
  GInetAddress *loopback = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  GSocketAddress *address = g_proxy_address_new (loopback, proxy_port, protocol,
                                                 host, port, NULL, NULL);

  g_object_unref (loopback);
  return (uintptr_t) address;
}

/* A class of a program's own that can be connected to. */
typedef struct {
  GObject parent;
  int ports[8], n;
} TestConnectable;
typedef GObjectClass TestConnectableClass;
static GType test_connectable_get_type (void);
static void connectable_init (GSocketConnectableIface *iface);
G_DEFINE_TYPE_WITH_CODE (TestConnectable, test_connectable, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (G_TYPE_SOCKET_CONNECTABLE,
                                                connectable_init))

typedef struct {
  GSocketAddressEnumerator parent;
  TestConnectable *of; /* one reference */
  int at;
} TestEnumerator;
typedef GSocketAddressEnumeratorClass TestEnumeratorClass;
static GType test_enumerator_get_type (void);
G_DEFINE_TYPE (TestEnumerator, test_enumerator, G_TYPE_SOCKET_ADDRESS_ENUMERATOR)

static GSocketAddress *
enumerator_next (GSocketAddressEnumerator *enumerator, GCancellable *cancellable,
                 GError **error)
{
  TestEnumerator *e = (TestEnumerator *) enumerator;

  if (e->at == e->of->n)
    return NULL;
  return g_inet_socket_address_new_from_string ("127.0.0.1", e->of->ports[e->at++]);
}

static void
enumerator_finalize (GObject *object)
{
  g_object_unref (((TestEnumerator *) object)->of);
  G_OBJECT_CLASS (test_enumerator_parent_class)->finalize (object);
}

static void
test_enumerator_class_init (TestEnumeratorClass *klass)
{
  klass->next = enumerator_next;
  G_OBJECT_CLASS (klass)->finalize = enumerator_finalize;
}

static void
test_enumerator_init (TestEnumerator *self)
{
}

static GSocketAddressEnumerator *
connectable_enumerate (GSocketConnectable *connectable)
{
  TestEnumerator *e = g_object_new (test_enumerator_get_type (), NULL);

  e->of = (TestConnectable *) g_object_ref (connectable);
  return &e->parent;
}

static void
connectable_init (GSocketConnectableIface *iface)
{
  iface->enumerate = connectable_enumerate;
}

static void
test_connectable_class_init (TestConnectableClass *klass)
{
}

static void
test_connectable_init (TestConnectable *self)
{
}

uintptr_t
else_own_connectable (const int *ports, int n)
{
  TestConnectable *c = g_object_new (test_connectable_get_type (), NULL);

  for (c->n = 0; c->n < n && c->n < (int) G_N_ELEMENTS (c->ports); c->n++)
    c->ports[c->n] = ports[c->n];
  return (uintptr_t) c;
}
