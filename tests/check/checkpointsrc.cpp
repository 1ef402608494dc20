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

std::vector<uint64_t> numbers(uint64_t first, uint64_t end) {
  std::vector<uint64_t> all;
  for (uint64_t i = first; i < end; i++) all.push_back(i);
  return all;
}

// "stream-start caps segment lineage buffer buffer eos"
std::string order_of(const std::vector<Passed> &passed, size_t most = SIZE_MAX) {
  std::string text;
  for (const Passed &one : passed) {
    if (most-- == 0) break;
    if (!text.empty()) text += ' ';
    if (one.buffer)
      text += "buffer";
    else if (parse_lineage_event(one.event.get()))
      text += "lineage";
    else
      text += GST_EVENT_TYPE_NAME(one.event.get());
  }
  return text;
}

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

void must_be_error(SourceRun &run, GQuark domain, int code,
                   std::initializer_list<std::string> words) {
  GstMessage *message = run.wait_for(GST_MESSAGE_ERROR);
  GError *error = nullptr;
  gchar *debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  ck_assert(GST_MESSAGE_SRC(message) == GST_OBJECT(run.source()));
  if (error->domain != domain || error->code != code)
    ck_abort_msg("%s %d: %s", g_quark_to_string(error->domain), error->code, error->message);
  for (const std::string &word : words)
    if (!std::strstr(error->message, word.c_str()))
      ck_abort_msg("no '%s' in: %s", word.c_str(), error->message);
  g_clear_error(&error);
  g_free(debug);
  gst_message_unref(message);
}

void must_be_quiet(SourceRun &run) {
  ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  ck_assert(run.take_messages(GST_MESSAGE_WARNING).empty());
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

GST_START_TEST(g11_failures_are_one_error_each) {
  SourcePlace place;
  const CheckpointRow row = make_source_frames(place, 10);
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "stage", "detect", nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND,
                  {"\"job\"", "\"detect\"", "\"stage\""});
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "job-id", nullptr, nullptr);
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"job-id"});
    ck_assert(run.take_messages(GST_MESSAGE_ERROR).empty());
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "frame-store", "nosuch://x", nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"nosuch"});
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "checkpoint-id", "not a uuid", nullptr);
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, {"UUID"});
    // It can be put right.
    g_object_set(run.source(), "checkpoint-id", row.id.to_string().c_str(), nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    run.play_to_end();
    ck_assert_uint_eq(SourceRun::indexes(run.take()).size(), 10);
  }
  {
    SourceRun run(place.make_source());
    g_object_set(run.source(), "stage", "other", "checkpoint-id", row.id.to_string().c_str(),
                 nullptr);
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, {"another stage"});
  }
  place.frames()->set_down(true);
  {
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    must_be_error(run, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE, {});
    gst_element_set_state(run.pipeline(), GST_STATE_NULL);
    // And again, when it is back.
    place.frames()->set_down(false);
    run.take();
    run.play_to_end();
    ck_assert_uint_eq(SourceRun::indexes(run.take()).size(), 10);
  }
}
GST_END_TEST

GST_START_TEST(g09_a_broken_frame_is_named) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < 9; i++) maker.add_frame(source_frame(i));
  const CheckpointRow row = maker.complete();
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[5].payload.offset + 7);
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
  must_be_error(run, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE,
                {row.id.to_string(), "sequence 5", maker.packs()[0],
                 "offset " + std::to_string(maker.rows()[5].payload.offset)});
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 5));
}
GST_END_TEST

