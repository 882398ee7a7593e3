#include "cpeer.h"

static gboolean busy_prepare(GSource *source, gint *timeout)
{
	*timeout = 0;
	return TRUE;
}

static gboolean busy_check(GSource *source)
{
	return TRUE;
}

static gboolean busy_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	cpeer_busy *b = (cpeer_busy *)source;

	return g_atomic_int_add(&b->count, 1) + 1 != b->limit;
}

static GSourceFuncs busy_funcs = {busy_prepare, busy_check, busy_dispatch, NULL, NULL, NULL};

cpeer_busy *cpeer_busy_new(GMainContext *context, int priority, int limit)
{
	cpeer_busy *b = (cpeer_busy *)g_source_new(&busy_funcs, sizeof(cpeer_busy));

	b->limit = limit;
	g_source_set_priority(&b->source, priority);
	g_source_attach(&b->source, context);
	return b;
}

int cpeer_busy_count(cpeer_busy *b)
{
	return g_atomic_int_get(&b->count);
}

void cpeer_busy_free(cpeer_busy *b)
{
	g_source_destroy(&b->source);
	g_source_unref(&b->source);
}
