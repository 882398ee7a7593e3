#include "cgo.h"
#include "_cgo_export.h"

#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__APPLE__)
#include <pthread.h>
#endif

/* Below GDK_PRIORITY_REDRAW (120) and above G_PRIORITY_DEFAULT_IDLE (200). */
#define GLIBLOOP_PRIORITY_LOW 125

/* What the queue may take at priority 0 before it owes the others time, and the
 * longest that it waits for them below. In ns. */
#define GLIBLOOP_BURST (1 * 1000 * 1000)
#define GLIBLOOP_LONGEST_WAIT (10 * 1000 * 1000)

typedef struct {
	GSource source;
	glibloop_core *core;
} glibloop_source;

static gint64 now_ns(void)
{
	return g_get_monotonic_time() * 1000;
}

/* spend charges the queue for a batch that has just ended. GLib dispatches the
 * highest priority that is ready and no other, so a queue that is filled as fast
 * as it is drained would keep GTK's redraw from ever running. It may therefore
 * have priority 0 for as long as the others have had since, GLIBLOOP_BURST at
 * most. Beyond that it is in debt and waits at the low priority, where it goes on
 * at once unless others have work to do, until as much time has passed as it
 * took. A debt is GLIBLOOP_LONGEST_WAIT at most, whatever a function took: who
 * keeps the loop busy for ever at a priority in between starves nobody. */
static void spend(glibloop_core *core, gint64 took)
{
	gint64 now = now_ns();

	core->even_at = MAX(core->even_at, now - took - GLIBLOOP_BURST) + 2 * took;
	core->even_at = MIN(core->even_at, now + GLIBLOOP_LONGEST_WAIT);
	core->in_debt = core->even_at > now;
}

static gboolean pending(GSource *source)
{
	return g_atomic_int_get(&((glibloop_source *)source)->core->pending) != 0;
}

/* A debt needs no time-out of the poll's: the low source is ready meanwhile. */
static gboolean high_check(GSource *source)
{
	glibloop_core *core = ((glibloop_source *)source)->core;

	return pending(source) && (!core->in_debt || now_ns() >= core->even_at);
}

static gboolean high_prepare(GSource *source, gint *timeout)
{
	*timeout = -1;
	return high_check(source);
}

static gboolean low_check(GSource *source)
{
	return pending(source);
}

static gboolean low_prepare(GSource *source, gint *timeout)
{
	*timeout = -1;
	return low_check(source);
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
	glibloop_core *core = ((glibloop_source *)source)->core;

	/* Dispatching can end the Loop, and its end drops the references. */
	g_atomic_int_inc(&core->refs);
	spend(core, glibloopDispatch(core->handle));
	glibloop_core_unref(core);
	return G_SOURCE_CONTINUE;
}

static void finalize(GSource *source)
{
	glibloop_core_unref(((glibloop_source *)source)->core);
}

static GSourceFuncs high_funcs = {high_prepare, high_check, dispatch, finalize, NULL, NULL};
static GSourceFuncs low_funcs = {low_prepare, low_check, dispatch, finalize, NULL, NULL};

/* glibloop_core_new takes a reference of its own to context; NULL means a new one. */
glibloop_core *glibloop_core_new(GMainContext *context)
{
	glibloop_core *core = g_new0(glibloop_core, 1);

	core->refs = 1;
	core->context = context ? g_main_context_ref(context) : g_main_context_new();
	return core;
}

void glibloop_core_unref(glibloop_core *core)
{
	if (!g_atomic_int_dec_and_test(&core->refs))
		return;
	g_main_context_unref(core->context);
	g_free(core);
}

static GSource *attach(glibloop_core *core, GSourceFuncs *funcs, gint priority)
{
	GSource *source = g_source_new(funcs, sizeof(glibloop_source));

	g_atomic_int_inc(&core->refs);
	((glibloop_source *)source)->core = core;
	g_source_set_priority(source, priority);
	/* A posted function may run a main loop of its own, a modal dialog say. */
	g_source_set_can_recurse(source, TRUE);
	g_source_set_name(source, "glibloop");
	g_source_attach(source, core->context);
	return source;
}

void glibloop_attach(glibloop_core *core, uintptr_t handle)
{
	core->handle = handle;
	core->high = attach(core, &high_funcs, G_PRIORITY_DEFAULT);
	core->low = attach(core, &low_funcs, GLIBLOOP_PRIORITY_LOW);
}

void glibloop_detach(glibloop_core *core)
{
	g_source_destroy(core->high);
	g_source_unref(core->high);
	g_source_destroy(core->low);
	g_source_unref(core->low);
	core->high = core->low = NULL;
}

void glibloop_wakeup(glibloop_core *core)
{
	g_main_context_wakeup(core->context);
}

gboolean glibloop_is_owner(glibloop_core *core)
{
	return g_main_context_is_owner(core->context);
}

gboolean glibloop_enter(glibloop_core *core)
{
	if (!g_main_context_acquire(core->context))
		return FALSE;
	g_main_context_push_thread_default(core->context);
	return TRUE;
}

void glibloop_leave(glibloop_core *core)
{
	g_main_context_pop_thread_default(core->context);
	g_main_context_release(core->context);
}

/* glibloop_leave_abandoned is glibloop_leave after a panic went through
 * glibloop_iterate: the iteration never released what it had acquired, and
 * whatever else was on the stack did not either. */
void glibloop_leave_abandoned(glibloop_core *core, gboolean outermost)
{
	GMainContext *top = g_main_context_get_thread_default();

	if (top == core->context || (top == NULL && core->context == g_main_context_default()))
		g_main_context_pop_thread_default(core->context);
	else
		g_main_context_release(core->context);
	g_main_context_release(core->context);
	g_main_context_release(core->context);
	while (outermost && g_main_context_is_owner(core->context))
		g_main_context_release(core->context);
}

void glibloop_iterate(glibloop_core *core, gint *quit)
{
	while (!g_atomic_int_get(quit))
		g_main_context_iteration(core->context, TRUE);
}

void glibloop_quit(glibloop_core *core, gint *quit)
{
	g_atomic_int_set(quit, TRUE);
	g_main_context_wakeup(core->context);
}

gboolean glibloop_is_main_thread(void)
{
#if defined(__linux__)
	return (pid_t)syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
	return pthread_main_np() != 0;
#else
	return FALSE;
#endif
}

static gpointer call_on_thread(gpointer handle)
{
	glibloopOnThread((uintptr_t)handle);
	return NULL;
}

void glibloop_on_thread(uintptr_t handle)
{
	g_thread_join(g_thread_new("glibloop", call_on_thread, (gpointer)handle));
}