GST_START_TEST(what_is_damaged_can_be_left_out) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < 12; i++) {
    maker.add_frame(source_frame(i));
    if (i == 7) maker.commit();
  }
  maker.complete();
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[0].payload.offset + 7);
  place.frames()->flip_byte(maker.packs()[0], maker.rows()[5].payload.offset + 7);
  Cancellation cancel;
  ck_assert(place.stores()->frames->remove(maker.packs()[1], cancel).is_ok());  // frames 8 to 11
  for (bool reverse : {false, true}) {
    GstElement *source = place.make_source();
    gst_util_set_object_arg(G_OBJECT(source), "on-missing", "skip");
    SourceRun run(source);
    run.set_state(GST_STATE_READY);
    if (reverse)
      ck_assert(run.seek(-1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                         GST_SEEK_TYPE_END, 0));
    run.play_to_end();
    const auto passed = run.take();
    std::vector<uint64_t> order{1, 2, 3, 4, 6, 7}, gaps{0, 5, 8, 9, 10, 11}, seen;
    if (reverse) {
      std::reverse(order.begin(), order.end());
      std::reverse(gaps.begin(), gaps.end());
    }
    ck_assert(SourceRun::indexes(passed) == order);
    bool discont = true;  // also on the first one
    for (const Passed &item : passed) {
      if (item.buffer) {
        ck_assert(!discont || GST_BUFFER_FLAG_IS_SET(item.buffer.get(), GST_BUFFER_FLAG_DISCONT));
        discont = false;
      } else if (GST_EVENT_TYPE(item.event.get()) == GST_EVENT_GAP) {
        GstClockTime time = 0, duration = 0;
        gst_event_parse_gap(item.event.get(), &time, &duration);
        ck_assert_uint_eq(duration, kFrameTime);
        seen.push_back(time / kFrameTime);
        discont = true;
      }
    }
    ck_assert(seen == gaps);
    auto warnings = run.take_messages(GST_MESSAGE_WARNING);
    ck_assert_uint_eq(warnings.size(), 2);
    GError *error = nullptr;
    gst_message_parse_warning(warnings[1], &error, nullptr);
    ck_assert(strstr(error->message, "6 frames"));
    g_error_free(error);
    for (GstMessage *message : warnings) gst_message_unref(message);
  }
}
GST_END_TEST

GST_START_TEST(g34_a_payload_that_is_not_what_caps_imply) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps("video/x-raw, format=(string)GRAY8, width=(int)16, height=(int)17");
  maker.add_frame(source_frame(0));
  maker.complete();
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
  must_be_error(run, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE, {"sequence 0", "256"});
}
GST_END_TEST

GST_START_TEST(states_go_up_and_down) {
  SourcePlace place;
  make_source_frames(place, 300);
  SourceRun run(place.make_source());
  for (int i = 0; i < 20; i++) {
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    if (i % 3 == 0) gst_element_get_state(run.pipeline(), nullptr, nullptr, GST_CLOCK_TIME_NONE);
    gst_element_set_state(run.pipeline(), i % 2 ? GST_STATE_NULL : GST_STATE_READY);
  }
  gst_element_set_state(run.pipeline(), GST_STATE_NULL);
  run.take();
  run.play_to_end();
  must_be_quiet(run);
  auto passed = run.take();
  ck_assert(SourceRun::indexes(passed) == numbers(0, 300));
  const std::string order = order_of(passed, 5);
  ck_assert_str_eq(order.c_str(), "stream-start caps segment lineage buffer");
  run.set_state(GST_STATE_READY);
  run.take();
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 300));
}
GST_END_TEST

// Blocks a call of one of the stores and sees that the state can be changed.
static void interrupt_in(const char *call, bool of_frames) {
  SourcePlace place;
  make_source_frames(place, 30);
  auto gate = std::make_shared<Gate>();
  if (of_frames)
    place.frames()->before(
        call, [gate](const FrameStoreCall &, Cancellation &c) { return gate->pass(c); });
  else
    place.metadata()->before(call, [gate](Cancellation &c) { return gate->pass(c); });
  for (GstState state : {GST_STATE_NULL, GST_STATE_READY}) {
    SourceRun run(place.make_source());
    ck_assert(gst_element_set_state(run.pipeline(), GST_STATE_PLAYING) == GST_STATE_CHANGE_ASYNC);
    gate->wait_for_arrivals();
    ck_assert(gst_element_set_state(run.pipeline(), state) == GST_STATE_CHANGE_SUCCESS);
    must_be_quiet(run);
  }
  gate->open();
  SourceRun run(place.make_source());
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 30));
}

GST_START_TEST(g28_stopping_while_a_store_is_blocked) {
  interrupt_in("open", true);
  interrupt_in("read_marker", true);
  interrupt_in("get", true);
  for (const char *call :
       {"open", "list_checkpoints", "read_caps", "read_frames", "read_events", "get_packs"})
    interrupt_in(call, false);
}
GST_END_TEST

