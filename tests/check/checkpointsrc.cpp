// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: what comes out, in which order, and what is said when it can't.
#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "elements/identity_meta.h"
#include "elements/lineage.h"
#include "support/gate.h"
#include "support/source_run.h"
// last
#include <gst/video/video.h>

#include "support/check.h"

using namespace checkpoint;

namespace {

std::vector<GstSegment> segments_of(const std::vector<Passed> &passed) {
  std::vector<GstSegment> segments;
  for (const Passed &one : passed) {
    if (!one.event || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_SEGMENT) continue;
    const GstSegment *segment;
    gst_event_parse_segment(one.event.get(), &segment);
    segments.push_back(*segment);
  }
  return segments;
}

GstEvent *segment_event(uint64_t start, uint64_t stop, uint64_t time, uint64_t base) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = segment.position = start;
  segment.stop = stop;
  segment.time = time;
  segment.base = base;
  return gst_event_new_segment(&segment);
}

}  // namespace

GST_START_TEST(g13_all_comes_out_as_it_went_in) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  add_stored_event(maker, segment_event(0, kNone, 0, 0));
  add_stored_event(maker, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "one", nullptr)));
  for (uint64_t i = 0; i < 20; i++) {
    if (i == 10)
      add_stored_event(maker, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                                   gst_structure_new_empty("in-place")));
    MadeFrame frame = source_frame(i);
    frame.dts = i % 2 ? i * kFrameTime : kNone;
    frame.sequence = 3 * i;
    frame.flags = i % 5 == 1 ? GST_BUFFER_FLAG_CORRUPTED : 0;
    maker.add_frame(frame);
  }
  add_stored_event(maker, gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "two", nullptr)));
  const CheckpointRow row = maker.complete();

  SourceRun run(place.make_source());
  run.play_to_end();
  must_be_quiet(run);
  auto passed = run.take();
  const std::string order = order_of(passed);
  std::string expected = "stream-start caps segment lineage tag";
  for (int i = 0; i < 10; i++) expected += " buffer";
  expected += " custom-downstream";
  for (int i = 0; i < 10; i++) expected += " buffer";
  expected += " tag eos";
  ck_assert_str_eq(order.c_str(), expected.c_str());
  uint64_t i = 0;
  for (const Passed &one : passed) {
    if (one.event) {
      if (auto lineage = parse_lineage_event(one.event.get())) {
        ck_assert(lineage->checkpoint == row.id);
        ck_assert(lineage->job_id == "job" && lineage->stage == "stage");
      }
      continue;
    }
    GstBuffer *buffer = one.buffer.get();
    ck_assert_uint_eq(SourceRun::index_of(buffer), i);
    ck_assert_uint_eq(GST_BUFFER_PTS(buffer), i * kFrameTime);
    ck_assert_uint_eq(GST_BUFFER_DTS(buffer), i % 2 ? i * kFrameTime : GST_CLOCK_TIME_NONE);
    ck_assert_uint_eq(GST_BUFFER_DURATION(buffer), kFrameTime);
    ck_assert_uint_eq(GST_BUFFER_OFFSET(buffer), i);
    ck_assert_uint_eq(GST_BUFFER_OFFSET_END(buffer), i + 1);
    ck_assert(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_CORRUPTED) == (i % 5 == 1));
    ck_assert(GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DISCONT) == (i == 0));
    auto identity = frame_identity(buffer);
    ck_assert(identity && identity->job_id == "job" && identity->sequence == 3 * i);
    i++;
  }
  ck_assert_uint_eq(i, 20);
}
GST_END_TEST

