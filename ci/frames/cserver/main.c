/* The server in C, beside the window: GSocketService with asynchronous streams on
 * the default main context, as GIO's documentation has it. */

#include "../window/window.h"

#include <gio/gio.h>
#include <math.h>
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

#define BARS 48

/* The same as framesDraw in ../window/window.go. */
static void draw(cairo_t *cr, int width, int height, double position)
{
	cairo_set_source_rgb(cr, 0.97, 0.97, 0.96);
	cairo_paint(cr);
	for (int i = 0; i < BARS; i++) {
		double part = (double)i / BARS;
		double x = (i + 0.5) * width / BARS;
		double tall = height * (0.42 + 0.3 * sin(2 * G_PI * (position + part)));

		cairo_set_source_rgb(cr, 0.20 + 0.3 * part, 0.40, 0.75 - 0.3 * part);
		cairo_rectangle(cr, x - 0.3 * width / BARS, height - tall, 0.6 * width / BARS, tall);
		cairo_fill(cr);
	}
	/* Crosses the window once in a turn: a frame that is missing shows as a jump. */
	cairo_set_source_rgb(cr, 0.85, 0.33, 0.10);
	cairo_arc(cr, position * width, height * 0.15, 14, 0, 2 * G_PI);
	cairo_fill(cr);
}

int main(int argc, char **argv)
{
	GError *error = NULL;

	if (!frames_window_open("frames", "C: GSocketService with asynchronous streams", draw)) {
		fputs("frames: there is no display to open a window on\n", stderr);
		return 1;
	}
	if (!serve(&error)) {
		fprintf(stderr, "frames: cannot listen: %s\n", error->message);
		return 1;
	}
	g_thread_unref(g_thread_new("commands", commands, NULL));
	frames_window_run();
	return 0;
}
