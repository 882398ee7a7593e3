/* A client and a server on GSocketClient and GSocketService. The protocol is in
 * doc.go.
 *
 * The client blocks, on threads where it is several; the server is asynchronous. */

#include "peer.h"

#include <gio/gunixsocketaddress.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

guchar *
pattern (gsize size)
{
  guchar *data = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    data[i] = i % 251;
  return data;
}

void
say (const char *format, ...)
{
  va_list args;
  va_start (args, format);
  vprintf (format, args);
  va_end (args);
  putchar ('\n');
  fflush (stdout);
}

void
must (GError *error)
{
  if (error == NULL)
    return;
  fprintf (stderr, "%s\n", error->message);
  exit (1);
}

GSocketAddress *
address (const char *text)
{
  const char *name = strchr (text, ':') + 1, *port;
  char *host;
  GSocketAddress *result;

  if (g_str_has_prefix (text, "unix:"))
    return g_unix_socket_address_new (name);
  if (g_str_has_prefix (text, "abstract:"))
    return g_unix_socket_address_new_with_type (name, -1, G_UNIX_SOCKET_ADDRESS_ABSTRACT);
  port = strrchr (name, ':');
  host = g_strndup (name, port - name);
  result = g_inet_socket_address_new_from_string (host, atoi (port + 1));
  g_free (host);
  return result;
}

void
tally_add (Tally *tally, const void *data, gsize size)
{
  if (tally->sum == NULL)
    tally->sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (tally->sum, data, size);
  tally->size += size;
}

char *
tally_end (Tally *tally)
{
  char *text;
  tally_add (tally, "", 0);
  text = g_strdup_printf ("%" G_GSIZE_FORMAT " %s", tally->size, g_checksum_get_string (tally->sum));
  g_checksum_free (tally->sum);
  return text;
}

void
hang_up (GSocketConnection *conn)
{
  GError *error = NULL;
  g_io_stream_close (G_IO_STREAM (conn), NULL, &error);
  must (error);
  g_object_unref (conn);
}

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  if (strcmp (argv[1], "client") == 0)
    return client (argv[2], argv[3]);
  return server (argv[2], argv[3]);
}
