/* The server in C, beside the window: GSocketService with asynchronous streams on
 * the default main context, as GIO's documentation has it. */

#include "../window/window.h"

#include <gio/gio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#define BACKLOG 128 /* as the other servers; GIO's own is 10 */

typedef struct {
	GSocketConnection *connection;
	GInputStream *in; /* both belong to the connection */
	GOutputStream *out;
	gsize filled, written;
	guint8 buffer[1024];
} Client;

static void read_some(Client *client);

static void client_free(Client *client)
{
	g_io_stream_close(G_IO_STREAM(client->connection), NULL, NULL);
	g_object_unref(client->connection);
	g_free(client);
}

static void write_some(Client *client);

static void on_written(GObject *stream, GAsyncResult *result, gpointer data)
{
	Client *client = data;
	gssize n = g_output_stream_write_finish(G_OUTPUT_STREAM(stream), result, NULL);

	if (n < 0) {
		client_free(client);
		return;
	}
	client->written += n;
	if (client->written < client->filled)
		write_some(client);
	else
		read_some(client);
}

static void write_some(Client *client)
{
	g_output_stream_write_async(client->out, client->buffer + client->written, client->filled - client->written,
	                            G_PRIORITY_DEFAULT, NULL, on_written, client);
}

static void on_read(GObject *stream, GAsyncResult *result, gpointer data)
{
	Client *client = data;
	gssize n = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, NULL);

	if (n <= 0) {
		client_free(client);
		return;
	}
	client->filled = n;
	client->written = 0;
	write_some(client);
}

static void read_some(Client *client)
{
	g_input_stream_read_async(client->in, client->buffer, sizeof client->buffer, G_PRIORITY_DEFAULT, NULL, on_read, client);
}

static gboolean on_incoming(GSocketService *service, GSocketConnection *connection, GObject *source, gpointer data)
{
	Client *client = g_new(Client, 1);

	client->connection = g_object_ref(connection);
	client->in = g_io_stream_get_input_stream(G_IO_STREAM(connection));
	client->out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
	read_some(client);
	return TRUE;
}

/* TCP_NODELAY is inherited from the listening socket. */
static void on_event(GSocketListener *listener, GSocketListenerEvent event, GSocket *socket, gpointer data)
{
	if (event == G_SOCKET_LISTENER_LISTENING)
		g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
}

static gboolean serve(GError **error)
{
	GSocketService *service = g_socket_service_new();
	GSocketAddress *wanted = g_inet_socket_address_new_from_string("127.0.0.1", 0), *bound = NULL;
	char *text;

	g_socket_listener_set_backlog(G_SOCKET_LISTENER(service), BACKLOG);
	g_signal_connect(service, "event", G_CALLBACK(on_event), NULL);
	g_signal_connect(service, "incoming", G_CALLBACK(on_incoming), NULL);
	if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), wanted, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP,
	                                   NULL, &bound, error))
		return FALSE;
	text = g_socket_connectable_to_string(G_SOCKET_CONNECTABLE(bound));
	printf("listening on tcp %s\n", text);
	fflush(stdout);
	g_free(text);
	g_object_unref(bound);
	g_object_unref(wanted);
	return TRUE;
}

/* Commands come on a thread of their own: they must not wait for the main loop. */
static gpointer commands(gpointer data)
{
	char line[64];

	while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "quit\n") != 0) {
		if (strcmp(line, "report\n") == 0) {
			char *json = frames_window_report();

			puts(json);
			fflush(stdout);
			g_free(json);
		}
	}
	frames_window_quit();
	return NULL;
}

static double position(gint64 time)
{
	return (time % 4000000) / 4e6;
}

int main(int argc, char **argv)
{
	GError *error = NULL;

	if (!frames_window_open("frames", "C: GSocketService with asynchronous streams", position)) {
		fputs("framesc: there is no display to open a window on\n", stderr);
		return 1;
	}
	if (!serve(&error)) {
		fprintf(stderr, "framesc: cannot listen: %s\n", error->message);
		return 1;
	}
	g_thread_unref(g_thread_new("commands", commands, NULL));
	frames_window_run();
	return 0;
}
