// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: seeks, queries, and players that find it by its URI.
#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/source_run.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

std::vector<uint64_t> down(uint64_t first, uint64_t last) {
  std::vector<uint64_t> all = numbers(last, first + 1);
  std::reverse(all.begin(), all.end());
  return all;
}

GstSegment last_segment(const std::vector<Passed> &passed) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_UNDEFINED);
  for (const Passed &one : passed)
    if (one.event && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT)
      gst_event_copy_segment(one.event.get(), &segment);
  return segment;
}

size_t count_of(const std::vector<Passed> &passed, GstEventType type) {
  return static_cast<size_t>(std::count_if(passed.begin(), passed.end(), [&](const Passed &one) {
    return one.event && GST_EVENT_TYPE(one.event.get()) == type;
  }));
}

GstSeekFlags flags(int value) { return static_cast<GstSeekFlags>(value); }

constexpr int kFlush = GST_SEEK_FLAG_FLUSH;
constexpr auto kSet = GST_SEEK_TYPE_SET;
constexpr auto kKeep = GST_SEEK_TYPE_NONE;
constexpr auto kTime = GST_FORMAT_TIME;
constexpr auto kIndex = GST_FORMAT_DEFAULT;

// Seeks and plays until the end.
std::vector<Passed> play_from(SourceRun &run, double rate, GstFormat format, int seek_flags,
                              GstSeekType start_type, int64_t start, GstSeekType stop_type,
                              int64_t stop) {
  run.take();
  ck_assert(run.seek(rate, format, flags(seek_flags), start_type, start, stop_type, stop));
  gst_message_unref(run.wait_for(seek_flags & GST_SEEK_FLAG_SEGMENT ? GST_MESSAGE_SEGMENT_DONE
                                                                    : GST_MESSAGE_EOS));
  return run.take();
}

// Frames whose times are an hour behind stream time, and jump in the middle.
void make_shifted_frames(const SourcePlace &place) {
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < 100; i++) {
    const uint64_t shift = i < 50 ? 3600 * GST_SECOND : 10 * GST_SECOND;
    if (i == 0 || i == 50) {
      GstSegment segment;
      gst_segment_init(&segment, GST_FORMAT_TIME);
      segment.start = segment.position = shift + i * kFrameTime;
      segment.time = i * kFrameTime;
      segment.base = i * kFrameTime;
      add_stored_event(maker, gst_event_new_segment(&segment));
    }
    MadeFrame frame = source_frame(i);
    frame.pts = shift + i * kFrameTime;
    maker.add_frame(frame);
  }
  maker.complete();
}

void make_frames_without_times(const SourcePlace &place, uint64_t count) {
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  for (uint64_t i = 0; i < count; i++) {
    MadeFrame frame = source_frame(i);
    frame.pts = frame.stream_time = frame.duration = kNone;
    maker.add_frame(frame);
  }
  maker.complete();
}

// Each buffer's stream time by the segment before it is what its index says, and running time
// begins at `running` and goes on without a gap.
void must_fit_their_segments(const std::vector<Passed> &passed, uint64_t running) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_UNDEFINED);
  for (const Passed &one : passed) {
    if (one.event && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT)
      gst_event_copy_segment(one.event.get(), &segment);
    if (!one.buffer) continue;
    const uint64_t pts = GST_BUFFER_PTS(one.buffer.get());
    const uint64_t index = SourceRun::index_of(one.buffer.get());
    ck_assert_uint_eq(gst_segment_to_stream_time(&segment, kTime, pts), index * kFrameTime);
    const uint64_t at = segment.rate > 0 ? pts : pts + kFrameTime;
    ck_assert_uint_eq(gst_segment_to_running_time(&segment, kTime, at), running);
    running += kFrameTime;
  }
}

}  // namespace

