// SPDX-License-Identifier: LGPL-2.1-or-later
// A plugin of the tests' own: `killer`, on whose frames a process ends at once, as in a detector
// that crashes on them.
#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <signal.h>
#include <unistd.h>

#include <initializer_list>

struct Killer {
  GstBaseTransform parent;
  guint64 at[2];
};
struct KillerClass {
  GstBaseTransformClass parent_class;
};

// clang-format off
G_DEFINE_TYPE(Killer, killer, GST_TYPE_BASE_TRANSFORM)
static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
// clang-format on

static GstFlowReturn killer_transform_ip(GstBaseTransform *base, GstBuffer *buffer) {
  const auto *self = reinterpret_cast<Killer *>(base);
  for (guint64 at : self->at)
    if (GST_BUFFER_OFFSET(buffer) == at) kill(getpid(), SIGKILL);
  return GST_FLOW_OK;
}

static void killer_set_property(GObject *object, guint id, const GValue *value, GParamSpec *) {
  reinterpret_cast<Killer *>(object)->at[id - 1] = g_value_get_uint64(value);
}

static void killer_init(Killer *self) {
  self->at[0] = self->at[1] = G_MAXUINT64;
  gst_base_transform_set_passthrough(&self->parent, TRUE);
}

static void killer_class_init(KillerClass *klass) {
  auto *element_class = reinterpret_cast<GstElementClass *>(klass);
  G_OBJECT_CLASS(klass)->set_property = killer_set_property;
  const auto flags = static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS);
  guint id = 1;
  for (const char *name : {"at", "and-at"})
    g_object_class_install_property(
        G_OBJECT_CLASS(klass), id++,
        g_param_spec_uint64(name, name, "Offset of a frame", 0, G_MAXUINT64, G_MAXUINT64, flags));
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Killer", "Debug", "Ends the process",
                                        "gst-checkpoint developers");
  reinterpret_cast<GstBaseTransformClass *>(klass)->transform_ip = killer_transform_ip;
}

static gboolean plugin_init(GstPlugin *plugin) {
  return gst_element_register(plugin, "killer", GST_RANK_NONE, killer_get_type());
}

#define PACKAGE "killer"
GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, killer, "Ends processes", plugin_init, "1",
                  "LGPL", "killer", "https://example.org")