GST_START_TEST(g13_stored_segments_come_as_they_were) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  constexpr uint64_t kSecond = GST_SECOND;
  add_stored_event(maker, segment_event(10 * kSecond, 12 * kSecond, 0, 7 * kSecond));
  // Frames that end behind their segment's stop are frames like others.
  for (uint64_t i = 0; i < 5; i++) {
    MadeFrame frame = source_frame(i);
    frame.pts = 10 * kSecond + i * kSecond;
    frame.stream_time = i * kSecond;
    frame.duration = kSecond;
    maker.add_frame(frame);
  }
  add_stored_event(maker, segment_event(0, kNone, 20 * kSecond, 9 * kSecond));
  add_stored_event(maker, gst_event_new_gap(0, kSecond));
  maker.add_frame(source_frame(5));
  maker.complete();

  SourceRun run(place.make_source());
  run.play_to_end();
  auto passed = run.take();
  const std::string order = order_of(passed);
  ck_assert_str_eq(order.c_str(),
                   "stream-start caps segment lineage buffer buffer buffer buffer buffer segment "
                   "gap buffer eos");
  auto segments = segments_of(passed);
  ck_assert_uint_eq(segments.size(), 2);
  ck_assert_uint_eq(segments[0].start, 10 * kSecond);
  ck_assert_uint_eq(segments[0].stop, 12 * kSecond);
  ck_assert_uint_eq(segments[0].time, 0);
  ck_assert_uint_eq(segments[0].base, 0);
  ck_assert_uint_eq(segments[1].start, 0);
  ck_assert_uint_eq(segments[1].stop, kNone);
  ck_assert_uint_eq(segments[1].time, 20 * kSecond);
  ck_assert_uint_eq(segments[1].base, 2 * kSecond);
  ck_assert(SourceRun::indexes(passed) == numbers(0, 6));
}
GST_END_TEST

GST_START_TEST(g13_segments_of_bytes_and_flushes) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  GstSegment bytes;
  gst_segment_init(&bytes, GST_FORMAT_BYTES);
  add_stored_event(maker, gst_event_new_segment(&bytes));
  maker.add_frame(source_frame(0));
  add_stored_event(maker, segment_event(0, kNone, 0, 0));
  maker.add_frame(source_frame(1));
  add_stored_event(maker, gst_event_new_flush_stop(TRUE));
  add_stored_event(maker, segment_event(2 * kFrameTime, kNone, 2 * kFrameTime, 0));
  maker.add_frame(source_frame(2));
  maker.complete();
  SourceRun run(place.make_source());
  run.play_to_end();
  auto passed = run.take();
  auto segments = segments_of(passed);
  ck_assert_uint_eq(segments.size(), 3);
  for (auto &segment : segments) ck_assert(segment.format == GST_FORMAT_TIME);
  // A flush loses nothing in a replay: running time goes on.
  ck_assert_uint_ge(segments[2].base, 2 * kFrameTime);
  ck_assert(SourceRun::indexes(passed) == numbers(0, 3));
}
GST_END_TEST

GST_START_TEST(g13_frames_without_times_get_none) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  add_stored_event(maker, segment_event(0, kNone, 0, 0));
  for (uint64_t i = 0; i < 6; i++) {
    MadeFrame frame = source_frame(i);
    frame.pts = frame.stream_time = frame.duration = kNone;
    frame.dts = i == 3 ? 5 : kNone;
    maker.add_frame(frame);
  }
  maker.complete();
  SourceRun run(place.make_source());
  // With a clock the base class would make times up.
  run.set_state(GST_STATE_PLAYING);
  gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
  run.take();
  ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                     GST_SEEK_TYPE_NONE, -1));
  gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
  auto passed = run.take();
  ck_assert(SourceRun::indexes(passed) == numbers(0, 6));
  uint64_t i = 0;
  for (const Passed &one : passed) {
    if (!one.buffer) continue;
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), GST_CLOCK_TIME_NONE);
    ck_assert_uint_eq(GST_BUFFER_DTS(one.buffer.get()), i++ == 3 ? 5 : GST_CLOCK_TIME_NONE);
  }
  // Not reachable by time.
  ck_assert(!run.seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                      GST_SEEK_TYPE_NONE, -1));
}
GST_END_TEST