GST_START_TEST(g25_starts_and_stops) {
  SourcePlace place;
  make_source_frames(place, 100);
  SourceRun run(place.make_source());
  run.play_to_end();
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  const auto played = [&](GstFormat format, int64_t start, GstSeekType stop_type, int64_t stop) {
    return SourceRun::indexes(play_from(run, 1.0, format, kFlush, kSet, start, stop_type, stop));
  };
  ck_assert(played(kTime, t(10), kSet, t(20)) == numbers(10, 20));
  ck_assert(played(kTime, t(10) + 1, kSet, t(20) + 1) == numbers(10, 21));
  // The stop stays as it was, unless it is set.
  ck_assert(played(kTime, t(15), kKeep, -1) == numbers(15, 21));
  ck_assert(played(kTime, t(15), kSet, -1) == numbers(15, 100));
  ck_assert(played(kTime, 0, kSet, 1) == numbers(0, 1));
  ck_assert(played(kTime, t(100), kSet, -1).empty());
  ck_assert(played(kTime, t(5000), kSet, -1).empty());
  ck_assert(played(kTime, t(99), kSet, -1) == numbers(99, 100));
  ck_assert(played(kIndex, 10, kSet, 20) == numbers(10, 20));
  ck_assert(played(kIndex, 90, kKeep, -1) == numbers(90, 100));
  ck_assert(played(kIndex, 100, kKeep, -1).empty());
  ck_assert(played(kIndex, 700, kKeep, -1).empty());
  ck_assert(played(kIndex, 20, kSet, 10).empty());
  // From the end.
  ck_assert(SourceRun::indexes(play_from(run, 1.0, kTime, kFlush, GST_SEEK_TYPE_END, -t(7), kSet,
                                         -1)) == numbers(93, 100));
  ck_assert(SourceRun::indexes(play_from(run, 1.0, kIndex, kFlush, GST_SEEK_TYPE_END, -7, kSet,
                                         -1)) == numbers(93, 100));
  // Other formats can't be sought, and nothing breaks by it.
  ck_assert(!run.seek(1.0, GST_FORMAT_BYTES, flags(kFlush), kSet, 0, kKeep, -1));
  ck_assert(played(kTime, t(98), kSet, -1) == numbers(98, 100));
}
GST_END_TEST

GST_START_TEST(g25_reverse) {
  SourcePlace place;
  make_source_frames(place, 100);
  SourceRun run(place.make_source());
  run.play_to_end();
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  const auto played = [&](GstFormat format, int64_t start, int64_t stop) {
    return play_from(run, -1.0, format, kFlush, kSet, start, kSet, stop);
  };
  auto passed = played(kTime, 0, -1);
  ck_assert(SourceRun::indexes(passed) == down(99, 0));
  must_fit_their_segments(passed, 0);
  for (const Passed &one : passed)
    if (one.buffer) ck_assert(GST_BUFFER_FLAG_IS_SET(one.buffer.get(), GST_BUFFER_FLAG_DISCONT));
  passed = played(kTime, t(10), t(20));
  ck_assert(SourceRun::indexes(passed) == down(19, 10));
  must_fit_their_segments(passed, 0);
  ck_assert(SourceRun::indexes(played(kTime, t(10) + 5, t(20) + 5)) == down(20, 10));
  ck_assert(SourceRun::indexes(played(kTime, 0, 1)) == down(0, 0));
  ck_assert(SourceRun::indexes(played(kTime, 0, 0)).empty());
  ck_assert(SourceRun::indexes(played(kIndex, 10, 20)) == down(19, 10));
  ck_assert(SourceRun::indexes(played(kIndex, 0, -1)) == down(99, 0));
  ck_assert(SourceRun::indexes(played(kIndex, 99, 100)) == down(99, 99));
  passed = play_from(run, -2.0, kTime, kFlush, kSet, 0, kSet, t(50));
  ck_assert(SourceRun::indexes(passed) == down(49, 0));
  ck_assert(last_segment(passed).rate == -2.0);
}
GST_END_TEST

