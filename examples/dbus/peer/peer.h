#ifndef GLIBSERVE_EXAMPLES_DBUS_PEER_H
#define GLIBSERVE_EXAMPLES_DBUS_PEER_H

#include <gio/gio.h>
#include <stdint.h>

/* A peer is one GDBusConnection that we are the server of. All functions are
 * for the loop's thread, and so is everything that is called back. */
typedef struct {
	GDBusConnection *connection; /* one reference; NULL until it is ready */
	GCancellable *cancellable;   /* ends the authentication */
	gulong on_left;
	guint exported, bus; /* registrations, 0 for none */
	guint number;        /* of the name that Hello is answered with */
	uintptr_t handle; /* of the Go Peer */
	gboolean flushing, closing, closed;
} peer;

/* peer_new begins to authenticate; dbusPeerReady tells the end of it. */
peer *peer_new(uintptr_t stream, const char *guid, gboolean anonymous, uintptr_t handle);
void peer_cancel(peer *p);

/* peer_export begins to serve the interface; NULL, or what is wrong, to be freed. */
char *peer_export(peer *p, const char *path, GDBusInterfaceInfo *info);

/* These two take a floating reference over. */
void peer_emit(peer *p, const char *path, const char *interface, const char *signal, GVariant *parameters);
void peer_changed(peer *p, const char *path, const char *interface, const char *property, GVariant *value);

/* peer_close sends what is queued and closes; dbusPeerEnded tells that GDBus is
 * done with the stream. peer_hurry does not wait for what is queued. */
void peer_close(peer *p);
void peer_hurry(peer *p);

/* peer_free is for one that ended or never became ready. */
void peer_free(peer *p);

#endif
