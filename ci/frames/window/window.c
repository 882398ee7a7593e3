#include "window.h"

#include <gtk/gtk.h>

#define WIDTH 640
#define HEIGHT 400
#define TURN 4000000 /* microseconds until the animation begins again */

typedef struct {
	gint64 time;
	gint64 labels; /* shown until then */
} Frame;

static GMutex mutex; /* protects the report's: */
static GArray *frames;
static gint64 refresh = 16667;
static gint64 labels, disorder;

static gint64 asked; /* atomic */
static gint quit;    /* atomic */

/* The rest is the main thread's. */
static GtkWidget *label;
static frames_draw draw_by;
static double position;
static gboolean drawn;

static void draw(GtkDrawingArea *area, cairo_t *cr, int width, int height, gpointer data)
{
	drawn = TRUE;
	draw_by(cr, width, height, position);
}

static gboolean tick(GtkWidget *area, GdkFrameClock *clock, gpointer data)
{
	position = (double)(gdk_frame_clock_get_frame_time(clock) % TURN) / TURN;
	gtk_widget_queue_draw(area);
	return G_SOURCE_CONTINUE;
}

static void after_paint(GdkFrameClock *clock, gpointer data)
{
	Frame frame = {g_get_monotonic_time(), 0};
	gint64 interval = 0;

	if (!drawn)
		return;
	drawn = FALSE;
	gdk_frame_clock_get_refresh_info(clock, frame.time, &interval, NULL);
	g_mutex_lock(&mutex);
	frame.labels = labels;
	g_array_append_val(frames, frame);
	if (interval > 0)
		refresh = interval;
	g_mutex_unlock(&mutex);
}

static void realized(GtkWidget *area, gpointer data)
{
	g_signal_connect(gtk_widget_get_frame_clock(area), "after-paint", G_CALLBACK(after_paint), NULL);
}

static gboolean closed(GtkWindow *window, gpointer data)
{
	frames_window_quit();
	return FALSE;
}

gboolean frames_window_open(const char *title, const char *text, frames_draw by)
{
	GtkWidget *window, *box, *what, *area;

	if (!gtk_init_check())
		return FALSE;
	draw_by = by;
	frames = g_array_sized_new(FALSE, FALSE, sizeof(Frame), 4096);

	window = gtk_window_new();
	gtk_window_set_title(GTK_WINDOW(window), title);
	gtk_window_set_default_size(GTK_WINDOW(window), WIDTH, HEIGHT);
	g_signal_connect(window, "close-request", G_CALLBACK(closed), NULL);
	box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 6);
	what = gtk_label_new(text);
	gtk_box_append(GTK_BOX(box), what);
	area = gtk_drawing_area_new();
	gtk_widget_set_vexpand(area, TRUE);
	gtk_drawing_area_set_draw_func(GTK_DRAWING_AREA(area), draw, NULL, NULL);
	gtk_widget_add_tick_callback(area, tick, NULL, NULL);
	g_signal_connect(area, "realize", G_CALLBACK(realized), NULL);
	gtk_box_append(GTK_BOX(box), area);
	label = gtk_label_new("");
	gtk_box_append(GTK_BOX(box), label);
	gtk_window_set_child(GTK_WINDOW(window), box);
	gtk_window_present(GTK_WINDOW(window));
	return TRUE;
}

void frames_window_run(void)
{
	while (!g_atomic_int_get(&quit))
		g_main_context_iteration(NULL, TRUE);
}

void frames_window_quit(void)
{
	g_atomic_int_set(&quit, TRUE);
	g_main_context_wakeup(NULL);
}

void frames_window_label(const char *text, gboolean in_order)
{
	gtk_label_set_markup(GTK_LABEL(label), text);
	g_mutex_lock(&mutex);
	labels++;
	if (!in_order)
		disorder++;
	g_mutex_unlock(&mutex);
}

void frames_window_asked(void)
{
	__atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED);
}

char *frames_window_report(void)
{
	GString *json = g_string_new(NULL);

	g_mutex_lock(&mutex);
	g_string_append_printf(json, "{\"refresh\": %" G_GINT64_FORMAT ", \"frames\": [", refresh);
	for (guint i = 0; i < frames->len; i++) {
		Frame *frame = &g_array_index(frames, Frame, i);

		g_string_append_printf(json, "%s[%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]", i > 0 ? "," : "", frame->time, frame->labels);
	}
	g_string_append_printf(json, "], \"asked\": %" G_GINT64_FORMAT ", \"labels\": %" G_GINT64_FORMAT ", \"disorder\": %" G_GINT64_FORMAT "}",
	                       __atomic_load_n(&asked, __ATOMIC_RELAXED), labels, disorder);
	g_mutex_unlock(&mutex);
	return g_string_free(json, FALSE);
}
