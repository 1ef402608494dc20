// SPDX-License-Identifier: LGPL-2.1-or-later
// checkpointsrc: any seek by GStreamer's rules, from any thread and in any state.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/gate.h"
#include "support/source_run.h"
// last
#include "support/check.h"

using namespace checkpoint;

namespace {

using Indexes = std::vector<uint64_t>;

constexpr uint64_t kFrames = 1000;
constexpr uint64_t kEnd = kFrames * kFrameTime;
constexpr auto kSet = GST_SEEK_TYPE_SET;
constexpr auto kKeep = GST_SEEK_TYPE_NONE;
constexpr auto kTime = GST_FORMAT_TIME;
constexpr auto kIndex = GST_FORMAT_DEFAULT;
constexpr int kFlush = GST_SEEK_FLAG_FLUSH;
constexpr int kSegment = GST_SEEK_FLAG_SEGMENT;
constexpr int kTrick =
    GST_SEEK_FLAG_TRICKMODE | GST_SEEK_FLAG_TRICKMODE_KEY_UNITS | GST_SEEK_FLAG_TRICKMODE_NO_AUDIO;

GstSeekFlags flags(int value) { return static_cast<GstSeekFlags>(value); }

std::vector<GstSegment> segments(const std::vector<Passed> &passed) {
  std::vector<GstSegment> found;
  for (const Passed &one : passed) {
    if (!one.event || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_SEGMENT) continue;
    gst_event_copy_segment(one.event.get(), &found.emplace_back());
  }
  return found;
}

bool has(const std::vector<Passed> &passed, GstEventType type) {
  return std::any_of(passed.begin(), passed.end(), [&](const Passed &one) {
    return one.event && GST_EVENT_TYPE(one.event.get()) == type;
  });
}

// One seek, and what has to follow from it.
struct Seek {
  double rate = 1.0;
  GstFormat format = kTime;
  int seek_flags = 0;
  GstSeekType start_type = kSet, stop_type = kSet;
  int64_t start = 0, stop = -1;

  uint64_t begin = 0, end = kEnd;  // of its segment, in stream time
  Indexes frames;

  std::string text() const {
    char line[200];
    std::snprintf(line, sizeof line, "rate %g, format %d, flags %#x, start %d %lld, stop %d %lld",
                  rate, format, static_cast<unsigned>(seek_flags), start_type,
                  static_cast<long long>(start), stop_type, static_cast<long long>(stop));
    return line;
  }
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  uint64_t below(uint64_t n) { return engine_() % n; }
  bool one_in(uint64_t n) { return below(n) == 0; }

  // At most `most` frames in its range.
  Seek seek(uint64_t most) {
    Seek s;
    static const double kRates[] = {0.1, 0.25, 0.5, 1.0, 1.0, 1.0, 1.5, 2.0, 4.0, 16.0, 32.0};
    s.rate = kRates[below(std::size(kRates))];
    const bool reverse = one_in(3);
    if (reverse) s.rate = -s.rate;
    if (one_in(4)) s.seek_flags |= kTrick;
    uint64_t first = below(kFrames), count = 1 + below(most);
    if (one_in(20)) first = kFrames - 1;
    if (one_in(20)) first = 0;
    const uint64_t last = std::min(first + count, kFrames);  // exclusive
    if (one_in(3)) {
      s.format = kIndex;
      s.start = static_cast<int64_t>(first);
      s.stop = static_cast<int64_t>(last);
      s.begin = first * kFrameTime;
      s.end = last * kFrameTime;
      if (one_in(4)) {
        s.start_type = s.stop_type = GST_SEEK_TYPE_END;
        s.start -= static_cast<int64_t>(kFrames);
        s.stop -= static_cast<int64_t>(kFrames);
      }
      s.frames = range(first, last, reverse);
      return s;
    }
    // Anywhere within a frame's time, its first and last nanosecond more often.
    const auto inside = [&] {
      return one_in(4) ? kFrameTime - 1 : one_in(3) ? 0 : below(kFrameTime);
    };
    uint64_t start = first * kFrameTime + inside();
    uint64_t stop = std::max(start + 1, (last - 1) * kFrameTime + 1 + inside());
    s.start = static_cast<int64_t>(start);
    s.stop = static_cast<int64_t>(stop);
    if (!reverse) snap(s, start, stop);
    if (one_in(4)) {
      s.start_type = s.stop_type = GST_SEEK_TYPE_END;
      s.start -= static_cast<int64_t>(kEnd);
      s.stop -= static_cast<int64_t>(kEnd);
    }
    s.begin = start;
    s.end = stop;
    s.frames = range(start / kFrameTime, (stop + kFrameTime - 1) / kFrameTime, reverse);
    return s;
  }

