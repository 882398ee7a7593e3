/* References, errors, and the object that carries a Go value through GIO. */
#include "object.h"

#include "_cgo_export.h"

gpointer
gsv_ref (gpointer object)
{
  return g_object_ref (object);
}

void
gsv_unref (gpointer object)
{
  g_object_unref (object);
}

void
gsv_error_clear (gsv_error *err)
{
  g_clear_error (&err->error);
}

const char *
gsv_error_domain (gsv_error *err)
{
  return g_quark_to_string (err->error->domain);
}

/* A source that is a Go value travels through GIO as this tiny object. */
typedef struct {
  GObject parent;
  uint64_t id;
} GlibserveSource;
typedef GObjectClass GlibserveSourceClass;
static GType glibserve_source_get_type (void);
G_DEFINE_TYPE (GlibserveSource, glibserve_source, G_TYPE_OBJECT)

static void
glibserve_source_finalize (GObject *object)
{
  gsvGoSourceGone (((GlibserveSource *) object)->id);
  G_OBJECT_CLASS (glibserve_source_parent_class)->finalize (object);
}

static void
glibserve_source_class_init (GlibserveSourceClass *klass)
{
  klass->finalize = glibserve_source_finalize;
}

static void
glibserve_source_init (GlibserveSource *self)
{
}

GObject *
gsv_source_new (uint64_t id)
{
  GlibserveSource *s = g_object_new (glibserve_source_get_type (), NULL);
  s->id = id;
  return G_OBJECT (s);
}

uint64_t
gsv_source_id (GObject *source)
{
  if (source == NULL || G_OBJECT_TYPE (source) != glibserve_source_get_type ())
    return 0;
  return ((GlibserveSource *) source)->id;
}
