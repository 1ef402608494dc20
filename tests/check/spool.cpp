// SPDX-License-Identifier: LGPL-2.1-or-later
// A writer with a spool: what comes while the stores are away reaches them later.
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "core/spooled_writer.h"
#include "support/temp_dir.h"
#include "support/writer_place.h"

using namespace checkpoint;
using std::chrono::milliseconds;

namespace {

// A pair of stores that can be away, and a spool.
struct SpoolPlace : Place {
  enum class Away { kNobody, kFrames, kMetadata, kBoth };
  void set(Away away) {
    frames->set_down(away == Away::kFrames || away == Away::kBoth);
    metadata->set_down(away == Away::kMetadata || away == Away::kBoth);
  }
  SpoolSettings settings(uint64_t max_bytes = 0) const {
    return {folder.path(), max_bytes, "memory://frames", "memory://metadata"};
  }
  // Of what is left in the spool.
  size_t entries() const {
    size_t count = 0;
    for (const auto &found : std::filesystem::directory_iterator(folder.path()))
      count += found.is_directory();
    return count;
  }
  uint64_t spooled_packs() const {
    namespace fs = std::filesystem;
    for (;;) {
      uint64_t count = 0;
      std::error_code gone;  // the spool removes folders meanwhile: then counted again
      for (fs::recursive_directory_iterator at(folder.path(), gone), end; !gone && at != end;
           at.increment(gone))
        count += at->path().extension() == ".pack";
      if (!gone) return count;
    }
  }
  TempDir folder{TempDir::On::kMemory};
};

class Run : public SpooledWriter {
 public:
  Run(SpoolPlace &place, const std::shared_ptr<News> &news, bool resume = false,
      uint64_t max_bytes = 0, const WriterOptions &options = small_packs(),
      const CheckpointFields &what = fields("decode"))
      : SpooledWriter(place.opener(), options, place.settings(max_bytes), news) {
    ck_assert(set_caps("video/x-raw").is_ok());
    ck_assert(begin(what, false, resume).is_ok());
  }
  void feed(uint64_t first, uint64_t end) {
    for (uint64_t i = first; i < end; i++) {
      if (i % 3 == 1) ck_assert(push_event("tag", Bytes(i, std::byte{1})).is_ok());
      const Status pushed = checkpoint::push(*this, i);
      ck_assert_msg(pushed.is_ok(), "%s", pushed.to_string().c_str());
    }
  }
  void must_finish() {
    Status end = finish({}, kPatience);
    ck_assert_msg(end.is_ok(), "%s", end.to_string().c_str());
  }
};

size_t count_events(Place &place, const CheckpointRow &row) {
  Cancellation cancel;
  const auto events = place.stores->metadata->read_events(row.key, 0, 1000, 1000, cancel);
  ck_assert(events.is_ok());
  for (size_t i = 0; i < events->size(); i++) ck_assert((*events)[i].index == 3 * i + 1);
  return events->size();
}

void must_hold(SpoolPlace &place, const CheckpointRow &row, uint64_t count) {
  place.check_frames(row, count);
  ck_assert_uint_eq(count_events(place, row), (count + 1) / 3);
  ck_assert_uint_eq(row.frames, count);
}

// For a disk, not for stores that don't come.
constexpr milliseconds kSoon{1000};

constexpr SpoolPlace::Away kAways[] = {SpoolPlace::Away::kFrames, SpoolPlace::Away::kMetadata,
                                       SpoolPlace::Away::kBoth};

}  // namespace

