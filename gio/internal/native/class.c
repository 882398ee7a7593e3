/* The GObject classes: one subclass of each of GIO's three listeners. */
#include "state.h"

#include "_cgo_export.h"

#include <netinet/in.h>
#include <unistd.h>

/* Connected before any other handler, where the class handler comes after all. */
static void
on_first (GSocketListener *listener, GSocketListenerEvent event, GSocket *socket,
          gpointer st)
{
  if (event == G_SOCKET_LISTENER_BOUND)
    gsv_bound (st);
}

/* State and instances. The state is embedded, so that a vfunc finds it without
 * a lookup and it lives exactly as long as the object. */
static void
state_init (gsv_state *st, gpointer self)
{
  st->listener = self;
  st->socks = g_ptr_array_new_with_free_func (gsv_sock_free);
  st->others_add.pending = g_ptr_array_new_with_free_func (g_object_unref);
  st->others_add.mode = -1;
  st->add = &st->others_add;
  st->dummy = st->dummy_peer = -1;
  st->cancel = g_cancellable_new ();
  g_signal_connect (self, "event", G_CALLBACK (on_first), st);
}

static void
state_finalize (gsv_state *st)
{
  gsv_sources_end (st);
  gsv_source_end (&st->swap_in);
  g_ptr_array_unref (st->socks);
  g_ptr_array_unref (st->others_add.pending);
  if (st->dummy >= 0)
    close (st->dummy);
  if (st->dummy_peer >= 0)
    close (st->dummy_peer);
  g_object_unref (st->cancel);
  if (st->context != NULL)
    g_main_context_unref (st->context);
}

static void
on_event (gsv_state *st, GSocketListenerEvent event, GSocket *socket)
{
  if (event == G_SOCKET_LISTENER_BINDING)
    {
      gsv_binding (st, socket); /* perhaps another socket from here on */
      /* Whatever the system's default: "tcp" is both families. */
      if (st->add != &st->others_add
          && g_socket_get_family (socket) == G_SOCKET_FAMILY_IPV6)
        g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY,
                             st->add->v6only, NULL);
    }
  else if (event == G_SOCKET_LISTENER_LISTENING && st->backlog > 0)
    {
      gsv_adopt_backlog (st);
      /* Works also once other sockets listen, where GIO's set_backlog is
       * refused with a critical for each of them. */
      g_socket_set_listen_backlog (socket, st->backlog);
    }
  else if (event == G_SOCKET_LISTENER_LISTENED)
    g_ptr_array_add (st->add->pending, g_object_ref (socket));
  if (event == G_SOCKET_LISTENER_LISTENING)
    gsv_listened (st, socket);
}

/* The class that a class of ours was derived from. */
#define PARENT(TYPE, NAME) ((TYPE *) (NAME##_parent_class))

#define DEFINE_INSTANCE(Name, name, Parent, PARENT_TYPE)                       \
  typedef struct {                                                             \
    Parent parent;                                                             \
    gsv_state st;                                                              \
  } Name;                                                                      \
  typedef Parent##Class Name##Class;                                           \
  static GType name##_get_type (void);                                         \
  G_DEFINE_TYPE (Name, name, PARENT_TYPE)                                      \
  static void name##_init (Name *self) { state_init (&self->st, self); }       \
  static void name##_finalize (GObject *object)                                \
  {                                                                            \
    gsv_state *st = &((Name *) object)->st;                                    \
    G_OBJECT_CLASS (name##_parent_class)->finalize (object);                   \
    state_finalize (st);                                                       \
  }                                                                            \
  static void name##_event (GSocketListener *listener,                         \
                            GSocketListenerEvent event, GSocket *socket)       \
  {                                                                            \
    on_event (&((Name *) listener)->st, event, socket);                        \
  }                                                                            \
  static void name##_changed (GSocketListener *listener)                       \
  {                                                                            \
    gsv_changed (&((Name *) listener)->st,                                     \
                 PARENT (GSocketListenerClass, name)->changed);                \
  }                                                                            \
  static void name##_base_class_init (gpointer klass)                          \
  {                                                                            \
    G_OBJECT_CLASS (klass)->finalize = name##_finalize;                        \
    G_SOCKET_LISTENER_CLASS (klass)->event = name##_event;                     \
    G_SOCKET_LISTENER_CLASS (klass)->changed = name##_changed;                 \
  }

DEFINE_INSTANCE (GlibserveSocketListener, glibserve_socket_listener,
                 GSocketListener, G_TYPE_SOCKET_LISTENER)
DEFINE_INSTANCE (GlibserveSocketService, glibserve_socket_service,
                 GSocketService, G_TYPE_SOCKET_SERVICE)
DEFINE_INSTANCE (GlibserveThreadedSocketService,
                 glibserve_threaded_socket_service, GThreadedSocketService,
                 G_TYPE_THREADED_SOCKET_SERVICE)

static void
glibserve_socket_listener_class_init (GlibserveSocketListenerClass *klass)
{
  glibserve_socket_listener_base_class_init (klass);
}

/* What the class handlers of a service and a threaded service share: Go is asked.
 * The caller leaves the emission. */
