// SPDX-License-Identifier: LGPL-2.1-or-later
// How the writer's checkpoints end: completely, in doubt, too late, or stopped.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <thread>

#include "support/gate.h"
#include "support/writer_place.h"

using namespace checkpoint;
using std::chrono::milliseconds;

GST_START_TEST(g05_an_end_that_takes_too_long_is_an_error) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  place.frames->before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  ck_assert(writer.finish({}, milliseconds(20)).is(Code::kTimeout));
  news->wait_for_error();
  ck_assert_int_eq(news->errors.size(), 1);
  ck_assert(place.list(false).empty());
}
GST_END_TEST

GST_START_TEST(g05_an_end_that_takes_too_long_says_which_store_it_was) {
  for (const bool over : {false, true}) {
    Place place;
    auto news = std::make_shared<News>();
    Gate gate;
    // Trouble that is over by then is not to blame.
    place.frames->before("put", [&](const FrameStoreCall &call, Cancellation &cancel) {
      if (call.number == 1)
        cancel.retried(Status(Code::kUnavailable, "s3://films: no byte moved", "is it full?"));
      return over && call.number == 1 ? Status::ok() : gate.pass(cancel);
    });
    CheckpointWriter writer(place.opener(), small_packs(), news);
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    ck_assert(push(writer, 0).is_ok());
    writer.flush();
    if (over) news->wait_for_commits(1);
    ck_assert(push(writer, 1).is_ok());
    gate.wait_for_arrivals(over ? 0 : 1);
    const Status late = writer.finish({}, milliseconds(20));
    ck_assert(late.is(Code::kTimeout));
    ck_assert((late.message().find("s3://films: no byte moved") != std::string::npos) == !over);
    ck_assert((late.hint() == "is it full?") == !over);
  }
}
GST_END_TEST

GST_START_TEST(g05_nothing_becomes_complete_after_an_error) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  std::atomic<int> commits{0};
  // The database does not answer in time, and is there again a moment later.
  place.metadata->before("commit", [&](Cancellation &cancel) {
    return ++commits == 1 ? gate.pass(cancel) : Status::ok();
  });
  {
    CheckpointWriter writer(place.opener(), small_packs(), news);
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    ck_assert(push(writer, 0).is_ok());
    ck_assert(writer.finish({}, milliseconds(500)).is(Code::kTimeout));
  }
  ck_assert_int_eq(news->errors.size(), 1);
  for (const CommitInfo &info : news->commits) ck_assert(!info.complete);
  ck_assert(place.list(false).empty());
  auto all = place.list(true);
  ck_assert(all[0].reason.find("500 ms") != std::string::npos);
  place.check_frames(all[0], all[0].frames);
}
GST_END_TEST

GST_START_TEST(g05_a_commit_that_is_late_and_succeeds_is_no_error) {
  Place place;
  auto news = std::make_shared<News>();
  // It is durable, but the answer comes only when the writer calls the commit back.
  auto gate = std::make_shared<Gate>();
  place.metadata->after("commit", [gate](Cancellation &cancel) {
    (void)gate->pass(cancel);
    return Status::ok();
  });
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  std::thread stream([&] { ck_assert(writer.finish({}, milliseconds(100)).is_ok()); });
  gate->wait_for_arrivals(1);
  stream.join();
  ck_assert(news->errors.empty() && !writer.partial_reason());
  ck_assert(news->commits.back().complete);
  place.check_frames(place.list(false)[0], 1);
}
GST_END_TEST

GST_START_TEST(g19_a_doubt_while_the_last_commit_is_under_way_leaves_it_partial) {
  // Before the commit, in it, and after it.
  for (int when = 0; when < 3; when++) {
    Place place;
    auto news = std::make_shared<News>();
    auto gate = std::make_shared<Gate>();
    if (when == 0) {
      place.frames->before("put", [gate](const FrameStoreCall &, Cancellation &cancel) {
        return gate->pass(cancel);
      });
    } else if (when == 1) {
      place.metadata->before("commit", [gate](Cancellation &cancel) { return gate->pass(cancel); });
    } else {
      place.metadata->before("release_lease",
                             [gate](Cancellation &cancel) { return gate->pass(cancel); });
    }
    CheckpointWriter writer(place.opener(), small_packs(), news);
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    ck_assert(push(writer, 0).is_ok());
    std::thread stream([&] { ck_assert(writer.finish({}, kPatience).is_ok()); });
    gate->wait_for_arrivals(1);
    writer.doubt("an element failed: identity0");
    gate->open();
    stream.join();
    ck_assert(news->errors.empty());
    auto all = place.list(true);
    place.check_frames(all[0], 1);
    ck_assert((all[0].state == CheckpointState::kComplete) == (when == 2));
    if (when == 2) continue;
    ck_assert(all[0].reason == "an element failed: identity0");
    ck_assert(writer.partial_reason() == "an element failed: identity0");
    // The packs say the same: only the last commit's word counts, and it is not "complete".
    ck_assert(!place.last_record_says_complete());
  }
}
GST_END_TEST

