#ifndef GLIBSERVE_FAKEDNS_H
#define GLIBSERVE_FAKEDNS_H

#include <gio/gio.h>

GResolver *fakedns_install (void);
void fakedns_restore (GResolver *previous);
void fakedns_use_threads (void);
void fakedns_host (const char *name, const char *ip);
void fakedns_service (const char *record, const char *host, int port);

#endif