 private:
  // Key units are all frames.
  void snap(Seek &s, uint64_t &start, uint64_t stop) {
    if (one_in(3)) s.seek_flags |= GST_SEEK_FLAG_ACCURATE;
    if (one_in(2)) return;
    s.seek_flags |= GST_SEEK_FLAG_KEY_UNIT;
    const uint64_t before = start / kFrameTime * kFrameTime;
    const uint64_t after = start == before ? before : before + kFrameTime;
    uint64_t way = below(4);
    // Behind the last frame is nothing to snap to, and behind its stop no seek begins.
    if (way >= 2 && (after >= kEnd || after >= stop)) way = 0;
    const int snaps[] = {0, GST_SEEK_FLAG_SNAP_BEFORE, GST_SEEK_FLAG_SNAP_AFTER,
                         GST_SEEK_FLAG_SNAP_NEAREST};
    s.seek_flags |= snaps[way];
    if (s.seek_flags & GST_SEEK_FLAG_ACCURATE) return;
    start = way < 2 ? before : way == 2 ? after : start - before <= after - start ? before : after;
  }
  static Indexes range(uint64_t first, uint64_t end, bool reverse) {
    Indexes all;
    for (uint64_t i = first; i < end; i++) all.push_back(i);
    if (reverse) std::reverse(all.begin(), all.end());
    return all;
  }
  std::mt19937 engine_;
};

// What the seek has to give: one segment as it asked for, running time going on from `base`, and
// its frames or, when it did not play to its end, the first of them.
GstSegment must_follow(const Seek &seek, const std::vector<Passed> &passed, uint64_t base,
                       bool to_the_end, const std::string &where) {
  const auto found = SourceRun::indexes(passed);
  const std::string text = where + ": " + seek.text();
  if (to_the_end)
    ck_assert_msg(found == seek.frames, "%s: %zu frames from %d on instead of %zu from %d on",
                  text.c_str(), found.size(), found.empty() ? -1 : static_cast<int>(found[0]),
                  seek.frames.size(), seek.frames.empty() ? -1 : static_cast<int>(seek.frames[0]));
  else
    ck_assert_msg(!found.empty() && found[0] == seek.frames.at(0), "%s: frame %d instead of %d",
                  text.c_str(), found.empty() ? -1 : static_cast<int>(found[0]),
                  static_cast<int>(seek.frames[0]));
  const auto all = segments(passed);
  ck_assert_msg(all.size() == 1, "%s: %zu segments", text.c_str(), all.size());
  const GstSegment &segment = all[0];
  ck_assert_msg(segment.rate == seek.rate && segment.applied_rate == 1.0, "%s", text.c_str());
  ck_assert_msg(segment.start == seek.begin && segment.time == seek.begin, "%s: start %llu",
                text.c_str(), static_cast<unsigned long long>(segment.start));
  const bool open_end = seek.format == kIndex && seek.end == kEnd && seek.rate > 0;
  ck_assert_msg(segment.stop == (open_end ? GST_CLOCK_TIME_NONE : seek.end), "%s: stop %llu",
                text.c_str(), static_cast<unsigned long long>(segment.stop));
  ck_assert_msg(segment.base == base, "%s: base %llu instead of %llu", text.c_str(),
                static_cast<unsigned long long>(segment.base),
                static_cast<unsigned long long>(base));
  ck_assert_msg((segment.flags & kTrick) == (seek.seek_flags & kTrick), "%s", text.c_str());
  ck_assert_msg(has(passed, GST_EVENT_FLUSH_START) == !!(seek.seek_flags & kFlush), "%s",
                text.c_str());
  for (const Passed &one : passed) {
    if (!one.buffer) continue;
    ck_assert_msg(GST_BUFFER_FLAG_IS_SET(one.buffer.get(), GST_BUFFER_FLAG_DISCONT), "%s",
                  text.c_str());
    break;
  }
  return segment;
}

// Running time when all of the segment was played.
uint64_t end_of(const GstSegment &segment) {
  const uint64_t position = segment.rate < 0                      ? segment.start
                            : segment.stop == GST_CLOCK_TIME_NONE ? kEnd
                                                                  : std::min(segment.stop, kEnd);
  return gst_segment_to_running_time(&segment, kTime, position);
}

}  // namespace

