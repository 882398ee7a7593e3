#include "bubble.h"

static gpointer call_on_thread(gpointer handle) {
  gsvGoOnThread((uintptr_t)handle);
  return NULL;
}

void gsv_on_thread(uintptr_t handle) {
  g_thread_join(g_thread_new("gio", call_on_thread, (gpointer)handle));
}