static int
class_incoming (gsv_state *st, GSocketConnection *connection, GObject *source)
{
  gsv_enter_emission (st);
  st->outcome_pending = FALSE;
  return gsv_deliver (st, 0, connection, source);
}

static gboolean
service_incoming (GSocketService *service, GSocketConnection *connection,
                  GObject *source)
{
  gsv_state *st = &((GlibserveSocketService *) service)->st;
  int r;

  if (st->id == 0)
    return PARENT (GSocketServiceClass, glibserve_socket_service)
        ->incoming (service, connection, source);
  r = class_incoming (st, connection, source);
  gsv_accept_batch (st);
  gsv_leave_emission (st);
  return (r & GSV_HANDLED) != 0;
}

static void
glibserve_socket_service_class_init (GlibserveSocketServiceClass *klass)
{
  glibserve_socket_service_base_class_init (klass);
  klass->incoming = service_incoming;
}

static gboolean
threaded_incoming (GSocketService *service, GSocketConnection *connection,
                   GObject *source)
{
  gsv_state *st = &((GlibserveThreadedSocketService *) service)->st;
  GSocketServiceClass *parent
      = PARENT (GSocketServiceClass, glibserve_threaded_socket_service);
  gboolean handled;
  int r;

  if (st->id == 0)
    return FALSE; /* a handler has closed the service: nobody is to run */
  r = class_incoming (st, connection, source);
  handled = (r & GSV_HANDLED) != 0;
  if (!handled && (r & GSV_CHAIN))
    handled = parent->incoming (service, connection, source);
  gsv_accept_batch (st);
  gsv_leave_emission (st);
  return handled;
}

/* A worker's emission of "run", seen by our own handler before all others. It
 * emits the signal once more for everybody else: that is how it learns that
 * run has ended, for which GIO has no hook. */
static _Thread_local GSocketConnection *running;

static gboolean
on_run_first (GThreadedSocketService *service, GSocketConnection *connection,
              GObject *source, gpointer data)
{
  GSocketConnection *outer = running;
  gboolean handled = FALSE;

  if (running == connection)
    return FALSE; /* the inner emission: let the others see it */
  running = connection;
  g_signal_emit_by_name (service, "run", connection, source, &handled);
  running = outer;
  /* Not the state's id, which may be 0 by now. */
  gsvGoRunEnded ((uint64_t) (uintptr_t) data, connection);
  return TRUE;
}

static gboolean
threaded_run (GThreadedSocketService *service, GSocketConnection *connection,
              GObject *source)
{
  gsv_state *st = &((GlibserveThreadedSocketService *) service)->st;
  GThreadedSocketServiceClass *parent
      = PARENT (GThreadedSocketServiceClass, glibserve_threaded_socket_service);
  /* A thread of the pool: the loop's may be closing the service. */
  uint64_t id = __atomic_load_n (&st->id, __ATOMIC_ACQUIRE);

  if (id != 0 && (gsvGoRun (id, 0, connection) & GSV_HANDLED))
    return TRUE;
  return parent->run != NULL && parent->run (service, connection, source);
}

static void
glibserve_threaded_socket_service_class_init (
    GlibserveThreadedSocketServiceClass *klass)
{
  glibserve_threaded_socket_service_base_class_init (klass);
  G_SOCKET_SERVICE_CLASS (klass)->incoming = threaded_incoming;
  klass->run = threaded_run;
}

gsv_state *
gsv_new (int kind, uint64_t id, GMainContext *context, int active, int backlog)
{
  gsv_state *st;

  gsv_register_types ();
  switch (kind)
    {
    case GSV_LISTENER:
      {
        GlibserveSocketListener *o
            = g_object_new (glibserve_socket_listener_get_type (), NULL);
        st = &o->st;
        break;
      }
    case GSV_SERVICE:
      {
        GlibserveSocketService *o = g_object_new (
            glibserve_socket_service_get_type (), "active", active, NULL);
        st = &o->st;
        st->service = G_SOCKET_SERVICE (o);
        break;
      }
    default:
      {
        /* GIO counts no threads: at a limit it would stop and start the
         * service by itself, on contexts of its own choosing. */
        GlibserveThreadedSocketService *o
            = g_object_new (glibserve_threaded_socket_service_get_type (),
                            "active", active, "max-threads", -1, NULL);
        st = &o->st;
        st->service = G_SOCKET_SERVICE (o);
        st->threaded = TRUE;
        g_signal_connect (o, "run", G_CALLBACK (on_run_first),
                          (gpointer) (uintptr_t) id);
        break;
      }
    }
  st->id = id;
  st->context = g_main_context_ref (context);
  st->backlog = st->gio_backlog = backlog;
  g_socket_listener_set_backlog (st->listener, backlog);
  if (st->service != NULL)
    {
      gsv_connect_active (st);
      gsv_connect_any_incoming (st);
    }
  return st;
}

uint64_t *
gsv_accepted_count (gsv_state *st)
{
  return &st->accepted_count;
}

GObject *
gsv_object (gsv_state *st)
{
  return G_OBJECT (st->listener);
}