GST_START_TEST(g13_caps_change_in_the_middle) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  maker.add_caps("video/x-raw, format=(string)GRAY8, width=(int)32, height=(int)8");
  maker.add_caps("image/jpeg");
  add_stored_event(maker, segment_event(0, kNone, 0, 0));
  for (uint64_t i = 0; i < 9; i++) {
    MadeFrame frame = source_frame(i);
    frame.caps = i < 3 ? 0 : i < 6 ? 1 : 2;
    maker.add_frame(frame);
  }
  maker.complete();
  SourceRun run(place.make_source());
  run.play_to_end();
  const std::string order = order_of(run.take());
  ck_assert_str_eq(order.c_str(),
                   "stream-start caps segment lineage buffer buffer buffer caps buffer buffer "
                   "buffer caps buffer buffer buffer eos");
}
GST_END_TEST

GST_START_TEST(g16_an_empty_checkpoint_is_a_stream_without_frames) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.complete();
  SourceRun run(place.make_source());
  run.play_to_end();
  must_be_quiet(run);
  auto passed = run.take();
  ck_assert(SourceRun::indexes(passed).empty());
  const std::string order = order_of(passed);
  ck_assert_str_eq(order.c_str(), "stream-start segment lineage eos");
}
GST_END_TEST

GST_START_TEST(a_range_of_frames) {
  SourcePlace place;
  make_source_frames(place, 50);
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "start-index", G_GINT64_CONSTANT(20), "stop-index",
                 G_GINT64_CONSTANT(30), nullptr);
    run.play_to_end();
    auto passed = run.take();
    ck_assert(SourceRun::indexes(passed) == numbers(20, 30));
    auto segments = segments_of(passed);
    ck_assert_uint_eq(segments.size(), 1);
    ck_assert_uint_eq(segments[0].start, 20 * kFrameTime);
    ck_assert_uint_eq(segments[0].time, 20 * kFrameTime);
    ck_assert_uint_eq(segments[0].base, 0);
    ck_assert_uint_eq(segments[0].stop, 30 * kFrameTime);
    gint64 duration;
    ck_assert(gst_element_query_duration(run.source(), GST_FORMAT_TIME, &duration));
    ck_assert_int_eq(duration, 30 * kFrameTime);
    ck_assert(gst_element_query_duration(run.source(), GST_FORMAT_DEFAULT, &duration));
    ck_assert_int_eq(duration, 30);
    // Seeks stay inside.
    run.take();
    ck_assert(run.seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                       GST_SEEK_TYPE_NONE, -1));
    gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
    ck_assert(SourceRun::indexes(run.take()) == numbers(20, 30));
    ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 25,
                       GST_SEEK_TYPE_SET, 45));
    gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
    ck_assert(SourceRun::indexes(run.take()) == numbers(25, 30));
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "start-index", G_GINT64_CONSTANT(70), nullptr);
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()).empty());
    auto warnings = run.take_messages(GST_MESSAGE_WARNING);
    ck_assert_uint_eq(warnings.size(), 1);
    gst_message_unref(warnings[0]);
  }
}
GST_END_TEST

GST_START_TEST(num_buffers_and_versions) {
  SourcePlace place;
  make_source_frames(place, 30);
  make_source_frames(place, 10);
  for (guint version : {0u, 1u, 2u}) {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "version", version, "num-buffers", 20, nullptr);
    run.play_to_end();
    ck_assert_uint_eq(SourceRun::indexes(run.take()).size(), version == 1 ? 20 : 10);
  }
}
GST_END_TEST

GST_START_TEST(a_partial_checkpoint_has_to_be_asked_for) {
  SourcePlace place;
  CheckpointRow row;
  {
    CheckpointMaker maker(place.stores(), "job", "stage");
    maker.add_caps(kFrameCaps);
    for (uint64_t i = 0; i < 7; i++) maker.add_frame(source_frame(i));
    row = maker.leave_partial();
  }
  {
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, {"llow-partial"});
  }
  SourceRun run(place.make_source());
  g_object_set(run.source(), "allow-partial", TRUE, nullptr);
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 7));

  SourceRun by_id(place.make_source());
  g_object_set(by_id.source(), "allow-partial", TRUE, "job-id", nullptr, "stage", nullptr,
               "checkpoint-id", row.id.to_string().c_str(), nullptr);
  by_id.play_to_end();
  ck_assert(SourceRun::indexes(by_id.take()) == numbers(0, 7));
}
GST_END_TEST

