// SPDX-License-Identifier: LGPL-2.1-or-later
#include "preloaded_source.h"

#include <gst/app/gstappsink.h>
#include <gst/base/gstpushsrc.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace {
const benchmark::Film *current_film = nullptr;
std::atomic<gint64> first_at{0};
}  // namespace

struct PreloadedSrc {
  GstPushSrc parent;
  guint64 next;
};
struct PreloadedSrcClass {
  GstPushSrcClass parent_class;
};
GType preloaded_src_get_type();
// clang-format off
G_DEFINE_TYPE(PreloadedSrc, preloaded_src, GST_TYPE_PUSH_SRC)
// clang-format on

static gboolean preloaded_src_start(GstBaseSrc *src) {
  reinterpret_cast<PreloadedSrc *>(src)->next = 0;
  first_at = 0;
  return TRUE;
}

static GstCaps *preloaded_src_get_caps(GstBaseSrc *, GstCaps *filter) {
  GstCaps *caps = gst_caps_from_string(current_film->caps.c_str());
  if (!filter) return caps;
  GstCaps *both = gst_caps_intersect(caps, filter);
  gst_caps_unref(caps);
  return both;
}

static GstFlowReturn preloaded_src_create(GstPushSrc *src, GstBuffer **out) {
  auto *self = reinterpret_cast<PreloadedSrc *>(src);
  if (self->next >= current_film->frames.size()) return GST_FLOW_EOS;
  if (self->next == 0) first_at = g_get_monotonic_time();
  // A new buffer over the same memory, as a decoder's pool would give.
  GstBuffer *buffer = gst_buffer_copy(current_film->frames[self->next]);
  GST_BUFFER_PTS(buffer) = self->next * GST_SECOND / 30;
  GST_BUFFER_DURATION(buffer) = GST_SECOND / 30;
  self->next++;
  *out = buffer;
  return GST_FLOW_OK;
}

static void preloaded_src_class_init(PreloadedSrcClass *klass) {
  gst_element_class_add_pad_template(
      GST_ELEMENT_CLASS(klass),
      gst_pad_template_new("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_CAPS_ANY));
  gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "Frames in memory", "Source",
                                        "For benchmarks", "gst-checkpoint developers");
  GST_BASE_SRC_CLASS(klass)->start = preloaded_src_start;
  GST_BASE_SRC_CLASS(klass)->get_caps = preloaded_src_get_caps;
  GST_PUSH_SRC_CLASS(klass)->create = preloaded_src_create;
}

static void preloaded_src_init(PreloadedSrc *self) {
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
}

namespace benchmark {

void register_source() {
  gst_element_register(nullptr, "preloadedsrc", GST_RANK_NONE, preloaded_src_get_type());
}
void play(const Film *film) { current_film = film; }
gint64 first_buffer_at() { return first_at; }

Film load_film(const std::string &path, const std::string &format, int width, int height,
               size_t count) {
  Film film;
  film.name = path.empty() ? "videotestsrc pattern=smpte" : path.substr(path.find_last_of('/') + 1);
  std::string source =
      path.empty() ? "videotestsrc" : "filesrc location=\"" + path + "\" ! decodebin";
  std::string line = source + " ! videoconvert ! videoscale ! video/x-raw,format=" + format +
                     ",width=" + std::to_string(width) + ",height=" + std::to_string(height) +
                     " ! appsink name=out sync=false max-buffers=4";
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch(line.c_str(), &error);
  if (!pipeline) {
    std::fprintf(stderr, "%s\n", error->message);
    std::exit(2);
  }
  GstElement *out = gst_bin_get_by_name(GST_BIN(pipeline), "out");
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  while (film.frames.size() < count) {
    GstSample *sample = gst_app_sink_pull_sample(GST_APP_SINK(out));
    if (!sample) {
      if (film.frames.empty()) {
        std::fprintf(stderr, "no frame of %s could be decoded\n", film.name.c_str());
        std::exit(2);
      }
      gst_element_seek_simple(pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, 0);
      continue;
    }
    GstBuffer *buffer = gst_buffer_copy_deep(gst_sample_get_buffer(sample));
    if (film.caps.empty()) {
      gchar *caps = gst_caps_to_string(gst_sample_get_caps(sample));
      film.caps = caps;
      g_free(caps);
      film.frame_size = gst_buffer_get_size(buffer);
    }
    film.frames.push_back(buffer);
    gst_sample_unref(sample);
  }
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(out);
  gst_object_unref(pipeline);
  return film;
}

}  // namespace benchmark
