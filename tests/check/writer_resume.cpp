// SPDX-License-Identifier: LGPL-2.1-or-later
// The writer that goes on with a checkpoint of an earlier run.
#include <memory>
#include <string>

#include "support/writer_place.h"

using namespace checkpoint;
using std::chrono::milliseconds;

namespace {

// What a run is fed: events and caps between frames, and frames with or without PTS.
struct Stream {
  size_t frames = 30;
  bool with_pts = true;
  size_t other_frame = SIZE_MAX;  // whose bytes are others
  size_t other_caps = SIZE_MAX;   // before which the caps are others
  size_t other_metas = SIZE_MAX;
  uint64_t later = 0;  // by so much
};

class Run : public CheckpointWriter {
 public:
  Run(Place &place, const std::shared_ptr<News> &news, bool resume,
      const CheckpointFields &what = fields("decode"))
      : CheckpointWriter(place.opener(), small_packs(), news) {
    ck_assert(begin(what, false, resume).is_ok());
  }
  // Frames [first, end) of the stream and what comes before them; false when the writer failed.
  bool feed(const Stream &stream, size_t first, size_t end) {
    for (size_t i = first; i < end; i++) {
      if (i == 0 || i == 20)
        if (!set_caps(i == stream.other_caps ? "other" : "caps " + std::to_string(i)).is_ok())
          return false;
      for (size_t n = 0; n < i % 3; n++)
        if (!push_event("tag", Bytes(n + 1, std::byte{static_cast<uint8_t>(i)})).is_ok())
          return false;
      auto fake = std::make_unique<FakeFrame>(frame_bytes(i == stream.other_frame ? 1000 : i));
      Bytes meta(1, std::byte{static_cast<uint8_t>(i == stream.other_metas ? 99 : i)});
      fake->meta_values = {{"meta", std::move(meta)}};
      FrameTiming timing;
      if (stream.with_pts) timing.pts = timing.stream_time = i * 1000 + stream.later;
      std::unique_ptr<FrameInput> frame = std::move(fake);
      if (!push(frame, timing, {}).is_ok()) return false;
    }
    return true;
  }
};

// A run that ends after `end` frames of which the last may not be durable, as a crash does it: it
// says nothing. (Its lease is free at once, as that of a process that is gone.)
CheckpointRow crash(Place &place, const Stream &stream, size_t end, bool resume = false,
                    size_t first = 0) {
  auto news = std::make_shared<News>();
  {
    Run run(place, news, resume);
    ck_assert(run.feed(stream, first, end));
    run.flush(1);
    // What is asked for and durable before is told too, so the last one tells.
    for (size_t n = 1;; n++) {
      news->wait_for_commits(n);
      if (news->commits[n - 1].token == 1) break;
    }
    place.metadata->before("commit",
                           [](Cancellation &) { return Status(Code::kUnavailable, "crashed"); });
  }
  ck_assert(news->errors.empty());
  place.metadata->before("commit", {});
  return place.list(true).front();
}

// All that was stored of a run, to be compared with that of another.
std::string text_of(Place &place, const CheckpointRow &row) {
  Cancellation cancel;
  std::string text;
  const auto events = place.stores->metadata->read_events(row.key, 0, 1000, 1000, cancel);
  ck_assert(events.is_ok());
  for (const EventRow &event : *events)
    text += std::to_string(event.index) + "." + std::to_string(event.ordinal) + " " + event.type +
            " " + std::string(as_text(event.body)) + "\n";
  const auto caps = place.stores->metadata->read_caps(row.key, cancel);
  ck_assert(caps.is_ok());
  for (const CapsRow &one : *caps) text += std::to_string(one.number) + " " + one.caps + "\n";
  for (const FrameRow &frame : place.rows(row))
    text += std::to_string(frame.index) + " " + std::to_string(frame.sequence) + " " +
            std::to_string(frame.pts) + " " + std::to_string(frame.caps) + " " +
            place.payload(frame.payload) + "\n";
  return text;
}

Status finish(Run &run) { return run.finish({}, kPatience); }

void must_fail(const std::shared_ptr<News> &news, const std::string &part) {
  news->wait_for_error();
  ck_assert_msg(news->errors[0].is(Code::kInvalidArgument) &&
                    news->errors[0].message().find(part) != std::string::npos,
                "%s", news->errors[0].to_string().c_str());
  ck_assert(!news->errors[0].hint().empty());
  ck_assert(news->commits.empty());
}

}  // namespace