GST_START_TEST(g28_a_seek_while_a_store_is_blocked) {
  SourcePlace place;
  make_source_frames(place, 30);
  auto gate = std::make_shared<Gate>();
  place.frames()->before("get",
                         [gate](const FrameStoreCall &, Cancellation &c) { return gate->pass(c); });
  SourceRun run(place.make_source());
  gst_element_set_state(run.pipeline(), GST_STATE_PAUSED);
  gate->wait_for_arrivals(1);
  ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 20,
                     GST_SEEK_TYPE_NONE, -1));
  gate->wait_for_arrivals(2);
  gate->open();
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(20, 30));
}
GST_END_TEST

GST_START_TEST(g28_pausing_loses_nothing) {
  SourcePlace place;
  make_source_frames(place, 200);
  SourceRun run(place.make_source());
  for (int i = 0; i < 10; i++) {
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    gst_element_set_state(run.pipeline(), GST_STATE_PAUSED);
  }
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 200));
}
GST_END_TEST

GST_START_TEST(a_seek_before_the_start_is_done_at_the_start) {
  SourcePlace place;
  make_source_frames(place, 30);
  {
    SourceRun run(place.make_source());
    ck_assert(run.seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                       12 * kFrameTime, GST_SEEK_TYPE_NONE, -1));
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == numbers(12, 30));
  }
  {
    // While it connects.
    auto gate = std::make_shared<Gate>();
    place.metadata()->before("read_caps", [gate](Cancellation &c) { return gate->pass(c); });
    SourceRun run(place.make_source());
    gst_element_set_state(run.pipeline(), GST_STATE_PAUSED);
    gate->wait_for_arrivals();
    ck_assert(run.seek(1.0, GST_FORMAT_DEFAULT, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 20,
                       GST_SEEK_TYPE_NONE, -1));
    gate->open();
    run.play_to_end();
    ck_assert(SourceRun::indexes(run.take()) == numbers(20, 30));
  }
}
GST_END_TEST

GST_START_TEST(properties_stay_while_it_runs) {
  SourcePlace place;
  make_source_frames(place, 5);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  g_object_set(run.source(), "stage", "other", nullptr);
  auto warnings = run.take_messages(GST_MESSAGE_WARNING);
  ck_assert_uint_eq(warnings.size(), 1);
  gst_message_unref(warnings[0]);
  gchar *stage;
  g_object_get(run.source(), "stage", &stage, nullptr);
  ck_assert_str_eq(stage, "stage");
  g_free(stage);

  GError *error = nullptr;
  ck_assert(!gst_uri_handler_set_uri(GST_URI_HANDLER(run.source()), "checkpoint://a/b", &error));
  ck_assert(g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_BAD_STATE));
  g_clear_error(&error);
  gchar *uri = gst_uri_handler_get_uri(GST_URI_HANDLER(run.source()));
  ck_assert_str_eq(uri, "checkpoint://job/stage");
  g_free(uri);
}
GST_END_TEST

GST_START_TEST(g36_a_secret_in_a_uri_is_not_read_back) {
  SourcePlace place;
  SourceRun run(place.make_source());
  g_object_set(run.source(), "metadata-store", "postgresql://me:hunter2@host/db?sslkey=hunter3",
               nullptr);
  gchar *text;
  g_object_get(run.source(), "metadata-store", &text, nullptr);
  ck_assert(!std::strstr(text, "hunter"));
  ck_assert(std::strstr(text, "host"));
  g_free(text);
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
  tcase_add_test(tc, g11_failures_are_one_error_each);
  tcase_add_test(tc, g09_a_broken_frame_is_named);
  tcase_add_test(tc, what_is_damaged_can_be_left_out);
  tcase_add_test(tc, g34_a_payload_that_is_not_what_caps_imply);
  tcase_add_test(tc, states_go_up_and_down);
  tcase_add_test(tc, g28_stopping_while_a_store_is_blocked);
  tcase_add_test(tc, g28_a_seek_while_a_store_is_blocked);
  tcase_add_test(tc, g28_pausing_loses_nothing);
  tcase_add_test(tc, a_seek_before_the_start_is_done_at_the_start);
  tcase_add_test(tc, properties_stay_while_it_runs);
  tcase_add_test(tc, g36_a_secret_in_a_uri_is_not_read_back);
  tcase_add_test(tc, video_meta_where_downstream_wants_it);
  tcase_add_test(tc, caps_before_and_after_connecting);
  return suite;
}

GST_CHECK_MAIN(checkpointsrc);