GST_START_TEST(g25_segment_and_gapless_seeks) {
  SourcePlace place;
  make_source_frames(place, 50);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  run.take();
  ck_assert(run.seek(1.0, kTime, flags(kFlush | GST_SEEK_FLAG_SEGMENT), kSet, t(10), kSet, t(20)));
  gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
  gst_message_unref(run.wait_for(GST_MESSAGE_SEGMENT_DONE));
  std::vector<Passed> all = run.take();
  ck_assert(SourceRun::indexes(all) == numbers(10, 20));
  ck_assert_uint_eq(count_of(all, GST_EVENT_EOS), 0);
  must_fit_their_segments(all, 0);
  // The next parts follow without a flush: running time goes on.
  all = play_from(run, 1.0, kTime, GST_SEEK_FLAG_SEGMENT, kSet, t(30), kSet, t(35));
  ck_assert(SourceRun::indexes(all) == numbers(30, 35));
  ck_assert_uint_eq(count_of(all, GST_EVENT_FLUSH_START), 0);
  must_fit_their_segments(all, 10 * kFrameTime);
  all = play_from(run, 1.0, kIndex, GST_SEEK_FLAG_SEGMENT, kSet, 5, kSet, 7);
  ck_assert(SourceRun::indexes(all) == numbers(5, 7));
  must_fit_their_segments(all, 15 * kFrameTime);
  all = play_from(run, -1.0, kTime, 0, kSet, t(40), kSet, t(42));
  ck_assert(SourceRun::indexes(all) == down(41, 40));
  must_fit_their_segments(all, 17 * kFrameTime);
  // SEGMENT_START was posted for each segment seek.
  auto started = run.take_messages(GST_MESSAGE_SEGMENT_START);
  for (GstMessage *message : started) gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(g25_frames_whose_times_are_not_stream_time) {
  SourcePlace place;
  make_shifted_frames(place);
  SourceRun run(place.make_source());
  run.play_to_end();
  auto passed = run.take();
  ck_assert_uint_eq(count_of(passed, GST_EVENT_SEGMENT), 2);
  must_fit_their_segments(passed, 0);
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  passed = play_from(run, 1.0, kTime, kFlush, kSet, t(40), kSet, t(60));
  ck_assert(SourceRun::indexes(passed) == numbers(40, 60));
  must_fit_their_segments(passed, 0);
  for (const Passed &one : passed) {
    if (!one.buffer) continue;
    const uint64_t i = SourceRun::index_of(one.buffer.get());
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()),
                      (i < 50 ? 3600 : 10) * GST_SECOND + i * kFrameTime);
  }
  passed = play_from(run, -1.0, kTime, kFlush, kSet, t(40), kSet, t(60));
  ck_assert(SourceRun::indexes(passed) == down(59, 40));
  must_fit_their_segments(passed, 0);
  passed = play_from(run, 1.0, kIndex, kFlush | GST_SEEK_FLAG_SEGMENT, kSet, 70, kSet, 75);
  ck_assert(SourceRun::indexes(passed) == numbers(70, 75));
  must_fit_their_segments(passed, 0);
  passed = play_from(run, 1.0, kTime, 0, kSet, t(10), kSet, t(12));
  ck_assert(SourceRun::indexes(passed) == numbers(10, 12));
  must_fit_their_segments(passed, 5 * kFrameTime);
}
GST_END_TEST

GST_START_TEST(events_stay_in_their_places_after_a_seek) {
  SourcePlace place;
  CheckpointMaker maker(place.stores(), "job", "stage");
  maker.add_caps(kFrameCaps);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  for (uint64_t i = 0; i < 10; i++) {
    if (i % 5 == 0) add_stored_event(maker, gst_event_new_segment(&segment));
    if (i == 7)
      add_stored_event(maker, gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM,
                                                   gst_structure_new_empty("here")));
    maker.add_frame(source_frame(i));
  }
  maker.complete();
  SourceRun run(place.make_source());
  run.play_to_end();
  auto passed = play_from(run, 1.0, kIndex, kFlush, kSet, 4, kSet, -1);
  ck_assert_uint_eq(count_of(passed, GST_EVENT_SEGMENT), 1);
  uint64_t frames = 4;
  bool seen = false;
  for (const Passed &one : passed) {
    if (one.buffer) frames++;
    if (one.event && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_CUSTOM_DOWNSTREAM) {
      ck_assert_uint_eq(frames, 7);
      seen = true;
    }
  }
  ck_assert(seen);
}
GST_END_TEST

GST_START_TEST(a_flush_from_outside_loses_no_segment) {
  SourcePlace place;
  make_source_frames(place, 50);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  run.take();
  ck_assert(gst_element_send_event(run.source(), gst_event_new_flush_start()));
  ck_assert(gst_element_send_event(run.source(), gst_event_new_flush_stop(TRUE)));
  run.play_to_end();
  auto passed = run.take();
  ck_assert_uint_eq(count_of(passed, GST_EVENT_SEGMENT), 1);
  auto found = SourceRun::indexes(passed);
  ck_assert(!found.empty() && found.back() == 49);
}
GST_END_TEST