GST_START_TEST(g25_two_thousand_seeks_find_their_frames) {
  SourcePlace place;
  make_source_frames(place, kFrames);
  const char *given = g_getenv("GST_CHECKPOINT_TEST_SEED");
  const unsigned seed = given ? static_cast<unsigned>(std::atoi(given)) : std::random_device{}();
  std::printf("seed: GST_CHECKPOINT_TEST_SEED=%u\n", seed);
  Random random(seed);
  SourceRun run(place.make_source());
  g_object_set(run.source(), "read-ahead", guint64{8 * kFrameBytes}, nullptr);
  int done = 0;

  // The first frame, while paused.
  run.set_state(GST_STATE_PAUSED);
  for (; done < 1000; done++) {
    Seek seek = random.seek(kFrames);
    seek.seek_flags |= kFlush | (random.one_in(5) ? kSegment : 0);
    if (seek.frames.empty()) continue;
    run.take();
    const std::string where =
        "seed " + std::to_string(seed) + ", seek " + std::to_string(done) + ", paused";
    ck_assert_msg(run.seek(seek.rate, seek.format, flags(seek.seek_flags), seek.start_type,
                           seek.start, seek.stop_type, seek.stop),
                  "%s: %s", where.c_str(), seek.text().c_str());
    ck_assert(gst_element_get_state(run.pipeline(), nullptr, nullptr, 30 * GST_SECOND) ==
              GST_STATE_CHANGE_SUCCESS);
    must_follow(seek, run.take(), 0, false, where);
  }

  // All of them, while playing, after EOS and after the end of a segment; without a flush running
  // time goes on.
  ck_assert(run.seek(1.0, kIndex, flags(kFlush), kSet, 999, kSet, -1));
  run.play_to_end();
  uint64_t base = 0;
  bool may_go_on = false;
  for (; done < 2000; done++) {
    Seek seek = random.seek(20);
    const bool by_segment = random.one_in(2);
    const bool flush = !may_go_on || random.one_in(2);
    seek.seek_flags |= (by_segment ? kSegment : 0) | (flush ? kFlush : 0);
    for (GstMessage *message :
         run.take_messages(static_cast<GstMessageType>(GST_MESSAGE_EOS | GST_MESSAGE_SEGMENT_DONE)))
      gst_message_unref(message);
    run.take();
    const std::string where =
        "seed " + std::to_string(seed) + ", seek " + std::to_string(done) + ", playing";
    ck_assert_msg(run.seek(seek.rate, seek.format, flags(seek.seek_flags), seek.start_type,
                           seek.start, seek.stop_type, seek.stop),
                  "%s: %s", where.c_str(), seek.text().c_str());
    gst_message_unref(run.wait_for(by_segment ? GST_MESSAGE_SEGMENT_DONE : GST_MESSAGE_EOS));
    // A flush while a pipeline is still on its way to PLAYING may leave its sink behind in PAUSED.
    ck_assert(gst_element_get_state(run.pipeline(), nullptr, nullptr, 30 * GST_SECOND) ==
              GST_STATE_CHANGE_SUCCESS);
    const GstSegment segment = must_follow(seek, run.take(), flush ? 0 : base, true, where);
    base = end_of(segment);
    may_go_on = by_segment && !seek.frames.empty();
  }
}
GST_END_TEST

