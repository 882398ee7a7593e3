/* The sources of a listener's, and its context. */
#include "state.h"

/* funcs have no prepare: without one, GLib waits for the polled descriptors alone. */
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
gsv_sources_end (gsv_state *st)
{
  gsv_source_end (&st->fdwatch);
  gsv_source_end (&st->finish_emission);
  gsv_source_end (&st->pause_point);
  gsv_source_end (&st->pause_idle);
  gsv_source_end (&st->own_accept);
  gsv_source_end (&st->one_accept);
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