// The base class tries those only after the flush.
GST_START_TEST(g25_a_seek_in_another_format_disturbs_nothing) {
  SourcePlace place;
  make_source_frames(place, 20);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  for (GstFormat format : {GST_FORMAT_BUFFERS, GST_FORMAT_BYTES, GST_FORMAT_PERCENT})
    for (GstSeekType type : {GST_SEEK_TYPE_SET, GST_SEEK_TYPE_END})
      ck_assert(!run.seek(1.0, format, flags(kFlush), type, 0, type, 5));
  run.play_to_end();
  const auto passed = run.take();
  ck_assert(SourceRun::indexes(passed) == numbers(0, 20));
  ck_assert_uint_eq(count_of(passed, GST_EVENT_FLUSH_START), 0);
  ck_assert_uint_eq(count_of(passed, GST_EVENT_SEGMENT), 1);
}
GST_END_TEST

// Running time backwards counts from the segment's end.
GST_START_TEST(g25_reverse_always_has_an_end) {
  SourcePlace place;
  make_frames_without_times(place, 10);
  for (gint64 stop : {-1, 0}) {  // all frames, and none of them
    GstElement *source = place.make_source();
    g_object_set(source, "stop-index", stop, nullptr);
    SourceRun run(source);
    run.play_to_end();
    const auto passed = play_from(run, -1.0, kIndex, kFlush, kSet, 0, kSet, -1);
    ck_assert(SourceRun::indexes(passed) == (stop == 0 ? numbers(0, 0) : down(9, 0)));
    const GstSegment segment = last_segment(passed);
    ck_assert(segment.rate == -1.0);
    ck_assert_uint_ne(segment.stop, GST_CLOCK_TIME_NONE);
  }
}
GST_END_TEST

GST_START_TEST(g28_a_seek_before_the_start_that_fails_does_not_hang) {
  SourcePlace place;
  make_frames_without_times(place, 10);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_READY);
  ck_assert(gst_element_seek(run.source(), 1.0, kTime, flags(kFlush), kSet, kFrameTime, kKeep, -1));
  run.play_to_end();
  ck_assert(SourceRun::indexes(run.take()) == numbers(0, 10));
  auto warnings = run.take_messages(GST_MESSAGE_WARNING);
  ck_assert_uint_eq(warnings.size(), 1);
  for (GstMessage *message : warnings) gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(rates) {
  SourcePlace place;
  make_source_frames(place, 50);
  SourceRun run(place.make_source());
  run.play_to_end();
  auto passed = play_from(run, 2.0, kTime, kFlush, kSet, 0, kSet, -1);
  ck_assert(SourceRun::indexes(passed) == numbers(0, 50));
  ck_assert(last_segment(passed).rate == 2.0);
  // A rate alone goes on where it is.
  run.set_state(GST_STATE_PAUSED);
  ck_assert(
      run.seek(1.0, kTime, flags(kFlush), kSet, static_cast<int64_t>(20 * kFrameTime), kSet, -1));
  run.set_state(GST_STATE_PAUSED);
  passed = run.take();
  ck_assert(run.seek(4.0, kTime, flags(kFlush), kKeep, -1, kKeep, -1));
  run.play_to_end();
  passed = run.take();
  auto found = SourceRun::indexes(passed);
  ck_assert(!found.empty());
  ck_assert_uint_ge(found[0], 20);
  ck_assert_uint_le(found[0], 23);
  ck_assert_uint_eq(found.back(), 49);
  ck_assert(last_segment(passed).rate == 4.0);
}
GST_END_TEST

GST_START_TEST(an_instant_rate_change_goes_downstream) {
  SourcePlace place;
  make_source_frames(place, 50);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  run.take();
  ck_assert(run.seek(2.0, kTime, GST_SEEK_FLAG_INSTANT_RATE_CHANGE, kKeep, -1, kKeep, -1));
  ck_assert(!run.seek(-2.0, kTime, GST_SEEK_FLAG_INSTANT_RATE_CHANGE, kKeep, -1, kKeep, -1));
  auto passed = run.take();
  ck_assert_uint_eq(count_of(passed, GST_EVENT_INSTANT_RATE_CHANGE), 1);
  ck_assert_uint_eq(count_of(passed, GST_EVENT_SEGMENT), 0);
}
GST_END_TEST

