// SPDX-License-Identifier: LGPL-2.1-or-later
// What pipelines do to elements besides the plain way from PLAYING to EOS, and frames that are
// unlike others: all of it is stored and comes back.
#include <thread>

#include "elements/checkpointsrc.h"
#include "support/check.h"
#include "support/gate.h"
#include "support/passing.h"
#include "support/sink_place.h"

using namespace checkpoint;

namespace {

constexpr const char *kFeed = "appsrc name=feed format=time max-bytes=0 ! checkpointsink name=k ";

CapsPtr gray(int width, int height) {
  return CapsPtr(gst_caps_new_simple("video/x-raw", "format", G_TYPE_STRING, "GRAY8", "width",
                                     G_TYPE_INT, width, "height", G_TYPE_INT, height, "framerate",
                                     GST_TYPE_FRACTION, 25, 1, nullptr));
}

PassedFrame frame(int width, int height, guint8 value, GstClockTime pts) {
  const auto stride = static_cast<gsize>(GST_ROUND_UP_4(width));
  PassedFrame made{
      BufferPtr(gst_buffer_new_allocate(nullptr, stride * static_cast<gsize>(height), nullptr)),
      gray(width, height)};
  gst_buffer_memset(made.buffer.get(), 0, value, gst_buffer_get_size(made.buffer.get()));
  GST_BUFFER_PTS(made.buffer.get()) = pts;
  return made;
}

void make_source() {
  static const gboolean made = GST_ELEMENT_REGISTER(checkpointsrc, nullptr);
  ck_assert(made);
}

// Stores the frames, plays them and compares.
void must_come_back(const SinkPlace &place, const std::vector<PassedFrame> &frames,
                    const std::string &properties = "") {
  make_source();
  const std::string stage = "job-id=j stage=s " + place.stores();
  const auto stored = passed_in(kFeed + stage + properties, "k", frames);
  const auto played = passed_in("checkpointsrc " + stage + "! fakesink name=k", "k");
  ck_assert_uint_eq(stored.size(), frames.size());
  ck_assert_uint_eq(played.size(), frames.size());
  for (size_t i = 0; i < stored.size(); i++) {
    must_agree(stored[i], played[i], i == 0);
    must_hold_the_same(stored[i], played[i]);
  }
}

}  // namespace

GST_START_TEST(g13_the_smallest_and_a_large_frame) {
  SinkPlace place;
  std::vector<PassedFrame> frames;
  frames.push_back(frame(1, 1, 9, 0));
  frames.push_back(frame(7680, 4320, 7, GST_SECOND));
  frames.push_back(frame(1, 1, 8, 2 * GST_SECOND));
  // Its padding is not stored, so it is compared as it was made: zeroed.
  for (PassedFrame &small : frames)
    if (gst_buffer_get_size(small.buffer.get()) == 4)
      gst_buffer_memset(small.buffer.get(), 1, 0, 3);
  must_come_back(place, frames, "codec=lz4");
}
GST_END_TEST

GST_START_TEST(g13_times_that_are_missing_or_go_back) {
  SinkPlace place;
  std::vector<PassedFrame> frames;
  const GstClockTime times[] = {
      0, GST_CLOCK_TIME_NONE, 9 * GST_SECOND, 3 * GST_SECOND, 3 * GST_SECOND, GST_CLOCK_TIME_NONE,
      1};
  for (GstClockTime pts : times)
    frames.push_back(frame(8, 8, static_cast<guint8>(frames.size()), pts));
  must_come_back(place, frames);
}
GST_END_TEST

GST_START_TEST(g13_frames_without_bytes_and_gap_frames) {
  SinkPlace place;
  std::vector<PassedFrame> frames;
  frames.push_back(frame(8, 8, 1, 0));
  frames.push_back({BufferPtr(gst_buffer_new()), gray(8, 8)});
  GST_BUFFER_PTS(frames.back().buffer.get()) = GST_SECOND;
  GST_BUFFER_FLAG_SET(frames.back().buffer.get(), GST_BUFFER_FLAG_GAP);
  frames.push_back(frame(8, 8, 0, 2 * GST_SECOND));
  GST_BUFFER_FLAG_SET(frames.back().buffer.get(), GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DROPPABLE);
  must_come_back(place, frames);
}
GST_END_TEST

