#ifndef GLIBLOOP_CGO_H
#define GLIBLOOP_CGO_H

#include <glib.h>
#include <stdint.h>

/* glibloop_core is the C half of a Loop: the context, the two sources that
 * drain its queue, and what their prepare and check functions look at. It is
 * counted: the Go Loop holds one reference and each source another, so that a
 * source that GLib still remembers never reads freed memory. */
typedef struct {
	gint refs;
	gint pending; /* atomic: the Go queue wants a dispatch */

	GMainContext *context;
	uintptr_t handle; /* of the Go Loop, for glibloopDispatch */

	/* Only the thread that owns the context touches these two. */
	gint64 even_at;   /* monotonic time in ns at which the queue owes nothing: see spend */
	gboolean in_debt; /* that was still to come when the last batch ended */

	GSource *high, *low;
} glibloop_core;

glibloop_core *glibloop_core_new(GMainContext *context);
void glibloop_core_unref(glibloop_core *core);
void glibloop_attach(glibloop_core *core, uintptr_t handle);
void glibloop_detach(glibloop_core *core);

void glibloop_wakeup(glibloop_core *core);
gboolean glibloop_is_owner(glibloop_core *core);
gboolean glibloop_enter(glibloop_core *core);
void glibloop_leave(glibloop_core *core);
void glibloop_leave_abandoned(glibloop_core *core, gboolean outermost);
void glibloop_iterate(glibloop_core *core, gint *quit);
void glibloop_quit(glibloop_core *core, gint *quit);
gboolean glibloop_is_main_thread(void);
void glibloop_on_thread(uintptr_t handle);

#endif