GST_START_TEST(queries) {
  SourcePlace place;
  make_source_frames(place, 100);
  SourceRun run(place.make_source());
  GstElement *source = run.source();
  gint64 value;
  ck_assert(!gst_element_query_duration(source, kTime, &value));
  GstQuery *scheduling = gst_query_new_scheduling();
  ck_assert(gst_element_query(source, scheduling));
  ck_assert(gst_query_has_scheduling_mode(scheduling, GST_PAD_MODE_PUSH));
  ck_assert(!gst_query_has_scheduling_mode(scheduling, GST_PAD_MODE_PULL));
  gst_query_unref(scheduling);

  run.set_state(GST_STATE_PAUSED);
  ck_assert(gst_element_query_duration(source, kTime, &value));
  ck_assert_int_eq(value, 100 * kFrameTime);
  ck_assert(gst_element_query_duration(source, kIndex, &value));
  ck_assert_int_eq(value, 100);
  const auto seekable = [&](GstFormat format, gint64 end) {
    GstQuery *query = gst_query_new_seeking(format);
    gboolean yes;
    gint64 first, last;
    ck_assert(gst_element_query(source, query));
    gst_query_parse_seeking(query, nullptr, &yes, &first, &last);
    ck_assert(yes);
    ck_assert_int_eq(first, 0);
    ck_assert_int_eq(last, end);
    gst_query_unref(query);
  };
  seekable(kTime, 100 * kFrameTime);
  seekable(kIndex, 100);
  const auto converted = [&](GstFormat from, gint64 what, GstFormat to) -> gint64 {
    gint64 result = -1;
    return gst_element_query_convert(source, from, what, to, &result) ? result : -1;
  };
  ck_assert_int_eq(converted(kIndex, 7, kTime), 7 * kFrameTime);
  ck_assert_int_eq(converted(kIndex, 100, kTime), 100 * kFrameTime);
  ck_assert_int_eq(converted(kIndex, 101, kTime), -1);
  ck_assert_int_eq(converted(kTime, 7 * kFrameTime, kIndex), 7);
  ck_assert_int_eq(converted(kTime, 8 * kFrameTime - 1, kIndex), 7);
  ck_assert_int_eq(converted(kTime, 1000 * kFrameTime, kIndex), 100);
  ck_assert_int_eq(converted(kTime, 5, GST_FORMAT_BYTES), -1);
  GstQuery *formats = gst_query_new_formats();
  ck_assert(gst_element_query(source, formats));
  guint n;
  gst_query_parse_n_formats(formats, &n);
  ck_assert_uint_eq(n, 2);
  gst_query_unref(formats);

  ck_assert(
      run.seek(1.0, kTime, flags(kFlush), kSet, static_cast<gint64>(50 * kFrameTime), kKeep, -1));
  run.play_to_end();
  ck_assert(gst_element_query_position(source, kTime, &value));
  ck_assert_int_eq(value, 100 * kFrameTime);
  ck_assert(gst_element_query_position(source, kIndex, &value));
  ck_assert_int_eq(value, 100);
  GstQuery *uri = gst_query_new_uri();
  ck_assert(gst_element_query(source, uri));
  gchar *text;
  gst_query_parse_uri(uri, &text);
  ck_assert_str_eq(text, "checkpoint://job/stage");
  g_free(text);
  gst_query_unref(uri);
}
GST_END_TEST

// Plays the URI with a player of GStreamer's and returns how many frames came.
static int frames_through(const char *player, const SourcePlace &place, const char *uri) {
  GstElement *pipeline = gst_pipeline_new(nullptr);
  GstElement *bin = gst_element_factory_make(player, nullptr);
  ck_assert_msg(bin, "no %s", player);
  GstElement *sink = gst_element_factory_make("fakesink", nullptr);
  g_object_set(sink, "sync", FALSE, "signal-handoffs", TRUE, nullptr);
  int frames = 0;  // written by one streaming thread, read after it ended
  g_signal_connect(
      sink, "handoff", G_CALLBACK(+[](GstElement *, GstBuffer *buffer, GstPad *, gpointer count) {
        ck_assert_uint_eq(SourceRun::index_of(buffer) % 10, *static_cast<int *>(count));
        ++*static_cast<int *>(count);
      }),
      &frames);
  g_object_set(bin, "uri", uri, nullptr);
  g_signal_connect(bin, "source-setup",
                   G_CALLBACK(+[](GstElement *, GstElement *source, gpointer stores) {
                     g_object_set(source, "frame-store", stores, "metadata-store", stores, nullptr);
                   }),
                   const_cast<char *>(place.uri().c_str()));
  gst_bin_add(GST_BIN(pipeline), bin);
  if (std::string(player).starts_with("playbin")) {
    g_object_set(bin, "video-sink", sink, nullptr);
  } else {
    gst_bin_add(GST_BIN(pipeline), sink);
    g_signal_connect(bin, "pad-added", G_CALLBACK(+[](GstElement *, GstPad *pad, gpointer to) {
                       GstPad *peer = gst_element_get_static_pad(GST_ELEMENT(to), "sink");
                       ck_assert(gst_pad_link(pad, peer) == GST_PAD_LINK_OK);
                       gst_object_unref(peer);
                     }),
                     sink);
  }
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  GstBus *bus = gst_element_get_bus(pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered(
      bus, 30 * GST_SECOND, static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_ERROR));
  ck_assert(message);
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    ck_abort_msg("%s: %s", player, error->message);
  }
  gst_message_unref(message);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(bus);
  gst_object_unref(pipeline);
  return frames;
}