GST_START_TEST(g13_memory_that_is_read_only_or_in_pieces) {
  SinkPlace place;
  static guint8 bytes[64];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = static_cast<guint8>(i);
  const guint8 before = bytes[63];
  std::vector<PassedFrame> frames;
  frames.push_back({BufferPtr(gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, bytes, 64, 0,
                                                          64, nullptr, nullptr)),
                    gray(8, 8)});
  // A piece for each row, all of them read-only.
  GstBuffer *pieces = gst_buffer_new();
  for (gsize row = 0; row < 8; row++)
    gst_buffer_append_memory(pieces, gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, bytes, 64,
                                                            row * 8, 8, nullptr, nullptr));
  frames.push_back({BufferPtr(pieces), gray(8, 8)});
  must_come_back(place, frames);
  ck_assert_uint_eq(bytes[63], before);
}
GST_END_TEST

GST_START_TEST(g13_caps_that_change_inside_a_pack) {
  SinkPlace place;
  std::vector<PassedFrame> frames;
  for (int i = 0; i < 12; i++)
    frames.push_back(frame(8 + 4 * (i / 2 % 3), 8 + i / 4, static_cast<guint8>(i),
                           static_cast<GstClockTime>(i) * GST_SECOND));
  must_come_back(place, frames, "commit-interval=3600000");
  EQUAL(place.value("SELECT count(*) FROM pack"), "1");
}
GST_END_TEST

GST_START_TEST(g08_a_pool_of_two_buffers_is_enough) {
  SinkPlace place;
  Gate gate;
  place.frames().before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  // A pack is full with the tenth frame only, and the store takes none for now.
  FedSink sink(place.faulty_stores(), "job-id=j stage=s pack-size=640 commit-interval=3600000");
  GstBufferPool *pool = gst_buffer_pool_new();
  GstStructure *config = gst_buffer_pool_get_config(pool);
  gst_buffer_pool_config_set_params(config, nullptr, 64, 2, 2);
  ck_assert(gst_buffer_pool_set_config(pool, config));
  ck_assert(gst_buffer_pool_set_active(pool, TRUE));
  std::thread stream([&] {
    for (int i = 0; i < 40; i++) {
      GstBuffer *buffer = nullptr;
      ck_assert_int_eq(gst_buffer_pool_acquire_buffer(pool, &buffer, nullptr), GST_FLOW_OK);
      gst_buffer_memset(buffer, 0, static_cast<guint8>(i), 64);
      ck_assert_int_eq(sink.push(buffer), GST_FLOW_OK);
    }
  });
  gate.wait_for_arrivals(1);
  gate.open();
  stream.join();
  ck_assert(sink.send(gst_event_new_eos()));
  gst_buffer_pool_set_active(pool, FALSE);
  gst_object_unref(pool);
  EQUAL(place.value("SELECT state || frames FROM checkpoint"), "complete40");
}
GST_END_TEST

GST_START_TEST(several_streams_of_several_pipelines_at_once) {
  SinkPlace place;
  GstElement *pipelines[2];
  for (int p = 0; p < 2; p++) {
    std::string line;
    for (int s = 0; s < 3; s++)
      line += test_source(20 + s) + "checkpointsink job-id=job" + std::to_string(p) +
              " stage=stage" + std::to_string(s) + " pack-size=20000" + place.stores();
    pipelines[p] = parse_line(line);
  }
  for (GstElement *pipeline : pipelines) gst_element_set_state(pipeline, GST_STATE_PLAYING);
  for (GstElement *pipeline : pipelines) {
    BusLog log = wait_for_end(pipeline);
    ck_assert_msg(log.eos && log.errors.empty(), "%s",
                  log.errors.empty() ? "" : log.errors[0].c_str());
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
  }
  EQUAL(place.value("SELECT group_concat(job_id || stage || state || frames, ' ') FROM (SELECT * "
                    "FROM checkpoint JOIN job ON job.key = job ORDER BY job_id, stage)"),
        "job0stage0complete20 job0stage1complete21 job0stage2complete22 "
        "job1stage0complete20 job1stage1complete21 job1stage2complete22");
}
GST_END_TEST