GST_START_TEST(loop_goes_on) {
  SourcePlace place;
  make_source_frames(place, 10);
  SourceRun run(place.make_source());
  g_object_set(run.source(), "loop", TRUE, "num-buffers", 25, "start-index", G_GINT64_CONSTANT(2),
               nullptr);
  run.play_to_end();
  auto passed = run.take();
  std::vector<uint64_t> expected;
  for (int i = 0; i < 25; i++) expected.push_back(2 + i % 8);
  ck_assert(SourceRun::indexes(passed) == expected);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_UNDEFINED);
  uint64_t n = 0;
  for (const Passed &one : passed) {
    if (one.event && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT)
      gst_event_copy_segment(one.event.get(), &segment);
    if (!one.buffer) continue;
    ck_assert_uint_eq(
        gst_segment_to_running_time(&segment, GST_FORMAT_TIME, GST_BUFFER_PTS(one.buffer.get())),
        n * kFrameTime);
    ck_assert(GST_BUFFER_FLAG_IS_SET(one.buffer.get(), GST_BUFFER_FLAG_DISCONT) == (n % 8 == 0));
    n++;
  }
}
GST_END_TEST

GST_START_TEST(video_meta_where_downstream_wants_it) {
  SourcePlace place;
  make_source_frames(place, 3);
  for (bool wanted : {false, true}) {
    SourceRun run(place.make_source());
    GstPad *pad = gst_element_get_static_pad(run.sink(), "sink");
    if (wanted)
      gst_pad_add_probe(
          pad,
          static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM |
                                       GST_PAD_PROBE_TYPE_PUSH),
          [](GstPad *, GstPadProbeInfo *info, gpointer) {
            GstQuery *query = GST_PAD_PROBE_INFO_QUERY(info);
            if (GST_QUERY_TYPE(query) != GST_QUERY_ALLOCATION) return GST_PAD_PROBE_OK;
            gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, nullptr);
            return GST_PAD_PROBE_HANDLED;
          },
          nullptr, nullptr);
    gst_object_unref(pad);
    run.play_to_end();
    for (const Passed &one : run.take())
      if (one.buffer) ck_assert(!!gst_buffer_get_video_meta(one.buffer.get()) == wanted);
  }
}
GST_END_TEST

GST_START_TEST(caps_before_and_after_connecting) {
  SourcePlace place;
  make_source_frames(place, 3);
  SourceRun run(place.make_source());
  GstPad *pad = gst_element_get_static_pad(run.source(), "src");
  GstCaps *templ = gst_pad_get_pad_template_caps(pad);
  GstCaps *before = gst_pad_query_caps(pad, nullptr);
  ck_assert(gst_caps_is_equal(templ, before));
  run.set_state(GST_STATE_PAUSED);
  GstCaps *after = gst_pad_query_caps(pad, nullptr);
  GstCaps *expected = gst_caps_from_string(kFrameCaps);
  ck_assert(gst_caps_is_equal(after, expected));
  for (GstCaps *caps : {templ, before, after, expected}) gst_caps_unref(caps);
  gst_object_unref(pad);
}
GST_END_TEST

static Suite *checkpointsrc_suite() {
  Suite *suite = suite_create("checkpointsrc");
  TCase *tc = tcase_create("checkpointsrc");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g13_all_comes_out_as_it_went_in);
  tcase_add_test(tc, g13_stored_segments_come_as_they_were);
  tcase_add_test(tc, g13_segments_of_bytes_and_flushes);
  tcase_add_test(tc, g13_frames_without_times_get_none);
  tcase_add_test(tc, g13_caps_change_in_the_middle);
  tcase_add_test(tc, g16_an_empty_checkpoint_is_a_stream_without_frames);
  tcase_add_test(tc, a_range_of_frames);
  tcase_add_test(tc, num_buffers_and_versions);
  tcase_add_test(tc, a_partial_checkpoint_has_to_be_asked_for);
  tcase_add_test(tc, loop_goes_on);
  tcase_add_test(tc, video_meta_where_downstream_wants_it);
  tcase_add_test(tc, caps_before_and_after_connecting);
  return suite;
}

GST_CHECK_MAIN(checkpointsrc);
