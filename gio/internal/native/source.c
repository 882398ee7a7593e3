/* The sources of a listener's, and its context. */
#include "state.h"

GSource *
gsv_source_attach (gsv_state *st, GSourceFuncs *funcs, int priority)
{
  GSource *source = g_source_new (funcs, sizeof (gsv_source));

  ((gsv_source *) source)->st = st;
  g_source_set_priority (source, priority);
  g_source_attach (source, st->context);
  return source;
}

void
gsv_source_end (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_source_unref (*source);
  *source = NULL;
}

void
gsv_enter (gsv_state *st)
{
  g_main_context_push_thread_default (st->context);
}

void
gsv_leave (gsv_state *st)
{
  g_main_context_pop_thread_default (st->context);
}