GST_START_TEST(players_find_it_by_its_uri) {
  SourcePlace place;
  make_source_frames(place, 30);
  for (const char *player : {"playbin", "playbin3", "uridecodebin", "uridecodebin3"}) {
    // Before 1.24 these let a source begin while what comes behind it is still in READY: one that
    // answers at once is refused then, and plays nothing.
    if (!GST_CHECK_VERSION(1, 24, 0) && player[strlen(player) - 1] == '3') continue;
    ck_assert_int_eq(frames_through(player, place, "checkpoint://job/stage?stop-index=10"), 10);
    ck_assert_int_eq(
        frames_through(player, place, "checkpoint://job/stage?start-index=20&stop-index=25"), 5);
  }
}
GST_END_TEST

GST_START_TEST(the_uri_handler) {
  SourcePlace place;
  GstElement *source = gst_element_make_from_uri(
      GST_URI_SRC, "checkpoint://a%20b/C?version=2&loop=true", nullptr, nullptr);
  ck_assert(source);
  gchar *job, *stage, *scenario;
  guint version;
  gboolean loop;
  g_object_get(source, "job-id", &job, "stage", &stage, "scenario", &scenario, "version", &version,
               "loop", &loop, nullptr);
  ck_assert_str_eq(job, "a b");
  ck_assert_str_eq(stage, "C");
  ck_assert(!scenario);
  ck_assert_uint_eq(version, 2);
  ck_assert(loop);
  g_free(job);
  g_free(stage);
  // One URI after another: nothing of the first is left.
  GError *error = nullptr;
  ck_assert(gst_uri_handler_set_uri(GST_URI_HANDLER(source), "checkpoint://x/y", &error));
  gchar *uri = gst_uri_handler_get_uri(GST_URI_HANDLER(source));
  ck_assert_str_eq(uri, "checkpoint://x/y");
  g_free(uri);
  ck_assert(
      !gst_uri_handler_set_uri(GST_URI_HANDLER(source), "checkpoint://x/y?region=eu", &error));
  ck_assert(g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_BAD_URI));
  g_clear_error(&error);
  gst_object_unref(source);
}
GST_END_TEST

static Suite *checkpointsrc_seek_suite() {
  Suite *suite = suite_create("checkpointsrc_seek");
  TCase *tc = tcase_create("checkpointsrc_seek");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g25_starts_and_stops);
  tcase_add_test(tc, g25_reverse);
  tcase_add_test(tc, g25_segment_and_gapless_seeks);
  tcase_add_test(tc, g25_frames_whose_times_are_not_stream_time);
  tcase_add_test(tc, events_stay_in_their_places_after_a_seek);
  tcase_add_test(tc, a_flush_from_outside_loses_no_segment);
  tcase_add_test(tc, g25_a_seek_in_another_format_disturbs_nothing);
  tcase_add_test(tc, g28_a_seek_before_the_start_that_fails_does_not_hang);
  tcase_add_test(tc, g25_reverse_always_has_an_end);
  tcase_add_test(tc, rates);
  tcase_add_test(tc, an_instant_rate_change_goes_downstream);
  tcase_add_test(tc, queries);
  tcase_add_test(tc, players_find_it_by_its_uri);
  tcase_add_test(tc, the_uri_handler);
  return suite;
}

GST_CHECK_MAIN(checkpointsrc_seek);