// Seeks that come side by side while it prerolls, plays and is at its end: none is lost by another,
// and the last one counts.
GST_START_TEST(g25_seeks_from_many_threads) {
  SourcePlace place;
  make_source_frames(place, 200);
  SourceRun run(place.make_source());
  for (GstState state : {GST_STATE_PAUSED, GST_STATE_PLAYING}) {
    gst_element_set_state(run.pipeline(), state);
    std::atomic<int> refused{0};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; t++)
      threads.emplace_back([&run, &refused, t] {
        std::mt19937 random(t);
        for (int i = 0; i < 25; i++) {
          const bool reverse = random() % 3 == 0;
          const auto at = static_cast<int64_t>(random() % 200);
          const int extra = random() % 2 ? GST_SEEK_FLAG_ACCURATE : GST_SEEK_FLAG_KEY_UNIT;
          const bool by_index = random() % 2;
          const int64_t scale = by_index ? 1 : static_cast<int64_t>(kFrameTime);
          if (!run.seek(reverse ? -1.0 : 1.0, by_index ? kIndex : kTime, flags(kFlush | extra),
                        kSet, reverse ? 0 : at * scale, kSet, reverse ? at * scale : -1))
            refused++;
        }
      });
    for (std::thread &thread : threads) thread.join();
    ck_assert_int_eq(refused, 0);
    // A pipeline may lose its way to PLAYING over so many flushes.
    run.set_state(GST_STATE_PAUSED);
    run.take();
    ck_assert(run.seek(1.0, kTime, flags(kFlush), kSet, static_cast<int64_t>(190 * kFrameTime),
                       kSet, -1));
    run.set_state(GST_STATE_PAUSED);
    for (GstMessage *message : run.take_messages(GST_MESSAGE_EOS)) gst_message_unref(message);
    run.play_to_end();
    Indexes found = SourceRun::indexes(run.take());
    ck_assert(found.size() >= 10);
    found.erase(found.begin(), found.end() - 10);
    for (uint64_t i = 0; i < 10; i++) ck_assert_uint_eq(found[i], 190 + i);
  }
}
GST_END_TEST

// With and without a flush.
GST_START_TEST(g28_a_seek_does_not_wait_for_a_get) {
  for (int flush : {0, kFlush}) {
    SourcePlace place;
    make_source_frames(place, 100);
    SourceRun run(place.make_source());
    g_object_set(run.source(), "read-ahead", guint64{2 * kFrameBytes}, nullptr);
    run.set_state(GST_STATE_PAUSED);
    auto gate = std::make_shared<Gate>();
    place.frames()->before(
        "get", [gate](const FrameStoreCall &, Cancellation &c) { return gate->pass(c); });
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    gate->wait_for_arrivals(1);
    ck_assert(run.seek(1.0, kTime, flags(flush), kSet, 0, kSet, 0));
    ck_assert(run.seek(2.0, kIndex, flags(flush), kSet, 60, kSet, 70));
    gate->open();
    gst_message_unref(run.wait_for(GST_MESSAGE_EOS));
    Indexes found = SourceRun::indexes(run.take());
    ck_assert(found.size() >= 10);
    found.erase(found.begin(), found.end() - 10);
    for (uint64_t i = 0; i < 10; i++) ck_assert_uint_eq(found[i], 60 + i);
  }
}
GST_END_TEST

GST_START_TEST(g25_a_seek_before_the_start_needs_no_flush) {
  for (int flush : {0, kFlush}) {
    SourcePlace place;
    make_source_frames(place, 100);
    SourceRun run(place.make_source());
    run.set_state(GST_STATE_READY);
    ck_assert(run.seek(-1.0, kIndex, flags(flush), kSet, 60, kSet, 70));
    run.play_to_end();
    Indexes expected;
    for (uint64_t i = 70; i > 60; i--) expected.push_back(i - 1);
    ck_assert(SourceRun::indexes(run.take()) == expected);
  }
}
GST_END_TEST

GST_START_TEST(g25_segment_messages_say_where) {
  SourcePlace place;
  make_source_frames(place, 100);
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  for (double rate : {1.0, -1.0}) {
    SourceRun run(place.make_source());
    run.set_state(GST_STATE_PAUSED);
    run.take();
    ck_assert(run.seek(rate, kTime, flags(kFlush | kSegment), kSet, t(20), kSet, t(30)));
    gst_element_set_state(run.pipeline(), GST_STATE_PLAYING);
    GstMessage *done = run.wait_for(GST_MESSAGE_SEGMENT_DONE);
    GstFormat format;
    gint64 position;
    gst_message_parse_segment_done(done, &format, &position);
    ck_assert(format == kTime);
    ck_assert_int_eq(position, rate > 0 ? t(30) : t(20));
    gst_message_unref(done);
    // The event follows.
    GstPad *pad = gst_element_get_static_pad(run.source(), "src");
    GST_PAD_STREAM_LOCK(pad);
    GST_PAD_STREAM_UNLOCK(pad);
    gst_object_unref(pad);
    const auto passed = run.take();
    ck_assert(has(passed, GST_EVENT_SEGMENT_DONE) && !has(passed, GST_EVENT_EOS));
  }
}
GST_END_TEST