GST_START_TEST(g28_stopping_has_one_deadline_on_a_dead_disk) {
  for (const char *call : {"commit", "create_pack"}) {
    Place place;
    auto news = std::make_shared<News>();
    auto gate = std::make_shared<Gate>();
    // The kernel holds the thread, whatever is cancelled.
    place.metadata->before(call, [gate](Cancellation &) {
      Cancellation none;
      return gate->pass(none);
    });
    auto begin = std::chrono::steady_clock::now();
    {
      CheckpointWriter writer(place.opener(), small_packs(), news);
      ck_assert(writer.begin(fields("decode"), false).is_ok());
      for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
      gate->wait_for_arrivals(1);
      begin = std::chrono::steady_clock::now();
      ck_assert_int_eq(writer.stop(milliseconds(400)), 10);
    }
    // Without one deadline: 400 for the frames, 250 for noting why, 2000 for the threads.
    ck_assert(std::chrono::steady_clock::now() - begin < milliseconds(2000));
    // What was left behind ends by itself, and the next writer of this process waits for that.
    gate->open();
    News next;
    save(place, "decode", 3, small_packs(), next);
    place.check_frames(place.list(false)[0], 3);
  }
}
GST_END_TEST

GST_START_TEST(g32_a_writer_that_shared_frames_of_a_stopped_one_says_so) {
  Place place;
  auto news_a = std::make_shared<News>(), news_b = std::make_shared<News>();
  auto gate_a = std::make_shared<Gate>(), gate_b = std::make_shared<Gate>();
  std::atomic<int> puts{0};
  place.frames->before("put", [&](const FrameStoreCall &, Cancellation &cancel) {
    return (++puts == 1 ? gate_a : gate_b)->pass(cancel);
  });
  CheckpointWriter a(place.opener(), small_packs(), news_a);
  ck_assert(a.begin(fields("a"), false).is_ok());
  for (int i = 0; i < 4; i++) ck_assert(push(a, i).is_ok());
  gate_a->wait_for_arrivals(1);
  CheckpointWriter b(place.opener(), small_packs(), news_b);
  ck_assert(b.begin(fields("b"), false).is_ok());
  for (int i = 0; i < 4; i++) ck_assert(push(b, i).is_ok());
  std::thread stream([&] { ck_assert(!b.finish({}, kPatience).is_ok()); });
  gate_b->wait_for_arrivals(1);  // its records, which point at the pack that a puts
  ck_assert_int_eq(a.stop(milliseconds(10)), 4);
  gate_b->open();
  stream.join();
  news_b->wait_for_error();
  ck_assert_int_eq(news_b->errors.size(), 1);
  ck_assert(news_b->errors[0].is(Code::kUnavailable));
  ck_assert(news_b->errors[0].message().find("was stopped before") != std::string::npos);
  for (const CheckpointRow &row : place.list(true))
    ck_assert(row.state == CheckpointState::kPartial && row.frames == 0);
}
GST_END_TEST

GST_START_TEST(g19_a_reason_to_doubt_leaves_it_partial) {
  Place place;
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
  ck_assert(writer.finish("an element failed: identity0", kPatience).is_ok());
  ck_assert(place.list(false).empty());
  auto all = place.list(true);
  ck_assert(all[0].reason == "an element failed: identity0");
  place.check_frames(all[0], 10);
}
GST_END_TEST