GST_START_TEST(a_stage_run_from_another_a_hundred_times) {
  SinkPlace place;
  make_source();
  const std::string stores = place.stores();
  ck_assert(run_line(test_source(3) + "checkpointsink job-id=j stage=decode" + stores).eos);
  GstElement *pipeline = parse_line("checkpointsrc job-id=j stage=decode" + stores +
                                    "! checkpointsink stage=detect" + stores);
  for (int i = 0; i < 100; i++) {
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    if (i % 3 == 0) {
      BusLog log = wait_for_end(pipeline);
      ck_assert_msg(log.eos && log.errors.empty(), "%s",
                    log.errors.empty() ? "" : log.errors[0].c_str());
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
  }
  gst_object_unref(pipeline);
  // All that were waited for, and no frame of a complete one is missing.
  EQUAL(place.value("SELECT count(*) >= 34 AND min(frames) = 3 FROM checkpoint WHERE stage = "
                    "'detect' AND state = 'complete'"),
        "1");
  EQUAL(place.value("SELECT sum(bytes_new) FROM checkpoint WHERE stage = 'detect'"), "0");
}
GST_END_TEST

GST_START_TEST(a_custom_event_between_an_end_and_the_next_data_is_kept) {
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=s");
  ck_assert_int_eq(sink.push(0, 1), GST_FLOW_OK);
  ck_assert(sink.send(gst_event_new_eos()));
  ck_assert(sink.send(gst_event_new_flush_start()));
  ck_assert(sink.send(gst_event_new_flush_stop(TRUE)));
  ck_assert(sink.send_segment());
  ck_assert(sink.send(
      gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("x-between"))));
  ck_assert_int_eq(sink.push(1, 2), GST_FLOW_OK);
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(place.value("SELECT group_concat(version || state, ' ') FROM (SELECT * FROM checkpoint "
                    "ORDER BY version)"),
        "1complete 2complete");
  EQUAL(place.value("SELECT group_concat(version || ':' || idx) FROM event JOIN checkpoint c ON "
                    "c.key = event.checkpoint WHERE type = 'custom-downstream'"),
        "2:0");
}
GST_END_TEST

GST_START_TEST(g28_a_flush_between_frames_is_recorded_and_loses_nothing) {
  SinkPlace place;
  FedSink sink(place.stores(), "job-id=j stage=s");
  for (guint64 i = 0; i < 2; i++) ck_assert_int_eq(sink.push(i, 1), GST_FLOW_OK);
  ck_assert(sink.send(gst_event_new_flush_start()));
  ck_assert(sink.send(gst_event_new_flush_stop(TRUE)));
  ck_assert(sink.send_segment());
  for (guint64 i = 0; i < 3; i++) ck_assert_int_eq(sink.push(i, 2), GST_FLOW_OK);
  ck_assert(sink.send(gst_event_new_eos()));
  EQUAL(place.value("SELECT state || frames FROM checkpoint"), "complete5");
  EQUAL(place.value("SELECT group_concat(type || idx, ' ') FROM (SELECT * FROM event WHERE idx > "
                    "0 ORDER BY idx, ordinal)"),
        "flush-stop2 segment2");
}
GST_END_TEST

// Before memory is taken for what a damaged row says.
GST_START_TEST(g34_absurd_lengths_in_the_rows_of_an_earlier_run) {
  const std::pair<const char *, const char *> damages[] = {
      {"UPDATE frame SET record_length = 1 << 40", "they end behind the pack"},
      {"UPDATE pack SET size = 1 << 50; UPDATE frame SET record_length = 1 << 40",
       "one is longer than any can be"}};
  for (const auto &[damage, told] : damages) {
    SinkPlace place;
    const std::string line = " checkpointsink resume=true job-id=j stage=s" + place.stores();
    ck_assert(!run_line(test_source(20) + "identity error-after=10 !" + line).errors.empty());
    EQUAL(place.value("SELECT state FROM checkpoint WHERE frames > 0"), "partial");
    change_database(place.database(), damage);
    const BusLog log = run_line(test_source(20) + line);
    ck_assert(!log.eos && !log.debugs.empty());
    ck_assert_msg(log.debugs[0].find(told) != std::string::npos, "%s", log.debugs[0].c_str());
  }
}
GST_END_TEST

static Suite *rough_life_suite() {
  Suite *suite = suite_create("rough_life");
  TCase *tc = tcase_create("rough_life");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_the_smallest_and_a_large_frame);
  tcase_add_test(tc, g13_times_that_are_missing_or_go_back);
  tcase_add_test(tc, g13_frames_without_bytes_and_gap_frames);
  tcase_add_test(tc, g13_memory_that_is_read_only_or_in_pieces);
  tcase_add_test(tc, g13_caps_that_change_inside_a_pack);
  tcase_add_test(tc, g08_a_pool_of_two_buffers_is_enough);
  tcase_add_test(tc, several_streams_of_several_pipelines_at_once);
  tcase_add_test(tc, a_stage_run_from_another_a_hundred_times);
  tcase_add_test(tc, a_custom_event_between_an_end_and_the_next_data_is_kept);
  tcase_add_test(tc, g28_a_flush_between_frames_is_recorded_and_loses_nothing);
  tcase_add_test(tc, g34_absurd_lengths_in_the_rows_of_an_earlier_run);
  return suite;
}
GST_CHECK_MAIN(rough_life);