GST_START_TEST(g25_other_rates_at_once) {
  SourcePlace place;
  make_source_frames(place, 100);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  run.take();
  const auto change = [&](double rate, int more) {
    return run.seek(rate, kTime, flags(GST_SEEK_FLAG_INSTANT_RATE_CHANGE | more), kKeep, -1, kKeep,
                    -1);
  };
  // In the same direction.
  ck_assert(!change(-2.0, 0));
  ck_assert(change(2.0, GST_SEEK_FLAG_TRICKMODE));
  for (const Passed &one : run.take()) {
    if (!one.event || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_INSTANT_RATE_CHANGE) continue;
    gdouble multiplier = 0;
    GstSegmentFlags segment_flags;
    gst_event_parse_instant_rate_change(one.event.get(), &multiplier, &segment_flags);
    ck_assert(multiplier == 2.0 && (segment_flags & GST_SEGMENT_FLAG_TRICKMODE));
  }
  run.play_to_end();
  ck_assert_uint_eq(SourceRun::indexes(run.take()).back(), 99);
}
GST_END_TEST

GST_START_TEST(g25_queries_tell_the_same_in_every_state) {
  SourcePlace place;
  make_source_frames(place, 100);
  SourceRun run(place.make_source());
  run.set_state(GST_STATE_PAUSED);
  GstElement *source = run.source();
  const auto t = [](uint64_t index) { return static_cast<int64_t>(index * kFrameTime); };
  gint64 value = 0;
  const auto segment_is = [&](double rate, gint64 start, gint64 stop) {
    GstQuery *query = gst_query_new_segment(kTime);
    ck_assert(gst_element_query(source, query));
    gdouble found_rate;
    GstFormat format;
    gint64 found_start, found_stop;
    gst_query_parse_segment(query, &found_rate, &format, &found_start, &found_stop);
    gst_query_unref(query);
    ck_assert(found_rate == rate && format == kTime);
    ck_assert_int_eq(found_start, start);
    ck_assert_int_eq(found_stop, stop);
  };
  const auto duration_is = [&](gint64 frames) {
    ck_assert(gst_element_query_duration(source, kTime, &value));
    ck_assert_int_eq(value, t(static_cast<uint64_t>(frames)));
    ck_assert(gst_element_query_duration(source, kIndex, &value));
    ck_assert_int_eq(value, frames);
  };
  GstQuery *latency = gst_query_new_latency();
  ck_assert(gst_element_query(source, latency));
  gboolean live = TRUE;
  GstClockTime least = 1, most = 0;
  gst_query_parse_latency(latency, &live, &least, &most);
  ck_assert(!live && least == 0);
  gst_query_unref(latency);

  duration_is(100);
  // A seek changes where it plays, not how long it is.
  ck_assert(run.seek(-2.0, kTime, flags(kFlush), kSet, t(10), kSet, t(50)));
  run.set_state(GST_STATE_PAUSED);
  duration_is(100);
  segment_is(-2.0, t(10), t(50));
  run.play_to_end();
  duration_is(100);
  segment_is(-2.0, t(10), t(50));
  ck_assert(gst_element_query_position(source, kTime, &value));
  ck_assert_int_eq(value, t(10));
  ck_assert(gst_element_query_position(source, kIndex, &value));
  ck_assert_int_eq(value, 10);
  // What is not known is not answered.
  ck_assert(!gst_element_query_position(source, GST_FORMAT_BYTES, &value));
  ck_assert(!gst_element_query_duration(source, GST_FORMAT_BYTES, &value));
}
GST_END_TEST

static Suite *checkpointsrc_trick_suite() {
  Suite *suite = suite_create("checkpointsrc_trick");
  TCase *tc = tcase_create("checkpointsrc_trick");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g25_two_thousand_seeks_find_their_frames);
  tcase_add_test(tc, g25_seeks_from_many_threads);
  tcase_add_test(tc, g28_a_seek_does_not_wait_for_a_get);
  tcase_add_test(tc, g25_a_seek_before_the_start_needs_no_flush);
  tcase_add_test(tc, g25_segment_messages_say_where);
  tcase_add_test(tc, g25_other_rates_at_once);
  tcase_add_test(tc, g25_queries_tell_the_same_in_every_state);
  return suite;
}
GST_CHECK_MAIN(checkpointsrc_trick);
