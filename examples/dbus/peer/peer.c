#include "peer.h"

#include <string.h>

#include "_cgo_export.h"

static void on_left(GDBusConnection *connection, gboolean vanished, GError *error, gpointer data) {
	peer *p = data;
	dbusPeerLeft(p->handle);
}

static void on_ready(GObject *source, GAsyncResult *result, gpointer data) {
	peer *p = data;
	GError *error = NULL;
	p->connection = g_dbus_connection_new_finish(result, &error);
	if (p->connection == NULL) {
		dbusPeerReady(p->handle, error->message);
		g_error_free(error);
		return;
	}
	p->on_left = g_signal_connect(p->connection, "closed", G_CALLBACK(on_left), p);
	dbusPeerReady(p->handle, NULL);
}

peer *peer_new(uintptr_t stream, const char *guid, gboolean anonymous, uintptr_t handle) {
	peer *p = g_new0(peer, 1);
	p->handle = handle;
	p->cancellable = g_cancellable_new();
	/* Without the delay, a call that comes before peer_export would be told that
	 * there is no such object. */
	GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING;
	if (anonymous)
		flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_ALLOW_ANONYMOUS;
	else
		flags |= G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER;
	g_dbus_connection_new((GIOStream *)stream, guid, flags, NULL, p->cancellable, on_ready, p);
	return p;
}

void peer_cancel(peer *p) { g_cancellable_cancel(p->cancellable); }

static void method_call(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
                        const gchar *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data) {
	peer *p = data;
	char *name = NULL, *message = NULL;
	GVariant *reply = dbusPeerCall(p->handle, (char *)method, parameters, &name, &message);
	/* Both take the invocation over, and the first a floating reply. */
	if (name == NULL)
		g_dbus_method_invocation_return_value(invocation, reply);
	else
		g_dbus_method_invocation_return_dbus_error(invocation, name, message);
	g_free(name);
	g_free(message);
}

static GVariant *get_property(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
                              const gchar *property, GError **error, gpointer data) {
	return dbusPeerGet(((peer *)data)->handle, (char *)property); /* GDBus takes the floating reference */
}

static gboolean set_property(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
                             const gchar *property, GVariant *value, GError **error, gpointer data) {
	char *message = dbusPeerSet(((peer *)data)->handle, (char *)property, value);
	if (message == NULL)
		return TRUE;
	g_set_error_literal(error, G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, message);
	g_free(message);
	return FALSE;
}

static const GDBusInterfaceVTable vtable = {method_call, get_property, set_property};

/* There is no bus. But gdbus call and busctl take whatever has an address for
 * one, say Hello to it and want a name; those who want signals ask a bus for
 * them, and here everybody gets them anyway. */

static void bus_call(GDBusConnection *connection, const gchar *sender, const gchar *path, const gchar *interface,
                     const gchar *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data) {
	GVariant *reply = NULL;
	if (strcmp(method, "Hello") == 0) {
		char *name = g_strdup_printf(":1.%u", ((peer *)data)->number);
		reply = g_variant_new("(s)", name);
		g_free(name);
	}
	g_dbus_method_invocation_return_value(invocation, reply);
}

static const GDBusInterfaceVTable bus_vtable = {bus_call, NULL, NULL};

static const char bus_xml[] = "<node><interface name='org.freedesktop.DBus'>"
                              "<method name='Hello'><arg type='s' direction='out'/></method>"
                              "<method name='AddMatch'><arg type='s' direction='in'/></method>"
                              "<method name='RemoveMatch'><arg type='s' direction='in'/></method>"
                              "</interface></node>";

static guint export_bus(peer *p, GError **error) {
	static GDBusNodeInfo *node;
	static guint number;
	if (node == NULL)
		node = g_dbus_node_info_new_for_xml(bus_xml, NULL);
	p->number = ++number;
	return g_dbus_connection_register_object(p->connection, "/org/freedesktop/DBus", node->interfaces[0], &bus_vtable, p, NULL, error);
}

char *peer_export(peer *p, const char *path, GDBusInterfaceInfo *info) {
	GError *error = NULL;
	p->bus = export_bus(p, &error);
	if (p->bus != 0)
		p->exported = g_dbus_connection_register_object(p->connection, path, info, &vtable, p, NULL, &error);
	if (p->exported == 0) {
		char *message = g_strdup(error->message);
		g_error_free(error);
		return message;
	}
	g_dbus_connection_start_message_processing(p->connection);
	return NULL;
}

void peer_emit(peer *p, const char *path, const char *interface, const char *signal, GVariant *parameters) {
	/* It fails when the peer has left, which "closed" tells, too. */
	g_dbus_connection_emit_signal(p->connection, NULL, path, interface, signal, parameters, NULL);
}

void peer_changed(peer *p, const char *path, const char *interface, const char *property, GVariant *value) {
	GVariantBuilder changed;
	g_variant_builder_init(&changed, G_VARIANT_TYPE("a{sv}"));
	g_variant_builder_add(&changed, "{sv}", property, value);
	peer_emit(p, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
	          g_variant_new("(sa{sv}@as)", interface, &changed, g_variant_new_strv(NULL, 0)));
}

static void end_if_done(peer *p) {
	if (p->closed && !p->flushing)
		dbusPeerEnded(p->handle);
}

static void on_close(GObject *source, GAsyncResult *result, gpointer data) {
	peer *p = data;
	/* It fails when the stream was closed before: closed it is. */
	g_dbus_connection_close_finish(p->connection, result, NULL);
	p->closed = TRUE;
	end_if_done(p);
}

static void on_flush(GObject *source, GAsyncResult *result, gpointer data) {
	peer *p = data;
	g_dbus_connection_flush_finish(p->connection, result, NULL);
	p->flushing = FALSE;
	peer_hurry(p);
	end_if_done(p);
}

void peer_close(peer *p) {
	g_signal_handler_disconnect(p->connection, p->on_left);
	if (g_dbus_connection_is_closed(p->connection)) {
		peer_hurry(p);
		return;
	}
	/* A close throws away what is queued. */
	p->flushing = TRUE;
	g_dbus_connection_flush(p->connection, NULL, on_flush, p);
}

void peer_hurry(peer *p) {
	if (p->closing)
		return;
	p->closing = TRUE;
	/* A flush that waits for a peer that does not read fails then. */
	g_dbus_connection_close(p->connection, NULL, on_close, p);
}

void peer_free(peer *p) {
	if (p->connection != NULL) {
		/* After this, no call that GDBus has on its way to this thread arrives. */
		if (p->bus != 0)
			g_dbus_connection_unregister_object(p->connection, p->bus);
		if (p->exported != 0)
			g_dbus_connection_unregister_object(p->connection, p->exported);
		g_object_unref(p->connection);
	}
	g_object_unref(p->cancellable);
	g_free(p);
}
