// SPDX-License-Identifier: LGPL-2.1-or-later
// What checkpointsink does with metas that it can't keep, and with regions that have lost theirs.
#include <gst/video/gstvideometa.h>

#include <algorithm>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "elements/checkpointsink.h"
#include "elements/checkpointsrc.h"
#include "elements/gst_handles.h"
#include "elements/identity_meta.h"
#include "support/check.h"
#include "support/pipeline.h"
#include "support/private_meta.h"
#include "support/temp_dir.h"

using namespace checkpoint;

namespace {

struct Folder : TempDir {
  Folder() {
    register_backends();
    register_identity_meta();
    GST_ELEMENT_REGISTER(checkpointsink, nullptr);
    GST_ELEMENT_REGISTER(checkpointsrc, nullptr);
  }
  std::string stores() const {
    return " frame-store=" + file("frames") + " metadata-store=" + file("checkpoints.db") + " ";
  }
  std::string value(const std::string &sql) const {
    return query_value(file("checkpoints.db"), sql);
  }
};

std::vector<BufferPtr> frames(size_t count) {
  std::vector<BufferPtr> out;
  for (size_t i = 0; i < count; i++) {
    out.emplace_back(gst_buffer_new_allocate(nullptr, 16 * 16, nullptr));
    gst_buffer_memset(out.back().get(), 0, static_cast<guint8>(i), 16 * 16);
    GST_BUFFER_PTS(out.back().get()) = i * 40 * GST_MSECOND;
  }
  return out;
}

void add_region(GstBuffer *buffer, GstStructure *param) {
  auto *roi = gst_buffer_add_video_region_of_interest_meta(buffer, "car", 1, 2, 3, 4);
  if (param) gst_video_region_of_interest_meta_add_param(roi, param);
}

struct Outcome {
  BusLog log;
  StructurePtr stats;
  guint64 left_out(const char *type) const {
    const GValue *value = gst_structure_get_value(stats.get(), "metas-left-out");
    ck_assert(value && GST_VALUE_HOLDS_STRUCTURE(value));
    guint64 count = 0;
    gst_structure_get_uint64(gst_value_get_structure(value), type, &count);
    return count;
  }
  int warnings_of(const char *text) const {
    return static_cast<int>(
        std::count_if(log.warnings.begin(), log.warnings.end(),
                      [text](const std::string &w) { return w.find(text) != std::string::npos; }));
  }
};

// Runs a line whose sink is named "sink", with frames for its appsrc "feed" where it has one.
Outcome run(const std::string &line, const std::vector<BufferPtr> &feed = {}) {
  GstElement *pipeline = parse_line(line);
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  if (GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "feed")) {
    GstFlowReturn flow;
    for (const BufferPtr &buffer : feed)
      g_signal_emit_by_name(source, "push-buffer", buffer.get(), &flow);
    g_signal_emit_by_name(source, "end-of-stream", &flow);
    gst_object_unref(source);
  }
  Outcome outcome{wait_for_end(pipeline), nullptr};
  GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
  GstStructure *stats = nullptr;
  g_object_get(sink, "stats", &stats, nullptr);
  outcome.stats.reset(stats);
  gst_object_unref(sink);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  return outcome;
}

const std::string kFeed =
    "appsrc name=feed format=time caps=video/x-raw,format=GRAY8,width=16,height=16,framerate=25/1 "
    "! checkpointsink name=sink job-id=j ";

}  // namespace

GST_START_TEST(what_can_not_be_kept_is_counted_and_warned_of_once) {
  Folder folder;
  auto feed = frames(5);
  int pointed = 0;
  for (size_t i : {1, 2, 4}) {
    add_private_meta(feed[i].get());
    add_region(feed[i].get(), gst_structure_new("raw", "p", G_TYPE_POINTER, &pointed, nullptr));
  }
  add_private_meta(feed[4].get());
  gst_buffer_add_parent_buffer_meta(feed[3].get(), feed[0].get());
  Outcome done = run(kFeed + "stage=a" + folder.stores(), feed);
  ck_assert(done.log.eos && done.log.errors.empty());
  ck_assert_uint_eq(done.log.warnings.size(), 2);
  ck_assert_int_eq(done.warnings_of("CheckPrivateMetaAPI"), 1);
  ck_assert_int_eq(done.warnings_of("GstVideoRegionOfInterestMeta/raw"), 1);
  ck_assert_uint_eq(done.left_out("CheckPrivateMetaAPI"), 4);
  ck_assert_uint_eq(done.left_out("GstVideoRegionOfInterestMeta/raw"), 3);
  const GValue *nested = gst_structure_get_value(done.stats.get(), "metas-left-out");
  ck_assert_int_eq(gst_structure_n_fields(gst_value_get_structure(nested)), 2);
  // `stats` is text in logs: it has to read back.
  GCharPtr text(gst_structure_to_string(done.stats.get()));
  StructurePtr back(gst_structure_from_string(text.get(), nullptr));
  ck_assert_msg(back && gst_structure_is_equal(back.get(), done.stats.get()), "%s", text.get());
  ck_assert(folder.value("SELECT COUNT(*) FROM frame") == "5");
  ck_assert(folder.value("SELECT COUNT(*) FROM detection") == "3");
}
GST_END_TEST

