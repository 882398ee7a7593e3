/* What the client and the server of this program share. */
#ifndef PEER_H
#define PEER_H

#include <gio/gio.h>

#define LARGE (4 << 20)
#define CHUNK (64 << 10)

/* Tally counts and sums up what passes. */
typedef struct
{
  gsize size;
  GChecksum *sum;
} Tally;

guchar *pattern (gsize size);
void say (const char *format, ...);
void must (GError *error); /* ends the program when an error is set */
GSocketAddress *address (const char *text);
void tally_add (Tally *tally, const void *data, gsize size);
char *tally_end (Tally *tally);
void hang_up (GSocketConnection *conn);

/* client.c and server.c; the result is the program's status. */
int client (const char *scenario, const char *where);
int server (char *scenario, const char *where);

#endif
