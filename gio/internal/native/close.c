/* The end of a listener. */
#include "state.h"

#include "_cgo_export.h"

/* Drops Go's reference once the cancelled accept has been dispatched: GIO may
 * need one more iteration for its callback, so three are counted. */
typedef struct {
  GSocketListener *listener;
  gsv_state *st; /* inside the listener */
  int left;
  uint64_t id;
} finisher;

static gboolean
finish (gpointer data)
{
  finisher *f = data;
  uint64_t id = f->id;

  if (--f->left > 0)
    return G_SOURCE_CONTINUE;
  /* A context has a descriptor; others may hold the object for good. */
  g_main_context_unref (f->st->context);
  f->st->context = NULL;
  g_object_unref (f->listener);
  f->listener = NULL;
  gsvGoFinished (id);
  return G_SOURCE_REMOVE;
}

static void
finisher_free (gpointer data)
{
  finisher *f = data;
  if (f->listener != NULL) /* the context went away first */
    g_object_unref (f->listener);
  g_free (f);
}

void
gsv_close (gsv_state *st)
{
  GSource *source;
  finisher *f;

  st->closed = TRUE;
  gsv_sources_end (st);
  if (st->service != NULL)
    g_socket_service_stop (st->service);
  g_cancellable_cancel (st->cancel);
  gsv_swap_end (st);
  g_socket_listener_close (st->listener);
  if (st->id == 0)
    return;
  f = g_new0 (finisher, 1);
  f->listener = st->listener;
  f->st = st;
  f->left = 3;
  f->id = st->id;
  /* Atomic for the threads of a threaded service. */
  __atomic_store_n (&st->id, 0, __ATOMIC_RELEASE);
  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, finish, f, finisher_free);
  g_source_attach (source, st->context);
  g_source_unref (source);
}
