#ifndef CPEER_H
#define CPEER_H

#include <glib.h>

typedef struct {
	GMainContext *context;
	GMainLoop *loop;
	GThread *thread;

	GMutex mutex;
	GCond cond;
	gint left;     /* atomic: functions that have not run yet */
	gboolean done; /* guarded by mutex */
} cpeer_loop;

cpeer_loop *cpeer_loop_new(void);
void cpeer_loop_free(cpeer_loop *l);
void cpeer_invoke(cpeer_loop *l, int n, int producers);
void cpeer_round_trip(cpeer_loop *l, int n);

typedef struct {
	GSource source;
	gint count; /* atomic */
	gint limit;
} cpeer_busy;

cpeer_busy *cpeer_busy_new(GMainContext *context, int priority, int limit);
int cpeer_busy_count(cpeer_busy *b);
void cpeer_busy_free(cpeer_busy *b);

#endif
