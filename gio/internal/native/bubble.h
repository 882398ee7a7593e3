#ifndef GLIBSERVE_NATIVE_BUBBLE_H
#define GLIBSERVE_NATIVE_BUBBLE_H

#include <glib.h>
#include <stdint.h>

/* Has Go call the function of the handle on a new thread, and waits for it. */
void gsv_on_thread(uintptr_t handle);

extern void gsvGoOnThread(uintptr_t handle);

#endif
