// SPDX-License-Identifier: LGPL-2.1-or-later
// A detection application in C++: one pipeline with a stage before the detector and one behind it.
// The detector is a pad probe. What was kept is then read without a pipeline.
//
//     libraries="gstreamer-checkpoint-1.0 gstreamer-video-1.0"
//     c++ -std=c++20 detect.cpp -o detect $(pkg-config --cflags --libs $libraries)
#include <gst/checkpoint/checkpoint.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace {

constexpr guint kFrames = 20;
constexpr guint8 kThreshold = 128;

struct Box {
  guint x = G_MAXUINT, y = G_MAXUINT, right = 0, bottom = 0;
};

// The box around what is bright.
Box find_ball(const guint8 *image, const GstVideoInfo &info) {
  Box box;
  const auto width = static_cast<guint>(GST_VIDEO_INFO_WIDTH(&info));
  const auto height = static_cast<guint>(GST_VIDEO_INFO_HEIGHT(&info));
  const auto stride = static_cast<guint>(GST_VIDEO_INFO_PLANE_STRIDE(&info, 0));
  for (guint y = 0; y < height; y++) {
    for (guint x = 0; x < width; x++) {
      if (image[y * stride + x] < kThreshold) continue;
      box = {std::min(box.x, x), std::min(box.y, y), std::max(box.right, x + 1),
             std::max(box.bottom, y + 1)};
    }
  }
  return box;
}

GstPadProbeReturn detect(GstPad *pad, GstPadProbeInfo *probe, gpointer) {
  GstCaps *caps = gst_pad_get_current_caps(pad);
  GstVideoInfo info;
  gst_video_info_from_caps(&info, caps);
  gst_caps_unref(caps);
  GstBuffer *buffer = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(probe));
  probe->data = buffer;
  GstMapInfo map;
  if (!gst_buffer_map(buffer, &map, GST_MAP_READ)) return GST_PAD_PROBE_OK;
  const Box ball = find_ball(map.data, info);
  gst_buffer_unmap(buffer, &map);
  GstVideoRegionOfInterestMeta *region = gst_buffer_add_video_region_of_interest_meta(
      buffer, "ball", ball.x, ball.y, ball.right - ball.x, ball.bottom - ball.y);
  gst_video_region_of_interest_meta_add_param(
      region, gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, 0.9, nullptr));
  return GST_PAD_PROBE_OK;
}

// True: it ran to its end, and all that both taps took is durable.
bool run() {
  GError *error = nullptr;
  GstElement *pipeline = gst_parse_launch(
      "videotestsrc pattern=ball num-buffers=20"
      " ! video/x-raw,format=GRAY8,width=64,height=48,framerate=10/1"
      " ! checkpointtap job-id=hall stage=decode ! identity name=detector"
      " ! checkpointtap stage=detect ! fakesink",
      &error);
  if (error) {  // GStreamer may give a pipeline all the same
    std::fprintf(stderr, "%s\n", error->message);
    g_clear_error(&error);
    if (pipeline) gst_object_unref(pipeline);
    return false;
  }
  GstElement *detector = gst_bin_get_by_name(GST_BIN(pipeline), "detector");
  GstPad *pad = gst_element_get_static_pad(detector, "src");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, detect, nullptr, nullptr);
  gst_object_unref(pad);
  gst_object_unref(detector);

  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, GST_CLOCK_TIME_NONE, static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS));
  const bool good = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
  if (!good) {
    gchar *debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    std::fprintf(stderr, "%s\n%s\n", error->message, debug ? debug : "");
    g_clear_error(&error);
    g_free(debug);
  }
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return good;
}

struct Unref {
  void operator()(gpointer object) const { g_object_unref(object); }
};

// What a frame of the checkpoint says; false: not what the detector sees on it.
bool show(GstSample *sample) {
  GstBuffer *buffer = gst_sample_get_buffer(sample);
  GstVideoInfo info;
  if (!gst_video_info_from_caps(&info, gst_sample_get_caps(sample))) return false;
  GstVideoFrame frame;
  if (!gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ)) return false;
  const Box seen =
      find_ball(static_cast<const guint8 *>(GST_VIDEO_FRAME_PLANE_DATA(&frame, 0)), info);
  gst_video_frame_unmap(&frame);
  gpointer state = nullptr;
  auto *ball = reinterpret_cast<GstVideoRegionOfInterestMeta *>(
      gst_buffer_iterate_meta_filtered(buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE));
  if (!ball) return false;
  guint64 sequence = 0;
  gst_structure_get_uint64(gst_sample_get_info(sample), "sequence", &sequence);
  std::printf("frame %" G_GUINT64_FORMAT ": ball at %u,%u\n", sequence, ball->x, ball->y);
  return ball->x == seen.x && ball->y == seen.y && ball->w == seen.right - seen.x;
}

using Checkpoint = std::unique_ptr<GstCheckpointCheckpoint, Unref>;

// Null: an error was printed.
Checkpoint load(GstCheckpointStore *store, const char *stage) {
  GError *error = nullptr;
  Checkpoint checkpoint(gst_checkpoint_store_load(store, "hall", stage, nullptr, &error));
  if (!checkpoint) std::fprintf(stderr, "%s\n", error->message);
  g_clear_error(&error);
  return checkpoint;
}

guint64 bytes_new(const Checkpoint &checkpoint) {
  guint64 bytes = 0;
  g_object_get(checkpoint.get(), "bytes-new", &bytes, nullptr);
  return bytes;
}

bool report() {
  const std::unique_ptr<GstCheckpointStore, Unref> store(
      gst_checkpoint_store_new(nullptr, nullptr));
  const Checkpoint decoded = load(store.get(), "decode"), detected = load(store.get(), "detect");
  if (!decoded || !detected) return false;
  const std::unique_ptr<GstCheckpointFrames, Unref> frames(
      gst_checkpoint_frames_new(detected.get()));
  GError *error = nullptr;
  guint count = 0;
  bool good = true;
  while (GstSample *sample = gst_checkpoint_frames_next(frames.get(), nullptr, &error)) {
    good = show(sample) && good;
    gst_sample_unref(sample);
    count++;
  }
  if (error) std::fprintf(stderr, "%s\n", error->message);
  good = good && !error && count == kFrames;
  g_clear_error(&error);
  // No frame is stored twice: whichever stage comes to it first stores it.
  return good && bytes_new(decoded) + bytes_new(detected) == kFrames * 64 * 48;
}

}  // namespace

int main(int argc, char **argv) {
  gst_init(&argc, &argv);
  const bool good = run() && report();
  gst_deinit();
  return good ? 0 : 1;
}