GST_START_TEST(g06_a_resumed_checkpoint_is_that_of_one_run) {
  for (bool with_pts : {true, false}) {
    Stream stream;
    stream.with_pts = with_pts;
    std::string whole;
    {
      Place place;
      auto news = std::make_shared<News>();
      Run run(place, news, true);  // there is nothing to go on with
      ck_assert(run.feed(stream, 0, stream.frames) && finish(run).is_ok());
      whole = text_of(place, place.list(false).front());
    }
    for (size_t end : {1, 3, 4, 19, 20, 21, 30}) {
      Place place;
      const CheckpointRow before = crash(place, stream, end);
      ck_assert_int_eq(before.frames, end);
      const uint64_t packs = place.frames->calls("put");
      auto news = std::make_shared<News>();
      Run run(place, news, true);
      ck_assert(run.feed(stream, 0, stream.frames));
      const Status status = finish(run);
      ck_assert_msg(status.is_ok(), "%zu: %s", end, status.to_string().c_str());
      ck_assert(news->warnings.empty());
      const auto all = place.list(true);
      ck_assert_int_eq(all.size(), 1);
      const CheckpointRow &after = all.front();
      ck_assert(after.state == CheckpointState::kComplete);
      ck_assert(after.id == before.id && after.version == before.version);
      ck_assert(run.checkpoint_id() == before.id);
      ck_assert(text_of(place, after) == whole);
      const WriterStats stats = run.stats();
      ck_assert_int_eq(stats.frames_compared, end);
      ck_assert_int_eq(stats.frames_stored, stream.frames);
      ck_assert(place.frames->calls("put") > packs);
      ck_assert(place.last_record_says_complete());
      ck_assert(after.bytes_new == 30 * 3000);
    }
  }
}
GST_END_TEST

GST_START_TEST(g06_crashes_one_after_the_other_add_up) {
  Stream stream;
  Place place;
  crash(place, stream, 7);
  for (size_t end : {8, 8, 15, 29}) ck_assert_int_eq(crash(place, stream, end, true).frames, end);
  auto news = std::make_shared<News>();
  Run run(place, news, true);
  ck_assert(run.feed(stream, 0, stream.frames) && finish(run).is_ok());
  place.check_frames(place.list(false).front(), stream.frames);
}
GST_END_TEST

GST_START_TEST(the_first_difference_is_named_and_nothing_changes) {
  Stream stream;
  const auto fails = [&](const Stream &other, const std::string &part, size_t end = 30) {
    Place place;
    const CheckpointRow before = crash(place, stream, 24);
    const std::string text = text_of(place, before);
    auto news = std::make_shared<News>();
    {
      Run run(place, news, true);
      if (run.feed(other, 0, end)) (void)finish(run);
      must_fail(news, part);
    }
    const CheckpointRow after = place.list(true).front();
    ck_assert(after.state == CheckpointState::kPartial);
    ck_assert(text_of(place, after) == text);
    // And the right stream still finishes it.
    auto again = std::make_shared<News>();
    Run run(place, again, true);
    ck_assert(run.feed(stream, 0, stream.frames));
    const Status status = finish(run);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
  };
  Stream other = stream;
  other.other_frame = 13;
  fails(other, "sequence 13 is not the one that was stored: its bytes");
  other = stream;
  other.other_caps = 20;
  fails(other, "sequence 20 is not the one that was stored: its caps");
  other = stream;
  other.later = 1;
  fails(other, "sequence 0 is not the one that was stored: its PTS is 1, and was 0");
  fails(stream, "ended after 10 frames, and 24 are stored", 10);
}
GST_END_TEST

GST_START_TEST(metas_that_differ_are_a_warning) {
  Stream stream, other;
  other.other_metas = 5;
  Place place;
  crash(place, stream, 10);
  auto news = std::make_shared<News>();
  Run run(place, news, true);
  ck_assert(run.feed(other, 0, stream.frames) && finish(run).is_ok());
  ck_assert_int_eq(news->warnings.size(), 1);
  ck_assert(news->warnings[0].message().find("metas of 1 frames") != std::string::npos);
  ck_assert(news->warnings[0].message().find("sequence 5") != std::string::npos);
}
GST_END_TEST