GST_START_TEST(g28_stopping_returns_while_the_store_is_blocked) {
  Place place;
  auto news = std::make_shared<News>();
  Gate gate;
  place.frames->before(
      "put", [&](const FrameStoreCall &, Cancellation &cancel) { return gate.pass(cancel); });
  {
    CheckpointWriter writer(place.opener(), small_packs(), news);
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
    gate.wait_for_arrivals(1);
    ck_assert_int_eq(writer.stop(milliseconds(10)), 10);
  }
  ck_assert(news->errors.empty());
  auto all = place.list(true);
  ck_assert_int_eq(all.size(), 1);
  ck_assert(all[0].state == CheckpointState::kPartial && all[0].frames == 0);
  // The lease was given back: the next writer does not wait.
  gate.open();
  News next;
  save(place, "decode", 3, small_packs(), next);
}
GST_END_TEST

GST_START_TEST(stopping_makes_durable_what_there_is_time_for) {
  Place place;
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), WriterOptions{}, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
  ck_assert_int_eq(writer.stop(kPatience), 0);
  auto all = place.list(true);
  ck_assert(all[0].state == CheckpointState::kPartial);
  ck_assert(all[0].reason == "stopped before the end of the stream");
  place.check_frames(all[0], 10);
}
GST_END_TEST

GST_START_TEST(a_frame_after_the_end_is_refused) {
  Place place;
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  ck_assert(writer.finish({}, kPatience).is_ok());
  ck_assert(push(writer, 1).is(Code::kInternal));
  place.check_frames(place.list(false)[0], 1);
}
GST_END_TEST

GST_START_TEST(a_partial_end_keeps_what_came_after_the_last_frame) {
  for (bool with_frame : {true, false}) {
    Place place;
    auto news = std::make_shared<News>();
    CheckpointWriter writer(place.opener(), small_packs(), news);
    ck_assert(writer.set_caps("video/x-raw").is_ok());
    ck_assert(writer.begin(fields("decode"), false).is_ok());
    if (with_frame) ck_assert(push(writer, 0).is_ok());
    ck_assert(writer.set_caps("video/x-raw,width=8").is_ok());
    ck_assert(writer.push_event("tag", Bytes(3)).is_ok());
    ck_assert(writer.finish("an element failed: identity0", kPatience).is_ok());
    auto all = place.list(true);
    ck_assert(all[0].state == CheckpointState::kPartial);
    Cancellation cancel;
    auto events = place.metadata->read_events(all[0].key, 0, 10, 10, cancel);
    ck_assert(events.is_ok() && events->size() == 1);
    ck_assert(events->front().type == "tag" && events->front().index == (with_frame ? 1 : 0));
    auto caps = place.metadata->read_caps(all[0].key, cancel);
    ck_assert(caps.is_ok() && caps->size() == 2);
  }
}
GST_END_TEST

GST_START_TEST(g08_after_an_error_no_buffer_is_held) {
  Place place;
  auto news = std::make_shared<News>();
  auto gate = std::make_shared<Gate>();
  place.metadata->before("find_payloads", [gate](Cancellation &cancel) {
    CHECKPOINT_RETURN_IF_ERROR(gate->pass(cancel));
    return Status(Code::kUnavailable, "the database is gone");
  });
  std::atomic<int> alive{0};
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) ck_assert(push(writer, i, true, &alive).is_ok());
  gate->wait_for_arrivals(1);
  ck_assert_int_eq(alive, 10);
  gate->open();
  while (alive != 0) std::this_thread::yield();
  ck_assert(push(writer, 11, true, &alive).is(Code::kUnavailable));
  ck_assert_int_eq(alive, 0);
  while (writer.stats().queued_frames != 0) std::this_thread::yield();
}
GST_END_TEST

