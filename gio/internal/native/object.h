/* What every file of package native has: references, errors, and the object that
 * carries a Go value through GIO. Prefix of all of C here: gsv_. */
#ifndef GLIBSERVE_NATIVE_OBJECT_H
#define GLIBSERVE_NATIVE_OBJECT_H

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "glibserve"
#include <gio/gio.h>
#include <stdint.h>
#include <sys/socket.h>

/* A GError in a form that Go can copy; strings are static or owned here. */
typedef struct {
  GError *error;
  int sys_errno; /* errno as the failing call left it: a hint, no more */
  int first, count; /* of an add that went well: the indices of its sockets */
  uint64_t dev, ino; /* and the file that bind made, or ino 0 */
} gsv_error;

void gsv_error_clear (gsv_error *err);
const char *gsv_error_domain (gsv_error *err);

void gsv_unref (gpointer object); /* any thread */
gpointer gsv_ref (gpointer object); /* any thread */

/* The source object of an address: a tiny GObject with the id of a Go value. */
GObject *gsv_source_new (uint64_t id);
uint64_t gsv_source_id (GObject *source); /* 0 for any other object */

/* Once, before there is a GSocket. */
void gsv_handle_sigpipe (void);

#endif
