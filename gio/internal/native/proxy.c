/* CONNECT to an IPv6 address. GIO writes "CONNECT ::1:80" where HTTP wants
 * "CONNECT [::1]:80" (RFC 9110, 9.3.6): its HTTP proxy takes the host as the
 * GProxyAddress has it. So those addresses are given out with brackets here. */
#include "client.h"

#include <string.h>

static GSocketAddress *
with_brackets (GSocketAddress *address)
{
  GProxyAddress *p;
  GInetSocketAddress *inet;
  GSocketAddress *with;
  guint32 flowinfo = 0, scope_id = 0;
  const char *protocol, *host;
  char *name;

  if (address == NULL || !G_IS_PROXY_ADDRESS (address))
    return address;
  p = G_PROXY_ADDRESS (address);
  protocol = g_proxy_address_get_protocol (p);
  host = g_proxy_address_get_destination_hostname (p);
  /* SOCKS has a form of its own for an IPv6 address. */
  if ((g_ascii_strcasecmp (protocol, "http") != 0
       && g_ascii_strcasecmp (protocol, "https") != 0)
      || strchr (host, ':') == NULL || host[0] == '[')
    return address;
  inet = G_INET_SOCKET_ADDRESS (address);
  if (g_socket_address_get_family (address) == G_SOCKET_FAMILY_IPV6)
    {
      flowinfo = g_inet_socket_address_get_flowinfo (inet);
      scope_id = g_inet_socket_address_get_scope_id (inet);
    }
  name = g_strdup_printf ("[%s]", host);
  with = g_object_new (
      G_TYPE_PROXY_ADDRESS, "address", g_inet_socket_address_get_address (inet),
      "port", g_inet_socket_address_get_port (inet), "flowinfo", flowinfo,
      "scope-id", scope_id, "protocol", protocol, "destination-protocol",
      g_proxy_address_get_destination_protocol (p), "destination-hostname", name,
      "destination-port", g_proxy_address_get_destination_port (p), "username",
      g_proxy_address_get_username (p), "password",
      g_proxy_address_get_password (p), "uri", g_proxy_address_get_uri (p), NULL);
  g_free (name);
  g_object_unref (address);
  return with;
}

/* The enumerator around GIO's. */
typedef struct {
  GSocketAddressEnumerator parent;
  GSocketAddressEnumerator *inner; /* one reference */
} GlibserveProxies;
typedef GSocketAddressEnumeratorClass GlibserveProxiesClass;
static GType glibserve_proxies_get_type (void);
G_DEFINE_TYPE (GlibserveProxies, glibserve_proxies,
               G_TYPE_SOCKET_ADDRESS_ENUMERATOR)

static GSocketAddress *
proxies_next (GSocketAddressEnumerator *e, GCancellable *cancellable,
              GError **error)
{
  return with_brackets (g_socket_address_enumerator_next (
      ((GlibserveProxies *) e)->inner, cancellable, error));
}

static void
on_next (GObject *inner, GAsyncResult *result, gpointer task)
{
  GError *error = NULL;
  GSocketAddress *address = g_socket_address_enumerator_next_finish (
      G_SOCKET_ADDRESS_ENUMERATOR (inner), result, &error);

  if (error != NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, with_brackets (address), g_object_unref);
  g_object_unref (task);
}

static void
proxies_next_async (GSocketAddressEnumerator *e, GCancellable *cancellable,
                    GAsyncReadyCallback callback, gpointer data)
{
  g_socket_address_enumerator_next_async (
      ((GlibserveProxies *) e)->inner, cancellable, on_next,
      g_task_new (e, cancellable, callback, data));
}

static GSocketAddress *
proxies_next_finish (GSocketAddressEnumerator *e, GAsyncResult *result,
                     GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
glibserve_proxies_init (GlibserveProxies *self)
{
}

static void
proxies_finalize (GObject *object)
{
  g_object_unref (((GlibserveProxies *) object)->inner);
  G_OBJECT_CLASS (glibserve_proxies_parent_class)->finalize (object);
}

static void
glibserve_proxies_class_init (GlibserveProxiesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = proxies_finalize;
  klass->next = proxies_next;
  klass->next_async = proxies_next_async;
  klass->next_finish = proxies_next_finish;
}

/* What is connected to, around GIO's own. */
typedef struct {
  GObject parent;
  GSocketConnectable *inner; /* one reference */
  GProxyResolver *resolver;  /* one reference */
} GlibserveTarget;
typedef GObjectClass GlibserveTargetClass;
static GType glibserve_target_get_type (void);
static void target_iface_init (GSocketConnectableIface *iface);
G_DEFINE_TYPE_WITH_CODE (GlibserveTarget, glibserve_target, G_TYPE_OBJECT,
                         G_IMPLEMENT_INTERFACE (G_TYPE_SOCKET_CONNECTABLE,
                                                target_iface_init))

static GSocketAddressEnumerator *
target_enumerate (GSocketConnectable *target)
{
  return g_socket_connectable_enumerate (((GlibserveTarget *) target)->inner);
}

static GSocketAddressEnumerator *
target_proxy_enumerate (GSocketConnectable *target)
{
  GlibserveProxies *e = g_object_new (glibserve_proxies_get_type (), NULL);

  e->inner = g_socket_connectable_proxy_enumerate (
      ((GlibserveTarget *) target)->inner);
  /* GSocketClient does so, but not through the enumerator around it. */
  if (G_IS_PROXY_ADDRESS_ENUMERATOR (e->inner))
    g_object_set (e->inner, "proxy-resolver",
                  ((GlibserveTarget *) target)->resolver, NULL);
  return &e->parent;
}

static char *
target_to_string (GSocketConnectable *target)
{
  return g_socket_connectable_to_string (((GlibserveTarget *) target)->inner);
}

static void
target_iface_init (GSocketConnectableIface *iface)
{
  iface->enumerate = target_enumerate;
  iface->proxy_enumerate = target_proxy_enumerate;
  iface->to_string = target_to_string;
}

static void
glibserve_target_init (GlibserveTarget *self)
{
}

static void
target_finalize (GObject *object)
{
  g_object_unref (((GlibserveTarget *) object)->inner);
  g_object_unref (((GlibserveTarget *) object)->resolver);
  G_OBJECT_CLASS (glibserve_target_parent_class)->finalize (object);
}

static void
glibserve_target_class_init (GlibserveTargetClass *klass)
{
  klass->finalize = target_finalize;
}

/* gsv_for_proxies takes a connectable over and returns what to connect to in its
 * place: the same but for an IPv6 address that a proxy may be asked for. */
GSocketConnectable *
gsv_for_proxies (GSocketClient *client, GSocketConnectable *connectable)
{
  GlibserveTarget *target;
  gboolean v6
      = (G_IS_INET_SOCKET_ADDRESS (connectable)
         && g_socket_address_get_family (G_SOCKET_ADDRESS (connectable))
                == G_SOCKET_FAMILY_IPV6)
        || (G_IS_NETWORK_ADDRESS (connectable)
            && strchr (g_network_address_get_hostname (
                           G_NETWORK_ADDRESS (connectable)),
                       ':')
                   != NULL);

  if (!v6 || !g_socket_client_get_enable_proxy (client))
    return connectable;
  target = g_object_new (glibserve_target_get_type (), NULL);
  target->inner = connectable;
  target->resolver = g_object_ref (g_socket_client_get_proxy_resolver (client));
  return G_SOCKET_CONNECTABLE (target);
}