GST_START_TEST(a_run_with_a_spool_is_as_one_without) {
  SpoolPlace place;
  auto news = std::make_shared<News>();
  {
    Run run(place, news);
    ck_assert(run.checkpoint_id().has_value());
    run.feed(0, 30);
    run.must_finish();
    ck_assert(!run.partial_reason());
    const WriterStats stats = run.stats();
    ck_assert(stats.frames_in == 30 && stats.frames_stored == 30 && stats.frames_spooled == 0);
    ck_assert(run.checkpoint_id() == place.list(false).front().id);
  }
  must_hold(place, place.list(false).front(), 30);
  ck_assert(place.last_record_says_complete());
  ck_assert(news->errors.empty() && news->warnings.empty());
  ck_assert(news->commits.back().complete && news->commits.back().frames == 30);
  // It was told of as spooled, and by its id.
  ck_assert_uint_eq(news->spooled.back().frames, 30);
  ck_assert(news->spooled.back().checkpoint == news->commits.back().checkpoint);
  ck_assert_uint_eq(place.entries(), 0);
}
GST_END_TEST

// What is in the spool is not left out on its way to the stores.
GST_START_TEST(g07_leaky_is_for_what_comes_not_for_what_was_spooled) {
  SpoolPlace place;
  auto news = std::make_shared<News>();
  place.set(SpoolPlace::Away::kBoth);
  WriterOptions options = small_packs();
  options.max_buffers = 4;
  options.leaky = Leaky::kDownstream;
  {
    Run run(place, news, false, 0, options);
    for (uint64_t n = 0; n < 60; n += 3) {
      run.feed(n, n + 3);
      ck_assert(run.flush(n + 1));
      news->wait_for_spooled(n + 3);
    }
    place.set(SpoolPlace::Away::kNobody);
    run.must_finish();
    ck_assert_uint_eq(run.stats().frames_dropped, 0);
  }
  must_hold(place, place.list(false).front(), 60);
}
GST_END_TEST

GST_START_TEST(stores_that_go_away_within_a_run_get_all_of_it_later) {
  for (const SpoolPlace::Away away : kAways) {
    SpoolPlace place;
    auto news = std::make_shared<News>();
    {
      Run run(place, news);
      run.feed(0, 10);
      ck_assert(run.flush(1));
      news->wait_for_frames(10);
      place.set(away);
      run.feed(10, 30);
      ck_assert(run.flush(2));
      news->wait_for_spooled(30);
      news->wait_for_warning("can't be reached");
      ck_assert_uint_eq(news->commits.back().frames, 10);
      ck_assert_uint_eq(run.stats().frames_spooled, 20);
      place.set(SpoolPlace::Away::kNobody);
      news->wait_for_token(2);
      ck_assert_uint_eq(news->commits.back().frames, 30);
      run.feed(30, 40);
      run.must_finish();
    }
    ck_assert_uint_eq(place.list(true).size(), 1);
    must_hold(place, place.list(false).front(), 40);
    ck_assert(news->errors.empty());
    ck_assert_uint_eq(news->warned("can't be reached"), 1);
    // In order, and each frame once.
    for (size_t i = 1; i < news->commits.size(); i++)
      ck_assert(news->commits[i].frames >= news->commits[i - 1].frames);
    ck_assert_uint_eq(place.entries(), 0);
  }
}
GST_END_TEST

GST_START_TEST(stores_that_are_away_from_the_start_get_all_of_it_later) {
  for (const SpoolPlace::Away away : kAways) {
    SpoolPlace place;
    place.set(away);
    auto news = std::make_shared<News>();
    {
      Run run(place, news);
      run.feed(0, 20);
      ck_assert(run.flush(1));
      news->wait_for_spooled(20);
      ck_assert(news->commits.empty());
      place.set(SpoolPlace::Away::kNobody);
      run.must_finish();
    }
    must_hold(place, place.list(false).front(), 20);
    ck_assert(news->errors.empty());
  }
}
GST_END_TEST

