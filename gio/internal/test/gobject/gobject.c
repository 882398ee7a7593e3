#include "gobject.h"

#include <gio/gio.h>

/* What a GtkSwitch is to a binding: an object with a property "active". */
typedef struct {
  GObject parent;
  gboolean active;
} TestSwitch;
typedef GObjectClass TestSwitchClass;

static GType test_switch_get_type (void);
G_DEFINE_TYPE (TestSwitch, test_switch, G_TYPE_OBJECT)

static void
switch_set (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  TestSwitch *self = (TestSwitch *) object;

  if (self->active == g_value_get_boolean (value))
    return;
  self->active = g_value_get_boolean (value);
  g_object_notify_by_pspec (object, pspec);
}

static void
switch_get (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  g_value_set_boolean (value, ((TestSwitch *) object)->active);
}

static void
test_switch_class_init (TestSwitchClass *klass)
{
  klass->set_property = switch_set;
  klass->get_property = switch_get;
  g_object_class_install_property (
      klass, 1,
      g_param_spec_boolean ("active", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY));
}

static void
test_switch_init (TestSwitch *self)
{
}

uintptr_t
test_switch_new (void)
{
  return (uintptr_t) g_object_new (test_switch_get_type (), NULL);
}

void
test_unref (uintptr_t object)
{
  g_object_unref ((gpointer) object);
}

void
test_set_active (uintptr_t object, int active)
{
  g_object_set ((gpointer) object, "active", active, NULL);
}

int
test_get_active (uintptr_t object)
{
  gboolean active = FALSE;

  g_object_get ((gpointer) object, "active", &active, NULL);
  return active;
}

/* The port, or 0. */
int
test_add_loopback (uintptr_t listener)
{
  GInetAddress *ip = g_inet_address_new_loopback (G_SOCKET_FAMILY_IPV4);
  GSocketAddress *asked = g_inet_socket_address_new (ip, 0), *got = NULL;
  int port = 0;

  if (g_socket_listener_add_address ((gpointer) listener, asked,
                                     G_SOCKET_TYPE_STREAM,
                                     G_SOCKET_PROTOCOL_DEFAULT, NULL, &got,
                                     NULL))
    {
      port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (got));
      g_object_unref (got);
    }
  g_object_unref (asked);
  g_object_unref (ip);
  return port;
}

void
test_start (uintptr_t service)
{
  g_socket_service_start ((gpointer) service);
}

void
test_stop (uintptr_t service)
{
  g_socket_service_stop ((gpointer) service);
}

typedef struct {
  GSocketService *service;
  int stop, start, times;
} toggle;

static gpointer
toggle_thread (gpointer data)
{
  toggle *t = data;

  for (; t->times > 0; t->times--)
    {
      if (t->stop)
        g_socket_service_stop (t->service);
      if (t->start)
        g_socket_service_start (t->service);
    }
  return NULL;
}

void
test_toggle_on_thread (uintptr_t service, int stop, int start, int times)
{
  toggle t = { (gpointer) service, stop, start, times };

  g_thread_join (g_thread_new ("toggle", toggle_thread, &t));
}

uintptr_t
test_bind_active (uintptr_t a, uintptr_t b)
{
  return (uintptr_t) g_object_bind_property (
      (gpointer) a, "active", (gpointer) b, "active",
      G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
}

struct test_counter {
  GObject *object; /* one reference */
  gulong id;
  gint count, last;
};

static void
on_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  test_counter *c = data;

  g_atomic_int_inc (&c->count);
  g_atomic_int_set (&c->last, test_get_active ((uintptr_t) object));
}

test_counter *
test_count_notify (uintptr_t object)
{
  test_counter *c = g_new0 (test_counter, 1);

  c->object = g_object_ref ((gpointer) object);
  c->last = test_get_active (object);
  c->id = g_signal_connect (c->object, "notify::active",
                            G_CALLBACK (on_notify), c);
  return c;
}

int
test_counter_count (test_counter *c)
{
  return g_atomic_int_get (&c->count);
}

int
test_counter_last (test_counter *c)
{
  return g_atomic_int_get (&c->last);
}

void
test_counter_free (test_counter *c)
{
  g_signal_handler_disconnect (c->object, c->id);
  g_object_unref (c->object);
  g_free (c);
}

struct test_handler {
  GObject *object; /* one reference */
  gulong id;
  gboolean take;
  gint calls;
};

/* Echoes until the client ends, on a thread: the handler must return. */
static gpointer
echo (gpointer data)
{
  GSocketConnection *connection = data;
  GInputStream *in = g_io_stream_get_input_stream (G_IO_STREAM (connection));
  GOutputStream *out = g_io_stream_get_output_stream (G_IO_STREAM (connection));
  char buffer[256];
  gssize n;

  g_socket_set_blocking (g_socket_connection_get_socket (connection), TRUE);
  while ((n = g_input_stream_read (in, buffer, sizeof buffer, NULL, NULL)) > 0)
    if (!g_output_stream_write_all (out, buffer, n, NULL, NULL, NULL))
      break;
  g_io_stream_close (G_IO_STREAM (connection), NULL, NULL);
  g_object_unref (connection);
  return NULL;
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *connection,
             GObject *source, gpointer data)
{
  test_handler *h = data;

  g_atomic_int_inc (&h->calls);
  if (!h->take)
    return FALSE;
  g_thread_unref (g_thread_new ("echo", echo, g_object_ref (connection)));
  return TRUE;
}

test_handler *
test_connect_incoming (uintptr_t service, int take)
{
  test_handler *h = g_new0 (test_handler, 1);

  h->object = g_object_ref ((gpointer) service);
  h->take = take;
  h->id = g_signal_connect (h->object, "incoming", G_CALLBACK (on_incoming), h);
  return h;
}

int
test_handler_calls (test_handler *h)
{
  return g_atomic_int_get (&h->calls);
}

void
test_handler_free (test_handler *h)
{
  if (g_signal_handler_is_connected (h->object, h->id))
    g_signal_handler_disconnect (h->object, h->id);
  g_object_unref (h->object);
  g_free (h);
}

static gint logs;

static void
on_log (const char *domain, GLogLevelFlags level, const char *message,
        gpointer data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING))
    g_atomic_int_inc (&logs);
  /* A few say what is wrong; a loop that spins logs thousands. */
  if (g_atomic_int_get (&logs) < 20)
    g_log_default_handler (domain, level, message, NULL);
}

void
test_count_logs (void)
{
  g_log_set_default_handler (on_log, NULL);
}

int
test_logs (void)
{
  return g_atomic_int_get (&logs);
}