GST_START_TEST(a_complete_one_is_named_and_nothing_is_stored) {
  Stream stream;
  Place place;
  Uuid id;
  {
    auto news = std::make_shared<News>();
    Run run(place, news, false);
    ck_assert(run.feed(stream, 0, stream.frames) && finish(run).is_ok());
    id = *run.checkpoint_id();
  }
  const uint64_t puts = place.frames->calls("put"), packs = place.metadata->calls("create_pack");
  const std::string text = text_of(place, place.list(false).front());
  {
    auto news = std::make_shared<News>();
    Run run(place, news, true);
    ck_assert(run.feed(stream, 0, stream.frames) && finish(run).is_ok());
    ck_assert_int_eq(news->commits.size(), 1);
    ck_assert(news->commits[0].complete && news->commits[0].checkpoint == id);
    ck_assert_int_eq(news->commits[0].frames, stream.frames);
  }
  {
    // One frame more.
    auto news = std::make_shared<News>();
    Run run(place, news, true);
    if (run.feed(stream, 0, stream.frames + 1)) (void)finish(run);
    must_fail(news, "sequence 30 is one more than the 30 of the complete checkpoint");
  }
  ck_assert(place.frames->calls("put") == puts);
  ck_assert(place.metadata->calls("create_pack") == packs);
  const auto all = place.list(true);
  ck_assert_int_eq(all.size(), 1);
  ck_assert(all[0].state == CheckpointState::kComplete && text_of(place, all[0]) == text);
}
GST_END_TEST

GST_START_TEST(another_parent_and_other_settings_are_told) {
  Stream stream;
  Place place;
  CheckpointFields given = fields("detect");
  News saved;
  save(place, "decode", 30, small_packs(), saved);
  given.parent = place.list(false).front().id;
  given.config_overrides = "{\"a\": 1}";
  {
    auto news = std::make_shared<News>();
    Run run(place, news, false, given);
    ck_assert(run.feed(stream, 0, 10));
    ck_assert_int_eq(run.stop(milliseconds(10000)), 0);
  }
  CheckpointFields other = given;
  other.parent.reset();
  {
    auto news = std::make_shared<News>();
    Run run(place, news, true, other);
    must_fail(news, given.parent->to_string());
  }
  other = given;
  other.config_overrides = "{\"a\": 2}";
  auto news = std::make_shared<News>();
  Run run(place, news, true, other);
  ck_assert(run.feed(stream, 0, 30) && finish(run).is_ok());
  ck_assert_int_eq(news->warnings.size(), 1);
  ck_assert(news->warnings[0].message().find("config-overrides") != std::string::npos);
  const CheckpointRow row = place.list(false).front();
  ck_assert(row.fields.config_overrides == given.config_overrides);
  ck_assert_int_eq(row.frames, 30);
}
GST_END_TEST

GST_START_TEST(stopped_while_frames_are_compared_nothing_is_lost) {
  Stream stream;
  Place place;
  crash(place, stream, 20);
  auto news = std::make_shared<News>();
  {
    Run run(place, news, true);
    ck_assert(run.feed(stream, 0, 5));
    ck_assert_int_eq(run.stop(milliseconds(10000)), 0);
  }
  ck_assert(news->errors.empty());
  ck_assert_int_eq(place.list(true).front().frames, 20);
  auto again = std::make_shared<News>();
  Run run(place, again, true);
  ck_assert(run.feed(stream, 0, stream.frames) && finish(run).is_ok());
}
GST_END_TEST

GST_START_TEST(a_flush_that_covers_what_was_stored_before_is_told) {
  Stream stream;
  Place place;
  crash(place, stream, 20);
  auto news = std::make_shared<News>();
  Run run(place, news, true);
  ck_assert(run.feed(stream, 0, 26));
  ck_assert(run.flush(7));
  for (size_t n = 1;; n++) {
    news->wait_for_commits(n);
    if (news->commits[n - 1].token == 7) break;
  }
  ck_assert_int_eq(news->commits.back().frames, 26);
  ck_assert(run.feed(stream, 26, 30) && finish(run).is_ok());
}
GST_END_TEST

static Suite *writer_resume_suite() {
  Suite *suite = suite_create("writer_resume");
  TCase *tc = tcase_create("writer_resume");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g06_a_resumed_checkpoint_is_that_of_one_run);
  tcase_add_test(tc, g06_crashes_one_after_the_other_add_up);
  tcase_add_test(tc, the_first_difference_is_named_and_nothing_changes);
  tcase_add_test(tc, metas_that_differ_are_a_warning);
  tcase_add_test(tc, a_complete_one_is_named_and_nothing_is_stored);
  tcase_add_test(tc, another_parent_and_other_settings_are_told);
  tcase_add_test(tc, stopped_while_frames_are_compared_nothing_is_lost);
  tcase_add_test(tc, a_flush_that_covers_what_was_stored_before_is_told);
  return suite;
}
GST_CHECK_MAIN(writer_resume);