// The end comes, and the stores don't.
GST_START_TEST(what_stays_in_the_spool_is_told_and_goes_first_at_the_next_start) {
  for (const bool ended : {true, false}) {
    SpoolPlace place;
    place.set(SpoolPlace::Away::kBoth);
    auto news = std::make_shared<News>();
    std::optional<Uuid> id;
    {
      Run run(place, news);
      id = run.checkpoint_id();
      run.feed(0, 20);
      run.flush(1);
      news->wait_for_spooled(20);
      if (ended) {
        ck_assert(run.finish({}, kSoon).is_ok());
        ck_assert_uint_eq(run.stats().frames_spooled, 20);
      }
      run.stop(milliseconds(500));
    }
    ck_assert_uint_eq(news->warned("20 frames of stage 'decode'"), 1);
    ck_assert(news->errors.empty() && news->commits.empty());
    ck_assert_uint_eq(place.entries(), 1);
    place.set(SpoolPlace::Away::kNobody);
    auto later = std::make_shared<News>();
    {
      Run run(place, later);
      run.feed(0, 5);
      run.must_finish();
    }
    const auto rows = place.list(true);
    ck_assert_uint_eq(rows.size(), 2);
    ck_assert(rows[1].id == *id && rows[1].version == 1);
    ck_assert((rows[1].state == CheckpointState::kComplete) == ended);
    ck_assert((rows[1].reason == "stopped before the end of the stream") == !ended);
    must_hold(place, rows[1], 20);
    must_hold(place, rows[0], 5);
    ck_assert(later->commits.front().checkpoint == *id && later->errors.empty());
    ck_assert_uint_eq(place.entries(), 0);
  }
}
GST_END_TEST

// Part of it has arrived; what ends it says nothing.
GST_START_TEST(a_run_that_ends_between_spool_and_stores_loses_nothing) {
  for (const bool resume : {false, true}) {
    SpoolPlace place;
    auto news = std::make_shared<News>();
    {
      Run run(place, news, resume);
      run.feed(0, 12);
      run.flush(1);
      news->wait_for_frames(12);
      place.set(SpoolPlace::Away::kBoth);
      run.feed(12, 25);
      run.flush(2);
      news->wait_for_spooled(25);
    }
    place.set(SpoolPlace::Away::kNobody);
    ck_assert_uint_eq(place.list(true).front().frames, 12);
    const Uuid id = place.list(true).front().id;
    auto later = std::make_shared<News>();
    {
      Run run(place, later, resume);
      run.feed(0, 30);
      run.must_finish();
      ck_assert_uint_eq(run.stats().frames_compared, resume ? 25 : 0);
    }
    const auto rows = place.list(true);
    ck_assert_uint_eq(rows.size(), resume ? 1 : 2);
    ck_assert(rows.back().id == id);
    ck_assert(later->errors.empty());
    must_hold(place, rows.back(), resume ? 30 : 25);
    must_hold(place, rows.front(), 30);
    ck_assert(rows.front().state == CheckpointState::kComplete);
  }
}
GST_END_TEST

