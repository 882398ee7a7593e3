/* A GResolver that answers from a table. */
#include "fakedns.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  GResolver parent;
} FakeDns;
typedef GResolverClass FakeDnsClass;
static GType fake_dns_get_type (void);
G_DEFINE_TYPE (FakeDns, fake_dns, G_TYPE_RESOLVER)

static GMutex lock;         /* protects the tables */
static GHashTable *hosts;    /* name -> GPtrArray of strings: IP addresses */
static gboolean threads;     /* whether threads of GTask's pool answer */
static GHashTable *services; /* record -> GPtrArray of strings: "host port" */

static void
free_addresses (gpointer list)
{
  g_resolver_free_addresses (list);
}

static void
free_targets (gpointer list)
{
  g_resolver_free_targets (list);
}

static gboolean
on_cancelled (GCancellable *cancellable, gpointer task)
{
  g_task_return_error_if_cancelled (task);
  g_object_unref (task);
  return G_SOURCE_REMOVE;
}

/* A name that hangs is answered when the lookup is cancelled. */
static void
hang (GTask *task)
{
  GSource *source
      = g_cancellable_source_new (g_task_get_cancellable (task));
  g_task_attach_source (task, source, (GSourceFunc) (void *) on_cancelled);
  g_source_unref (source);
}

static void
not_found (GTask *task, const char *name)
{
  g_task_return_new_error (task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
                           "no such name: %s", name);
  g_object_unref (task);
}

static gpointer
copy_address (gconstpointer address, gpointer data)
{
  return g_object_ref ((gpointer) address);
}

/* As GIO's own resolver does it. */
static void
answer (GTask *task, gpointer source, gpointer list, GCancellable *cancellable)
{
  g_task_return_pointer (task, g_list_copy_deep (list, copy_address, NULL), free_addresses);
}

static void
lookup_by_name_with_flags_async (GResolver *resolver, const char *name,
                                 GResolverNameLookupFlags flags,
                                 GCancellable *cancellable,
                                 GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (resolver, cancellable, callback, data);
  GList *list = NULL;
  GPtrArray *ips;
  gboolean by_thread;
  guint i;

  g_mutex_lock (&lock);
  ips = g_hash_table_lookup (hosts, name);
  for (i = 0; ips != NULL && i < ips->len; i++)
    {
      const char *ip = ips->pdata[i];
      gboolean is6 = strchr (ip, ':') != NULL;
      if (strcmp (ip, "hang") == 0)
        {
          g_mutex_unlock (&lock);
          hang (task);
          return;
        }
      if ((flags & G_RESOLVER_NAME_LOOKUP_FLAGS_IPV4_ONLY && is6)
          || (flags & G_RESOLVER_NAME_LOOKUP_FLAGS_IPV6_ONLY && !is6))
        continue;
      list = g_list_append (list, g_inet_address_new_from_string (ip));
    }
  by_thread = threads;
  g_mutex_unlock (&lock);
  if (list == NULL)
    {
      not_found (task, name);
      return;
    }
  if (by_thread)
    {
      g_task_set_task_data (task, list, free_addresses);
      g_task_run_in_thread (task, answer);
    }
  else
    g_task_return_pointer (task, list, free_addresses);
  g_object_unref (task);
}

static void
lookup_by_name_async (GResolver *resolver, const char *name,
                      GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  lookup_by_name_with_flags_async (resolver, name,
                                   G_RESOLVER_NAME_LOOKUP_FLAGS_DEFAULT,
                                   cancellable, callback, data);
}

static void
lookup_service_async (GResolver *resolver, const char *record,
                      GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  GTask *task = g_task_new (resolver, cancellable, callback, data);
  GList *list = NULL;
  GPtrArray *targets;
  guint i;

  g_mutex_lock (&lock);
  targets = g_hash_table_lookup (services, record);
  for (i = 0; targets != NULL && i < targets->len; i++)
    {
      char **w = g_strsplit (targets->pdata[i], " ", 2);
      list = g_list_append (
          list, g_srv_target_new (w[0], (guint16) atoi (w[1]), (guint16) i, 0));
      g_strfreev (w);
    }
  g_mutex_unlock (&lock);
  if (list == NULL)
    {
      not_found (task, record);
      return;
    }
  g_task_return_pointer (task, list, free_targets);
  g_object_unref (task);
}

static GList *
finish (GResolver *resolver, GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
fake_dns_class_init (FakeDnsClass *klass)
{
  klass->lookup_by_name_async = lookup_by_name_async;
  klass->lookup_by_name_finish = finish;
  klass->lookup_by_name_with_flags_async = lookup_by_name_with_flags_async;
  klass->lookup_by_name_with_flags_finish = finish;
  klass->lookup_service_async = lookup_service_async;
  klass->lookup_service_finish = finish;
}

static void
fake_dns_init (FakeDns *self)
{
}

static GHashTable *
table (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                (GDestroyNotify) g_ptr_array_unref);
}

static void
add (GHashTable *to, const char *key, char *value)
{
  GPtrArray *a;

  g_mutex_lock (&lock);
  a = g_hash_table_lookup (to, key);
  if (a == NULL)
    {
      a = g_ptr_array_new_with_free_func (g_free);
      g_hash_table_insert (to, g_strdup (key), a);
    }
  g_ptr_array_add (a, value);
  g_mutex_unlock (&lock);
}

/* The caller owns the result, to be given back to fakedns_restore. */
GResolver *
fakedns_install (void)
{
  GResolver *previous = g_resolver_get_default ();
  GResolver *fake = g_object_new (fake_dns_get_type (), NULL);

  g_mutex_lock (&lock);
  g_clear_pointer (&hosts, g_hash_table_unref);
  g_clear_pointer (&services, g_hash_table_unref);
  hosts = table ();
  services = table ();
  threads = FALSE;
  g_mutex_unlock (&lock);
  g_resolver_set_default (fake);
  g_object_unref (fake);
  return previous;
}

void
fakedns_restore (GResolver *previous)
{
  g_resolver_set_default (previous);
  g_object_unref (previous);
}

void
fakedns_use_threads (void)
{
  g_mutex_lock (&lock);
  threads = TRUE;
  g_mutex_unlock (&lock);
}

void
fakedns_host (const char *name, const char *ip)
{
  add (hosts, name, g_strdup (ip));
}

void
fakedns_service (const char *record, const char *host, int port)
{
  add (services, record, g_strdup_printf ("%s %d", host, port));
}