GST_START_TEST(g07_events_without_frames_are_bounded_and_kept) {
  constexpr size_t kEvents = 600, kSize = 64 << 10;
  Place place;
  auto news = std::make_shared<News>();
  auto gate = std::make_shared<Gate>();
  place.metadata->before("commit", [gate](Cancellation &cancel) { return gate->pass(cancel); });
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  std::atomic<size_t> pushed{0};
  std::thread stream([&] {
    for (size_t i = 0; i < kEvents; i++) {
      Bytes body(kSize);
      body[0] = static_cast<std::byte>(i);
      ck_assert(writer.push_event("tag", std::move(body)).is_ok());
      pushed++;
    }
  });
  gate->wait_for_arrivals(1);  // although there is no frame
  ck_assert_int_le(pushed * kSize, 8 << 20);
  gate->open();
  stream.join();
  ck_assert(push(writer, 0).is_ok());
  ck_assert(writer.push_event("last", Bytes(1)).is_ok());
  ck_assert(writer.finish({}, kPatience).is_ok());
  Cancellation cancel;
  auto all = place.list(false);
  auto events = place.metadata->read_events(all[0].key, 0, 10, 1000, cancel);
  ck_assert(events.is_ok());
  ck_assert_int_eq(events->size(), kEvents + 1);
  for (size_t i = 0; i < kEvents; i++) {
    const EventRow &event = (*events)[i];
    ck_assert(event.index == 0 && event.ordinal == i);
    ck_assert(event.body[0] == static_cast<std::byte>(i));
  }
  ck_assert(events->back().index == 1 && events->back().ordinal == 0);
  place.check_frames(all[0], 1);
}
GST_END_TEST

GST_START_TEST(events_that_no_frame_follows_are_an_error_at_last) {
  Place place;
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), small_packs(), news);
  Status status;
  for (int i = 0; i < 100 && status.is_ok(); i++) status = writer.push_event("tag", Bytes(1 << 20));
  ck_assert(status.is(Code::kNoSpace));
}
GST_END_TEST

#ifndef __SANITIZE_ADDRESS__  // which takes address space as it likes
GST_START_TEST(g03_no_memory_for_a_frame_is_an_error) {
  constexpr size_t kLarge = 200 << 20;
  Place place;
  auto news = std::make_shared<News>();
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  ck_assert(writer.flush());
  news->wait_for_commits(1);
  std::unique_ptr<FrameInput> large = std::make_unique<FakeFrame>(frame_bytes(1, kLarge));
  // What there is already, and not enough besides.
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  statm >> pages;
  const uint64_t room = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) + kLarge / 2;
  const rlimit limit{room, RLIM_INFINITY};
  ck_assert(setrlimit(RLIMIT_AS, &limit) == 0);
  ck_assert(writer.push(large, {}, {}).is_ok());
  news->wait_for_error();
  ck_assert(news->errors[0].is(Code::kNoSpace));
  ck_assert(news->errors[0].message().find("no memory for a frame") != std::string::npos);
  ck_assert(!writer.finish({}, kPatience).is_ok());
  writer.stop(milliseconds(500));
  ck_assert_uint_eq(place.list(true)[0].frames, 1);
  place.check_frames(place.list(true)[0], 1);
}
GST_END_TEST
#endif

static Suite *writer_end_suite() {
  Suite *suite = suite_create("writer_end");
  TCase *tc = tcase_create("writer_end");
  suite_add_tcase(suite, tc);
#ifndef __SANITIZE_ADDRESS__
  tcase_add_test(tc, g03_no_memory_for_a_frame_is_an_error);
#endif
  tcase_add_test(tc, g05_an_end_that_takes_too_long_is_an_error);
  tcase_add_test(tc, g05_an_end_that_takes_too_long_says_which_store_it_was);
  tcase_add_test(tc, g05_nothing_becomes_complete_after_an_error);
  tcase_add_test(tc, g05_a_commit_that_is_late_and_succeeds_is_no_error);
  tcase_add_test(tc, g19_a_doubt_while_the_last_commit_is_under_way_leaves_it_partial);
  tcase_add_test(tc, g28_stopping_has_one_deadline_on_a_dead_disk);
  tcase_add_test(tc, g32_a_writer_that_shared_frames_of_a_stopped_one_says_so);
  tcase_add_test(tc, g19_a_reason_to_doubt_leaves_it_partial);
  tcase_add_test(tc, g28_stopping_returns_while_the_store_is_blocked);
  tcase_add_test(tc, stopping_makes_durable_what_there_is_time_for);
  tcase_add_test(tc, a_frame_after_the_end_is_refused);
  tcase_add_test(tc, a_partial_end_keeps_what_came_after_the_last_frame);
  tcase_add_test(tc, g08_after_an_error_no_buffer_is_held);
  tcase_add_test(tc, g07_events_without_frames_are_bounded_and_kept);
  tcase_add_test(tc, events_that_no_frame_follows_are_an_error_at_last);
  return suite;
}
GST_CHECK_MAIN(writer_end);