GST_START_TEST(a_full_spool_makes_upstream_wait) {
  SpoolPlace place;
  place.set(SpoolPlace::Away::kBoth);
  auto news = std::make_shared<News>();
  WriterOptions options = small_packs();
  options.max_buffers = 4;
  options.commit_interval = milliseconds(50);
  {
    Run run(place, news, false, 600'000, options);
    std::atomic<uint64_t> fed{0};
    std::thread feeder([&] {
      for (uint64_t i = 0; i < 300; i++) {
        run.feed(i, i + 1);
        fed = i + 1;
      }
    });
    news->wait_for_warning("has reached its 600000 bytes");
    ck_assert_uint_lt(fed, 300);
    place.set(SpoolPlace::Away::kNobody);
    feeder.join();
    run.must_finish();
  }
  ck_assert(news->errors.empty());
  place.check_frames(place.list(false).front(), 300);
}
GST_END_TEST

GST_START_TEST(a_full_spool_at_the_end_is_a_timeout) {
  SpoolPlace place;
  place.set(SpoolPlace::Away::kBoth);
  auto news = std::make_shared<News>();
  WriterOptions options = small_packs();
  options.max_buffers = 0;
  {
    Run run(place, news, false, 1, options);
    run.feed(0, 30);
    news->wait_for_warning("has reached its 1 bytes");
    news->wait_for_spooled(1);
    const Status end = run.finish({}, kSoon);
    ck_assert(end.is(Code::kTimeout));
    ck_assert(end.message().find("the spool " + place.folder.path()) != std::string::npos);
    run.stop(milliseconds(500));
  }
  ck_assert_uint_eq(news->errors.size(), 1);
  // What did fit is not lost.
  place.set(SpoolPlace::Away::kNobody);
  auto later = std::make_shared<News>();
  {
    Run run(place, later);
    run.must_finish();
  }
  const auto rows = place.list(true);
  ck_assert_uint_eq(rows.size(), 2);
  ck_assert_uint_ge(rows[1].frames, 4);
  place.check_frames(rows[1], rows[1].frames);
}
GST_END_TEST

GST_START_TEST(what_has_arrived_makes_room) {
  SpoolPlace place;
  auto news = std::make_shared<News>();
  Run run(place, news);
  run.feed(0, 60);
  run.flush(1);
  news->wait_for_frames(60);
  // Looked for while there is nothing else to do.
  while (place.spooled_packs() > 1) std::this_thread::yield();
  run.feed(60, 70);
  run.must_finish();
  place.check_frames(place.list(false).front(), 70);
}
GST_END_TEST

// Frames without a number of their own, in a stage whose parent is in the spool as well.
GST_START_TEST(a_stage_finds_its_parent_when_both_come_from_the_spool) {
  SpoolPlace place;
  place.set(SpoolPlace::Away::kBoth);
  auto news = std::make_shared<News>(), of_child = std::make_shared<News>();
  {
    Run parent(place, news);
    CheckpointFields what = fields("detect");
    what.parent = parent.checkpoint_id();
    what.stage_index = -1;
    Run child(place, of_child, false, 0, small_packs(), what);
    ck_assert(parent.next_sequence() && !child.next_sequence());
    parent.feed(0, 9);
    for (uint64_t i : {2, 4, 6}) ck_assert(push(child, i).is_ok());
    ck_assert(parent.finish({}, kSoon).is_ok());
    ck_assert(child.finish({}, kSoon).is_ok());
  }
  ck_assert_uint_eq(place.entries(), 2);
  place.set(SpoolPlace::Away::kNobody);
  Cancellation cancel;
  const Status drained =
      drain_spool(place.settings(), {place.opener(), small_packs(), of_child}, cancel);
  ck_assert_msg(drained.is_ok(), "%s", drained.to_string().c_str());
  const auto rows = place.list(false);
  ck_assert_uint_eq(rows.size(), 2);
  ck_assert(rows[0].fields.parent == rows[1].id && rows[0].fields.stage_index == 1);
  const auto frames = place.rows(rows[0]);
  ck_assert_uint_eq(frames.size(), 3);
  for (size_t i = 0; i < 3; i++) ck_assert_uint_eq(frames[i].sequence, 2 * i + 2);
  // The same pixels are there once.
  ck_assert_uint_eq(rows[0].bytes_new, 0);
}
GST_END_TEST

GST_START_TEST(what_helps_no_waiting_is_an_error) {
  SpoolPlace place;
  place.frames->before("put", [](const FrameStoreCall &, Cancellation &) {
    return Status(Code::kPermissionDenied, "not for you");
  });
  auto news = std::make_shared<News>();
  {
    Run run(place, news);
    run.feed(0, 10);
    run.flush(1);
    news->wait_for_error();
    ck_assert(run.finish({}, kPatience).is(Code::kPermissionDenied));
    run.stop(milliseconds(500));
  }
  ck_assert_uint_eq(news->errors.size(), 1);
  // Nothing that was announced is lost.
  const uint64_t spooled = news->spooled.back().frames;
  place.frames->before("put", {});
  Cancellation cancel;
  ck_assert(drain_spool(place.settings(), {place.opener(), small_packs(), news}, cancel).is_ok());
  const CheckpointRow row = place.list(true).front();
  ck_assert_uint_ge(row.frames, spooled);
  place.check_frames(row, row.frames);
}
GST_END_TEST

GST_START_TEST(a_spool_is_for_one_pair_of_stores) {
  SpoolPlace place;
  place.set(SpoolPlace::Away::kBoth);
  auto news = std::make_shared<News>();
  {
    Run run(place, news);
    run.feed(0, 4);
    ck_assert(run.finish({}, kSoon).is_ok());
  }
  place.set(SpoolPlace::Away::kNobody);
  SpoolSettings other = place.settings();
  other.frame_store = "memory://elsewhere";
  Cancellation cancel;
  const Status refused = drain_spool(other, {place.opener(), small_packs(), news}, cancel);
  ck_assert(refused.is(Code::kInvalidArgument));
  ck_assert(refused.message().find("memory://frames") != std::string::npos);
  ck_assert_uint_eq(place.entries(), 1);
}
GST_END_TEST

GST_START_TEST(a_doubt_after_the_end_leaves_it_partial) {
  SpoolPlace place;
  place.set(SpoolPlace::Away::kBoth);
  auto news = std::make_shared<News>();
  {
    Run run(place, news);
    run.feed(0, 4);
    std::thread back([&] {
      news->wait_for_warning("can't be reached");
      news->wait_for_spooled(4);
      run.doubt("an error elsewhere");
      place.set(SpoolPlace::Away::kNobody);
    });
    run.must_finish();
    back.join();
    EQUAL(run.partial_reason().value_or(""), "an error elsewhere");
  }
  const CheckpointRow row = place.list(true).front();
  ck_assert(row.state == CheckpointState::kPartial && row.frames == 4);
}
GST_END_TEST

GST_START_TEST(a_writer_that_got_nothing_leaves_nothing) {
  SpoolPlace place;
  auto news = std::make_shared<News>();
  {
    SpooledWriter writer(place.opener(), small_packs(), place.settings(), news);
    ck_assert(writer.set_caps("video/x-raw").is_ok());
    ck_assert_uint_eq(writer.stop(milliseconds(500)), 0);
  }
  ck_assert(news->warnings.empty() && news->errors.empty());
  ck_assert_uint_eq(place.entries(), 0);
}
GST_END_TEST

static Suite *spool_suite() {
  Suite *suite = suite_create("spool");
  TCase *tc = tcase_create("spool");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_run_with_a_spool_is_as_one_without);
  tcase_add_test(tc, g07_leaky_is_for_what_comes_not_for_what_was_spooled);
  tcase_add_test(tc, stores_that_go_away_within_a_run_get_all_of_it_later);
  tcase_add_test(tc, stores_that_are_away_from_the_start_get_all_of_it_later);
  tcase_add_test(tc, what_stays_in_the_spool_is_told_and_goes_first_at_the_next_start);
  tcase_add_test(tc, a_run_that_ends_between_spool_and_stores_loses_nothing);
  tcase_add_test(tc, a_full_spool_makes_upstream_wait);
  tcase_add_test(tc, a_full_spool_at_the_end_is_a_timeout);
  tcase_add_test(tc, what_has_arrived_makes_room);
  tcase_add_test(tc, a_stage_finds_its_parent_when_both_come_from_the_spool);
  tcase_add_test(tc, what_helps_no_waiting_is_an_error);
  tcase_add_test(tc, a_spool_is_for_one_pair_of_stores);
  tcase_add_test(tc, a_doubt_after_the_end_leaves_it_partial);
  tcase_add_test(tc, a_writer_that_got_nothing_leaves_nothing);
  return suite;
}
GST_CHECK_MAIN(spool);
