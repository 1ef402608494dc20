// SPDX-License-Identifier: LGPL-2.1-or-later
// A real job: an encoded film is decoded into a checkpoint, faces are looked for from there on, and
// what was found is played.
#include <gst/video/video.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "made_film.h"
#include "support/check.h"
#include "support/home.h"
#include "support/pipeline.h"

using namespace checkpoint;

namespace {

constexpr size_t kFrames = 120;

// A region with all its fields: type, ids, box, params.
using Box = std::tuple<std::string, gint, gint, guint, guint, guint, guint, std::string>;

struct Frame {
  GstClockTime pts;
  std::string pixels;  // a checksum
  std::vector<Box> boxes;
};

GstPadProbeReturn look(GstPad *, GstPadProbeInfo *info, gpointer data) {
  auto &seen = *static_cast<std::vector<Frame> *>(data);
  if (seen.size() == kFrames) return GST_PAD_PROBE_DROP;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  Frame frame{GST_BUFFER_PTS(buffer), {}, {}};
  GstMapInfo map;
  ck_assert(gst_buffer_map(buffer, &map, GST_MAP_READ));
  gchar *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA1, map.data, map.size);
  frame.pixels = sum;
  g_free(sum);
  gst_buffer_unmap(buffer, &map);
  gpointer state = nullptr;
  while (GstMeta *meta = gst_buffer_iterate_meta_filtered(
             buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) {
    auto *roi = reinterpret_cast<GstVideoRegionOfInterestMeta *>(meta);
    std::string params;
    for (const GList *at = roi->params; at; at = at->next) {
      gchar *text = gst_structure_to_string(static_cast<GstStructure *>(at->data));
      params += text;
      g_free(text);
    }
    frame.boxes.emplace_back(g_quark_to_string(roi->roi_type), roi->id, roi->parent_id, roi->x,
                             roi->y, roi->w, roi->h, params);
  }
  seen.push_back(std::move(frame));
  return GST_PAD_PROBE_OK;
}

// Runs a line and tells what came to its element "end", of which that gets the first kFrames.
std::vector<Frame> run_and_look(const std::string &line) {
  std::vector<Frame> seen;
  GstElement *pipeline = parse_line(line);
  GstElement *end = gst_bin_get_by_name(GST_BIN(pipeline), "end");
  GstPad *pad = gst_element_get_static_pad(end, "sink");
  gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, look, &seen, nullptr);
  gst_object_unref(pad);
  gst_object_unref(end);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  BusLog log = wait_for_end(pipeline);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  ck_assert_msg(log.eos && log.errors.empty() && log.warnings.empty(), "%s%s",
                log.errors.empty() ? "" : log.errors[0].c_str(),
                log.warnings.empty() ? "" : log.warnings[0].c_str());
  return seen;
}

size_t count_boxes(const std::vector<Frame> &frames) {
  size_t boxes = 0;
  for (const Frame &frame : frames) boxes += frame.boxes.size();
  return boxes;
}

void must_have_the_same_boxes(const std::vector<Frame> &a, const std::vector<Frame> &b) {
  ck_assert_uint_eq(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++)
    ck_assert_msg(a[i].boxes == b[i].boxes, "boxes of frame %zu", i);
}

void must_be_the_same_video(const std::vector<Frame> &a, const std::vector<Frame> &b) {
  ck_assert_uint_eq(a.size(), b.size());
  for (size_t i = 0; i < a.size(); i++) {
    ck_assert_msg(a[i].pts == b[i].pts && a[i].pixels == b[i].pixels, "frame %zu", i);
  }
}

}  // namespace

GST_START_TEST(g15_faces_found_in_a_stored_film_come_back_with_it) {
  Home home;
  const std::vector<Frame> decoded =
      run_and_look("filesrc location=\"" + film(home) +
                   "\" ! decodebin ! videoconvert ! video/x-raw,format=RGB ! "
                   "checkpointsink name=end job-id=film stage=decode");
  ck_assert_uint_eq(decoded.size(), kFrames);

  const std::vector<Frame> detected = run_and_look(
      "checkpointsrc job-id=film stage=decode ! facedetect display=false updates=none ! "
      "checkpointsink name=end stage=detect");
  must_be_the_same_video(decoded, detected);
  const size_t boxes = count_boxes(detected);
  size_t frames_with_boxes = 0;
  for (const Frame &frame : detected) frames_with_boxes += !frame.boxes.empty();
  ck_assert_uint_gt(frames_with_boxes, kFrames / 2);
  ck_assert(home.value("SELECT bytes_new FROM checkpoint WHERE stage = 'detect'") == "0");
  ck_assert(home.value("SELECT count(*) FROM detection WHERE label = 'face'") ==
            std::to_string(boxes));

  const std::vector<Frame> played =
      run_and_look("checkpointsrc job-id=film stage=detect ! fakesink name=end");
  must_be_the_same_video(decoded, played);
  must_have_the_same_boxes(detected, played);

  // A tracker's region joins the detector's, which are those that were stored.
  const std::vector<Frame> tracked = run_and_look(
      "checkpointsrc job-id=film stage=detect ! cvtracker draw-rect=false object-initial-x=45 "
      "object-initial-y=130 object-initial-width=90 object-initial-height=140 ! "
      "checkpointsink name=end stage=track");
  must_be_the_same_video(decoded, tracked);
  ck_assert_uint_gt(count_boxes(tracked), boxes);
  for (size_t i = 0; i < kFrames; i++)
    for (const Box &box : detected[i].boxes)
      ck_assert_msg(std::count(tracked[i].boxes.begin(), tracked[i].boxes.end(), box) > 0,
                    "frame %zu has lost a face", i);
  const std::vector<Frame> again =
      run_and_look("checkpointsrc job-id=film stage=track ! fakesink name=end");
  must_be_the_same_video(decoded, again);
  must_have_the_same_boxes(tracked, again);
}
GST_END_TEST

static Suite *film_suite() {
  Suite *suite = suite_create("film");
  TCase *tc = tcase_create("film");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g15_faces_found_in_a_stored_film_come_back_with_it);
  return suite;
}
CHECKPOINT_CHECK_MAIN(film);
