// SPDX-License-Identifier: LGPL-2.1-or-later
// What is recorded of how a stage was made holds no secret.
#include <string>

#include "elements/checkpointtap.h"
#include "elements/line_stages.h"
#include "elements/pipeline_config.h"
#include "support/check.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

// An element with settings that nobody is to read.
struct Guarded {
  GstElement parent;
};
struct GuardedClass {
  GstElementClass parent_class;
};
G_DEFINE_TYPE(Guarded, guarded, GST_TYPE_ELEMENT)
GstStaticPadTemplate guarded_src =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
void guarded_init(Guarded *self) {
  gst_element_add_pad(GST_ELEMENT(self), gst_pad_new_from_static_template(&guarded_src, "src"));
}
GstStructure *headers() {
  GstStructure *fields = gst_structure_from_string(
      "h,Authorization=(string)s3cr3t,Cookie=(string)s3cr3t,key-frames=(int)5,"
      "agent=(string)camera,list=(string){\"rtsp://me:s3cr3t@camera/1\",b}",
      nullptr);
  ck_assert(fields != nullptr);
  const StructurePtr deep(gst_structure_new("d", "token", G_TYPE_STRING, "s3cr3t", "url",
                                            G_TYPE_STRING, "http://h/?t=s3cr3t", nullptr));
  gst_structure_set(fields, "deep", GST_TYPE_STRUCTURE, deep.get(), nullptr);
  return fields;
}
void guarded_get(GObject *, guint, GValue *value, GParamSpec *pspec) {
  if (g_str_has_suffix(pspec->name, "profile"))
    g_value_set_string(value, "/etc/passwd");  // a file that is there
  else if (G_VALUE_HOLDS_STRING(value))
    g_value_set_string(value, "rtsp://me:s3cr3t@camera/1?key=s3cr3t");
  else if (G_VALUE_HOLDS_INT(value))
    g_value_set_int(value, 7);
  else if (G_VALUE_HOLDS_BOOLEAN(value))
    g_value_set_boolean(value, TRUE);
  else if (G_VALUE_HOLDS_ENUM(value))
    g_value_set_enum(value, GST_FORMAT_TIME);
  else if (G_VALUE_HOLDS_FLAGS(value))
    g_value_set_flags(value, GST_SEEK_FLAG_KEY_UNIT);
  else if (G_VALUE_HOLDS(value, GST_TYPE_STRUCTURE))
    g_value_take_boxed(value, headers());
  else if (GST_VALUE_HOLDS_CAPS(value))
    g_value_take_boxed(value, gst_caps_from_string("application/x-srtp,srtp-key=(string)s3cr3t,"
                                                   "media=(string)camera"));
}
void guarded_set(GObject *, guint, const GValue *, GParamSpec *) {}
void guarded_class_init(GuardedClass *klass) {
  GObjectClass *object_class = G_OBJECT_CLASS(klass);
  object_class->get_property = guarded_get;
  object_class->set_property = guarded_set;
  guint id = 0;
  for (const char *name : {"where", "user-pw", "passphrase", "token", "api-key", "credentials",
                           "proxy-auth", "secret", "parent-name", "profile", "key-profile"})
    g_object_class_install_property(
        object_class, ++id, g_param_spec_string(name, name, name, nullptr, G_PARAM_READWRITE));
  GParamSpec *const others[] = {
      g_param_spec_int("keyint-min", "", "", 0, 100, 0, G_PARAM_READWRITE),
      g_param_spec_boolean("prefer-passthrough", "", "", FALSE, G_PARAM_READWRITE),
      g_param_spec_enum("pass", "", "", GST_TYPE_FORMAT, 0, G_PARAM_READWRITE),
      g_param_spec_flags("keyframe-flags", "", "", GST_TYPE_SEEK_FLAGS, 0, G_PARAM_READWRITE),
      g_param_spec_boxed("extra-headers", "", "", GST_TYPE_STRUCTURE, G_PARAM_READWRITE),
      g_param_spec_boxed("caps", "", "", GST_TYPE_CAPS, G_PARAM_READWRITE),
      g_param_spec_boxed("auth-headers", "", "", GST_TYPE_STRUCTURE, G_PARAM_READWRITE)};
  for (GParamSpec *pspec : others) g_object_class_install_property(object_class, ++id, pspec);
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &guarded_src);
  gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "Guarded", "Source", "for tests",
                                        "us");
}

void must_equal(const std::string &is, const std::string &wanted) {
  ck_assert_msg(is == wanted, "%s\ninstead of\n%s", is.c_str(), wanted.c_str());
}

}  // namespace