GST_START_TEST(g13_under_strict_metas_it_is_an_error_that_names_meta_and_frame) {
  Folder folder;
  auto feed = frames(4);
  add_private_meta(feed[2].get());
  Outcome done = run(kFeed + "stage=a strict-metas=true" + folder.stores(), feed);
  ck_assert(!done.log.eos);
  ck_assert_uint_ge(done.log.errors.size(), 1);
  const std::string &error = done.log.errors[0];
  const std::string code =
      "gst-stream-error-quark/" + std::to_string(GST_STREAM_ERROR_FORMAT) + ": ";
  ck_assert_msg(error.starts_with(code), "%s", error.c_str());
  ck_assert_msg(error.find("rame 2: CheckPrivateMetaAPI") != std::string::npos, "%s",
                error.c_str());
  ck_assert_msg(error.find("strict-metas=false") != std::string::npos, "%s", error.c_str());
  ck_assert(done.log.warnings.empty());
  ck_assert_uint_eq(done.left_out("CheckPrivateMetaAPI"), 1);
  ck_assert(folder.value("SELECT COUNT(*) FROM stage_checkpoints WHERE state = 'complete'") == "0");
}
GST_END_TEST

GST_START_TEST(strict_metas_takes_what_can_be_kept) {
  Folder folder;
  auto feed = frames(3);
  gst_buffer_add_parent_buffer_meta(feed[1].get(), feed[0].get());
  add_region(feed[1].get(), gst_structure_new_empty("detection"));
  gst_buffer_add_protection_meta(feed[2].get(), gst_structure_new_empty("info"));
  Outcome done = run(kFeed + "stage=a strict-metas=true" + folder.stores(), feed);
  ck_assert(done.log.eos && done.log.errors.empty() && done.log.warnings.empty());
  const GValue *nested = gst_structure_get_value(done.stats.get(), "metas-left-out");
  ck_assert_int_eq(gst_structure_n_fields(gst_value_get_structure(nested)), 0);
  // And what a replay adds to the frames.
  Outcome again = run("checkpointsrc job-id=j stage=a " + folder.stores() +
                      "! checkpointsink name=sink stage=b strict-metas=true" + folder.stores());
  ck_assert(again.log.eos && again.log.errors.empty() && again.log.warnings.empty());
}
GST_END_TEST

GST_START_TEST(regions_that_lost_their_params_since_the_parent_are_warned_of_once) {
  Folder folder;
  auto feed = frames(4);
  for (size_t i : {1, 2, 3}) add_region(feed[i].get(), gst_structure_new_empty("detection"));
  add_region(feed[3].get(), nullptr);
  Outcome done = run(kFeed + "stage=detect" + folder.stores(), feed);
  ck_assert(done.log.eos && done.log.warnings.empty());
  const std::string replay = "checkpointsrc job-id=j stage=detect " + folder.stores() + "! ";
  Outcome same = run(replay + "checkpointsink name=sink stage=same" + folder.stores());
  ck_assert(same.log.eos && same.log.warnings.empty());
  Outcome rgb =
      run(replay + "videoconvert ! video/x-raw,format=RGB ! checkpointsink name=sink stage=rgb" +
          folder.stores());
  ck_assert(rgb.log.eos && rgb.log.errors.empty());
  ck_assert_uint_eq(rgb.log.warnings.size(), 1);
  ck_assert_int_eq(rgb.warnings_of("without params"), 1);
}
GST_END_TEST

static Suite *strict_metas_suite() {
  Suite *suite = suite_create("strict_metas");
  TCase *tc = tcase_create("strict_metas");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, what_can_not_be_kept_is_counted_and_warned_of_once);
  tcase_add_test(tc, g13_under_strict_metas_it_is_an_error_that_names_meta_and_frame);
  tcase_add_test(tc, strict_metas_takes_what_can_be_kept);
  tcase_add_test(tc, regions_that_lost_their_params_since_the_parent_are_warned_of_once);
  return suite;
}
GST_CHECK_MAIN(strict_metas);
