#include "bus.h"

#include <gio/gio.h>

#include "_cgo_export.h"

static const char xml[] = "<node><interface name='com.example'><method name='Say'><arg name='text' type='s'/></method></interface></node>";

/* GDBus has checked that there is such a method, and its arguments. */
static void on_call(GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *method, GVariant *args, GDBusMethodInvocation *call, gpointer data) {
	const char *text;
	g_variant_get(args, "(&s)", &text);
	peerSaid((char *)text);
	g_dbus_method_invocation_return_value(call, NULL);
}

static void on_closed(GDBusConnection *bus, gboolean vanished, GError *error, gpointer handle) {
	peerLeft((uintptr_t)handle, NULL);
	g_object_unref(bus);
}

static void on_ready(GObject *source, GAsyncResult *result, gpointer handle) {
	static const GDBusInterfaceVTable vtable = {on_call, NULL, NULL};
	static GDBusNodeInfo *node;
	GError *error = NULL;
	GDBusConnection *bus = g_dbus_connection_new_finish(result, &error);
	if (bus == NULL) {
		peerLeft((uintptr_t)handle, error->message);
		g_error_free(error);
		return;
	}
	if (node == NULL)
		node = g_dbus_node_info_new_for_xml(xml, NULL);
	g_dbus_connection_register_object(bus, "/com/example", node->interfaces[0], &vtable, NULL, NULL, NULL);
	g_signal_connect(bus, "closed", G_CALLBACK(on_closed), handle);
	g_dbus_connection_start_message_processing(bus);
}

void peer_new(uintptr_t stream, uintptr_t handle) {
	char *guid = g_dbus_generate_guid();
	g_dbus_connection_new((GIOStream *)stream, guid,
	                      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER | G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER |
	                          G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING, /* until the object is there */
	                      NULL, NULL, on_ready, (gpointer)handle);
	g_free(guid);
}
