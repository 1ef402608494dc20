// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/s3_properties.h"

#include "support/check.h"

using namespace checkpoint;

namespace {

struct Holder {
  GObject parent;
  S3Properties *properties;
};
struct HolderClass {
  GObjectClass parent;
};
G_DEFINE_TYPE(Holder, holder, G_TYPE_OBJECT)
void holder_init(Holder *self) { self->properties = new S3Properties; }
void holder_finalize(GObject *object) {
  delete reinterpret_cast<Holder *>(object)->properties;
  G_OBJECT_CLASS(holder_parent_class)->finalize(object);
}
void holder_class_init(HolderClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->finalize = holder_finalize;
  object_class->set_property = [](GObject *object, guint id, const GValue *value, GParamSpec *) {
    ck_assert(reinterpret_cast<Holder *>(object)->properties->set(id, value));
  };
  object_class->get_property = [](GObject *object, guint id, GValue *value, GParamSpec *) {
    ck_assert(reinterpret_cast<Holder *>(object)->properties->get(id, value));
  };
  S3Properties::install(object_class);
}

}  // namespace

GST_START_TEST(g36_settings_get_into_the_uri_and_keys_do_not_come_out) {
  auto *holder = reinterpret_cast<Holder *>(
      g_object_new(holder_get_type(), "endpoint-uri", "http://127.0.0.1:9000", "force-path-style",
                   TRUE, "retry-attempts", 3, "s3-client", 1, "access-key", "KEY",
                   "secret-access-key", "se/cr@t", nullptr));
  const S3Properties &properties = *holder->properties;
  ck_assert(properties.apply("s3://b/p") ==
            "s3://KEY:se%2Fcr%40t@b/p?endpoint=http%3A%2F%2F127.0.0.1%3A9000&path-style=yes&"
            "retry-attempts=3&s3-client=libs3");
  // What the URI says wins.
  ck_assert(properties.apply("s3://me:mine@b?path-style=no&retry-attempts=9&s3-client=curl") ==
            "s3://"
            "me:mine@b?path-style=no&retry-attempts=9&s3-client=curl&endpoint=http%3A%2F%2F127.0.0."
            "1%3A9000");
  ck_assert(properties.apply("/data/frames") == "/data/frames");

  gchar *endpoint = nullptr, *region = nullptr;
  gboolean path_style = FALSE;
  guint attempts = 0;
  gint client = 0;
  g_object_get(holder, "endpoint-uri", &endpoint, "region", &region, "force-path-style",
               &path_style, "retry-attempts", &attempts, "s3-client", &client, nullptr);
  ck_assert_str_eq(endpoint, "http://127.0.0.1:9000");
  ck_assert(!region && path_style && attempts == 3 && client == 1);
  g_object_set(holder, "s3-client", 0, nullptr);
  ck_assert(properties.apply("s3://b").find("s3-client") == std::string::npos);
  g_free(endpoint);
  for (const char *name : {"access-key", "secret-access-key"})
    ck_assert(!(g_object_class_find_property(G_OBJECT_GET_CLASS(holder), name)->flags &
                G_PARAM_READABLE));
  g_object_unref(holder);
}
GST_END_TEST

static Suite *s3_properties_suite() {
  Suite *suite = suite_create("s3_properties");
  TCase *tc = tcase_create("properties");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g36_settings_get_into_the_uri_and_keys_do_not_come_out);
  return suite;
}
GST_CHECK_MAIN(s3_properties);
