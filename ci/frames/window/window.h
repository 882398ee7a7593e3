#ifndef FRAMES_WINDOW_H
#define FRAMES_WINDOW_H

#include <cairo.h>
#include <glib.h>

/* The window that each of the programs opens: the same code for those written in
 * C and in Go, so that they differ in nothing but in how they serve.
 *
 * It draws an animation, as many frames as the display has, on the default main
 * context, and notes when each was drawn. */

/* frames_draw is called for each frame, on the main thread, and draws it. It is the
 * program's own, and written in its language: position is where the animation
 * is, 0 to 1. */
typedef void (*frames_draw)(cairo_t *cr, int width, int height, double position);

/* frames_window_open opens the window on the display of the environment, with a
 * title and a text. FALSE: there is no display. Only on the main thread, once. */
gboolean frames_window_open(const char *title, const char *text, frames_draw draw);

/* frames_window_run iterates the default main context until frames_window_quit,
 * which any thread may call. */
void frames_window_run(void);
void frames_window_quit(void);

/* frames_window_label shows a text, on the main thread, and counts that it did,
 * and whether that was in order. */
void frames_window_label(const char *text, gboolean in_order);

/* frames_window_asked counts a label that was asked for; any thread may call it. */
void frames_window_asked(void);

/* frames_window_report is what was noted so far, as JSON, to be freed by g_free;
 * any thread may call it. Times are microseconds of CLOCK_MONOTONIC:
 *
 *   {"refresh": 16667, "frames": [[TIME, LABELS], ...], "asked": N, "labels": N, "disorder": N}
 */
char *frames_window_report(void);

#endif