GST_START_TEST(g36_no_secret_is_part_of_a_configuration) {
  auto *element = static_cast<GstElement *>(g_object_new(guarded_get_type(), nullptr));
  gst_object_ref_sink(element);
  gst_element_add_pad(element, gst_pad_new("sink", GST_PAD_SINK));  // its files count
  const JsonMembers set = set_properties(element);
  gst_object_unref(element);
  std::string names;
  for (const auto &[name, value] : set) {
    names += name + " ";
    ck_assert_msg(value.find("s3cr3t") == std::string::npos, "%s: %s", name.c_str(), value.c_str());
  }
  must_equal(names,
             "caps extra-headers keyframe-flags keyint-min parent-name pass prefer-passthrough "
             "profile profile (file) where ");
  for (const char *name : {"where", "extra-headers", "caps"})
    ck_assert_msg(set.at(name).find("camera") != std::string::npos, "%s", set.at(name).c_str());
  ck_assert(set.at("extra-headers").find("key-frames") != std::string::npos);
  // What is no text is no secret.
  must_equal(set.at("pass") + set.at("keyint-min") + set.at("prefer-passthrough"), "\"time\"7true");
}
GST_END_TEST

GST_START_TEST(g36_no_secret_is_part_of_what_is_overridden) {
  SinkPlace place;  // registers elements
  GST_ELEMENT_REGISTER(checkpointtap, nullptr);
  ck_assert(gst_element_register(nullptr, "guarded", GST_RANK_NONE, guarded_get_type()));
  auto line = LaunchLine::parse({"guarded name=s ! checkpointtap name=t stage=a ! fakesink"});
  ck_assert(line.is_ok());
  auto stages = LineStages::make(
      *line, {{"s", "user-pw", "s3cr3t"},
              {"t", "secret-access-key", "s3cr3t"},
              {"s", "where", "http://u:s3cr3t@camera/1?t=s3cr3t"},
              {"s", "extra-headers", "h,Authorization=(string)s3cr3t,agent=(string)camera"},
              {"s", "keyint-min", "9"},
              {"s", "pass", "time"}});
  ck_assert_msg(stages.is_ok(), "%s", stages.status().to_string().c_str());
  const std::string shown = stages->overrides_of(stages->line().stages()[0]);
  ck_assert_msg(shown.find("s3cr3t") == std::string::npos, "%s", shown.c_str());
  for (const char *part : {"\"s.keyint-min\":\"9\"", "\"s.pass\":\"time\"",
                           "\"s.where\":\"http://***@camera/1?t=***\"", "agent"})
    ck_assert_msg(shown.find(part) != std::string::npos, "%s in %s", part, shown.c_str());
  // Nor of what stands between two elements.
  auto keyed =
      LaunchLine::parse({"guarded ! application/x-srtp,srtp-key=(string)s3cr3t ! decodebin ! "
                         "checkpointtap stage=a ! fakesink"});
  ck_assert(keyed.is_ok());
  auto with_caps = LineStages::make(*keyed, {});
  ck_assert_msg(with_caps.is_ok(), "%s", with_caps.status().to_string().c_str());
  const std::string made = with_caps->declared(with_caps->line().stages()[0], {});
  ck_assert_msg(made.find("x-srtp") != made.npos && made.find("s3cr3t") == made.npos, "%s",
                made.c_str());
  // Nor of an error.
  for (const Override &wrong :
       {Override{"s", "extra-headers", "h,,s3cr3t"}, Override{"s", "user-pwd", "s3cr3t"}}) {
    const Status status = LineStages::make(*line, {wrong}).status();
    ck_assert(status.is(Code::kInvalidArgument));
    ck_assert_msg(status.to_string().find("s3cr3t") == std::string::npos, "%s",
                  status.to_string().c_str());
  }
  auto odd = LaunchLine::parse({"guarded extra-headers=h,,s3cr3t ! checkpointtap stage=a"});
  ck_assert(odd.is_ok());
  const std::string said = LineStages::make(*odd, {}).status().message();
  ck_assert_msg(said.find("extra-headers") != said.npos && said.find("s3cr3t") == said.npos, "%s",
                said.c_str());
  ck_assert(parse_override("user-pw=s3cr3t").status().to_string().find("s3cr3t") ==
            std::string::npos);
}
GST_END_TEST

static Suite *config_secrets_suite() {
  Suite *suite = suite_create("config_secrets");
  TCase *tc = tcase_create("config_secrets");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g36_no_secret_is_part_of_a_configuration);
  tcase_add_test(tc, g36_no_secret_is_part_of_what_is_overridden);
  return suite;
}
GST_CHECK_MAIN(config_secrets);
