/* Handshakes, without making a main context for each: where no descriptor is left
 * for that, GLib ends the process. */
#include "streamstate.h"
#include "tls.h"

#include <errno.h>

/* How many contexts are kept for later handshakes, while there are TLS streams. */
enum { KEPT = 16 };

static GMutex lock; /* protects what follows */
static GMainContext *kept[KEPT];
static int n_kept;
static gint64 n_streams;

/* Returns one of the caller's, or NULL when cancelled. */
static GMainContext *
take_context (GSocket *socket, GCancellable *cancel, GError **error)
{
  GMainContext *c = NULL;

  g_mutex_lock (&lock);
  if (n_kept > 0)
    c = kept[--n_kept];
  g_mutex_unlock (&lock);
  if (c == NULL && (socket == NULL || gsv_await_descriptors (socket, cancel, error)))
    c = g_main_context_new ();
  return c;
}

static void
give_back (GMainContext *c)
{
  g_mutex_lock (&lock);
  if (n_kept < KEPT && n_streams > 0)
    {
      kept[n_kept++] = c;
      c = NULL;
    }
  g_mutex_unlock (&lock);
  if (c != NULL)
    g_main_context_unref (c);
}

void
gsv_tls_track (int change)
{
  g_mutex_lock (&lock);
  n_streams += change;
  while (n_streams == 0 && n_kept > 0)
    g_main_context_unref (kept[--n_kept]);
  g_mutex_unlock (&lock);
}

typedef struct {
  gboolean over, ok;
  GError **error;
} outcome;

static void
on_over (GObject *tls, GAsyncResult *result, gpointer data)
{
  outcome *o = data;

  o->ok = g_tls_connection_handshake_finish (G_TLS_CONNECTION (tls), result, o->error);
  o->over = TRUE;
}

/* Answers whether the peer is accepted. */
static int
finish (gsv_stream *s, gsv_error *err)
{
  if (s->record != NULL)
    gsv_record_arm (s->record);
  return s->verifier == NULL || gsv_verifier_accepts (s->verifier, &err->error);
}

int
gsv_tls_handshake (gsv_stream *s, GCancellable *cancel, gsv_error *err)
{
  outcome o = { FALSE, FALSE, &err->error };
  GMainContext *c;

  if (s->verifier != NULL)
    gsv_verifier_begin (s->verifier);
  /* Others may have read first, and so done it. A second one would be a
   * rehandshake. */
  if (gsv_tls_done (s))
    return finish (s, err);
  c = take_context (s->socket, cancel, &err->error);
  if (c == NULL)
    return FALSE;
  errno = 0;
  g_main_context_push_thread_default (c);
  g_tls_connection_handshake_async (s->tls, G_PRIORITY_DEFAULT, cancel, on_over, &o);
  while (!o.over)
    g_main_context_iteration (c, TRUE);
  g_main_context_pop_thread_default (c);
  give_back (c);
  if (!o.ok)
    {
      err->sys_errno = errno;
      return FALSE;
    }
  return finish (s, err);
}
