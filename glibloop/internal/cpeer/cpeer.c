#include "cpeer.h"

static gpointer run(gpointer data)
{
	cpeer_loop *l = data;

	g_main_context_push_thread_default(l->context);
	g_main_loop_run(l->loop);
	g_main_context_pop_thread_default(l->context);
	return NULL;
}

static gboolean finish(gpointer data)
{
	cpeer_loop *l = data;

	g_mutex_lock(&l->mutex);
	l->done = TRUE;
	g_cond_signal(&l->cond);
	g_mutex_unlock(&l->mutex);
	return G_SOURCE_REMOVE;
}

static void wait(cpeer_loop *l)
{
	g_mutex_lock(&l->mutex);
	while (!l->done)
		g_cond_wait(&l->cond, &l->mutex);
	l->done = FALSE;
	g_mutex_unlock(&l->mutex);
}

static gboolean count(gpointer data)
{
	cpeer_loop *l = data;

	return g_atomic_int_dec_and_test(&l->left) ? finish(l) : G_SOURCE_REMOVE;
}

cpeer_loop *cpeer_loop_new(void)
{
	cpeer_loop *l = g_new0(cpeer_loop, 1);

	g_mutex_init(&l->mutex);
	g_cond_init(&l->cond);
	l->context = g_main_context_new();
	l->loop = g_main_loop_new(l->context, FALSE);
	l->thread = g_thread_new("cpeer", run, l);
	/* A quit before the run would be lost, and invoke would run inline. */
	g_main_context_invoke_full(l->context, G_PRIORITY_DEFAULT, finish, l, NULL);
	wait(l);
	while (!g_main_loop_is_running(l->loop))
		g_thread_yield();
	return l;
}

void cpeer_loop_free(cpeer_loop *l)
{
	g_main_loop_quit(l->loop);
	g_thread_join(l->thread);
	g_main_loop_unref(l->loop);
	g_main_context_unref(l->context);
	g_mutex_clear(&l->mutex);
	g_cond_clear(&l->cond);
	g_free(l);
}

typedef struct {
	cpeer_loop *l;
	int n;
} share;

static gpointer produce(gpointer data)
{
	share *s = data;

	for (int i = 0; i < s->n; i++)
		g_main_context_invoke(s->l->context, count, s->l);
	return NULL;
}

void cpeer_invoke(cpeer_loop *l, int n, int producers)
{
	GThread **threads = g_new(GThread *, producers);
	share *shares = g_new(share, producers);

	g_atomic_int_set(&l->left, n);
	for (int i = 0; i < producers; i++) {
		shares[i].l = l;
		shares[i].n = n / producers + (i < n % producers);
		threads[i] = g_thread_new("producer", produce, &shares[i]);
	}
	for (int i = 0; i < producers; i++)
		g_thread_join(threads[i]);
	wait(l);
	g_free(threads);
	g_free(shares);
}

void cpeer_round_trip(cpeer_loop *l, int n)
{
	for (int i = 0; i < n; i++) {
		g_main_context_invoke(l->context, finish, l);
		wait(l);
	}
}
