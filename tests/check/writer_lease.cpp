// SPDX-License-Identifier: LGPL-2.1-or-later
// The writer where the metadata store is slow, locked, or gives the stage to another.
#include <unistd.h>

#include <atomic>
#include <memory>
#include <set>

#include "support/gate.h"
#include "support/pipeline.h"
#include "support/temp_dir.h"
#include "support/writer_place.h"

using namespace checkpoint;
using std::chrono::milliseconds;

namespace {
Status locked() {
  return Status(Code::kBusy, "the database is locked by another process").set_retryable();
}
WriterOptions short_lease() {
  WriterOptions options = small_packs();
  options.lease = milliseconds(300);
  return options;
}
}  // namespace

GST_START_TEST(a_store_that_is_locked_for_a_moment_is_tried_again) {
  Place place;
  News news;
  WriterStats stats;
  save(place, "decode", 10, small_packs(), news);  // something to look up and to pin
  for (const char *call : {"ensure_job", "acquire_lease", "create_checkpoint", "find_payloads",
                           "get_packs", "pin_packs", "create_pack", "commit"})
    place.metadata->fail_next(call, locked(), 2);
  save(place, "detect", 20, small_packs(), news, &stats);
  ck_assert(news.errors.empty());
  ck_assert_int_eq(news.warnings.size(), 1);
  ck_assert(news.warnings[0].message().find("locked by another process") != std::string::npos);
  ck_assert_int_eq(stats.retries, 16);
  ck_assert_int_eq(stats.frames_reused, 10);
  for (const CheckpointRow &row : place.list(false))
    place.check_frames(row, row.fields.stage == "detect" ? 20 : 10);
}
GST_END_TEST

GST_START_TEST(what_stores_try_again_by_themselves_is_told) {
  Place place;
  auto news = std::make_shared<News>();
  const Status why(Code::kUnavailable, "the server said 503", "wait for it");
  auto gate = std::make_shared<Gate>();
  place.frames->before("put", [&, gate](const FrameStoreCall &call, Cancellation &cancel) {
    if (call.number == 1)
      for (int i = 0; i < 3; i++) cancel.retried(why);
    return gate->pass(cancel);
  });
  // With the lease in use, and in the commit that completes.
  for (const char *call : {"create_pack", "commit"})
    place.metadata->before(call, [&](Cancellation &cancel) {
      cancel.retried(why);
      return Status::ok();
    });
  WriterOptions options = small_packs();
  options.pack_size = 1 << 20;
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
  writer.flush();
  gate->wait_for_arrivals(1);
  // The put is still under way.
  ck_assert_int_eq(writer.stats().retries, 4);
  gate->open();
  ck_assert(writer.finish({}, kPatience).is_ok());
  const WriterStats stats = writer.stats();
  ck_assert_int_eq(stats.retries, 3 + stats.packs + stats.commits);
  ck_assert_int_eq(news->warnings.size(), 1);
  ck_assert(news->warnings[0].is(Code::kUnavailable));
  ck_assert(news->warnings[0].message().find("the server said 503") != std::string::npos);
  ck_assert(news->warnings[0].hint() == "wait for it");
}
GST_END_TEST

GST_START_TEST(g05_a_store_that_stays_locked_is_an_error) {
  Place place;
  auto news = std::make_shared<News>();
  place.metadata->before("commit", [](Cancellation &) { return locked(); });
  CheckpointWriter writer(place.opener(), short_lease(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  ck_assert(writer.finish({}, kPatience).is(Code::kBusy));
  news->wait_for_error();
  ck_assert_int_eq(news->errors.size(), 1);
  ck_assert_int_eq(news->warnings.size(), 1);
}
GST_END_TEST

GST_START_TEST(g28_stopping_ends_the_tries) {
  Place place;
  auto news = std::make_shared<News>();
  auto gate = std::make_shared<Gate>();
  gate->open();
  place.metadata->before("create_pack", [gate](Cancellation &cancel) {
    (void)gate->pass(cancel);
    return locked();
  });
  WriterOptions options = small_packs();
  options.lease = std::chrono::hours(1);
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) ck_assert(push(writer, i).is_ok());
  gate->wait_for_arrivals(2);
  ck_assert_int_eq(writer.stop(milliseconds(0)), 10);
  ck_assert(news->errors.empty());
}
GST_END_TEST

GST_START_TEST(the_lease_is_renewed_while_a_commit_takes_long) {
  Place place;
  auto news = std::make_shared<News>();
  auto commits = std::make_shared<Gate>(), beats = std::make_shared<Gate>();
  place.metadata->before("commit",
                         [commits](Cancellation &cancel) { return commits->pass(cancel); });
  beats->open();
  place.metadata->after("renew_lease", [beats](Cancellation &c) { return beats->pass(c); });
  CheckpointWriter writer(place.opener(), short_lease(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  writer.flush();
  commits->wait_for_arrivals(1);
  beats->wait_for_arrivals(6);  // twice the lease
  commits->open();
  ck_assert(writer.finish({}, kPatience).is_ok());
  place.check_frames(place.list(false)[0], 1);
}
GST_END_TEST

GST_START_TEST(g21_a_lease_lost_while_a_commit_waits_ends_the_writer_at_once) {
  Place place;
  auto news = std::make_shared<News>();
  auto gate = std::make_shared<Gate>();
  place.metadata->before("commit", [gate](Cancellation &cancel) { return gate->pass(cancel); });
  place.metadata->before("renew_lease", [gate](Cancellation &) {
    gate->wait_for_arrivals(1);
    return Status(Code::kLeaseLost, "another writer has it");
  });
  CheckpointWriter writer(place.opener(), short_lease(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) (void)push(writer, i);
  news->wait_for_error();
  ck_assert(news->errors[0].is(Code::kLeaseLost));
  ck_assert(writer.finish({}, kPatience).is(Code::kLeaseLost));
  uint64_t before = place.metadata->calls("commit");
  gate->open();
  writer.stop(milliseconds(1000));
  ck_assert_int_eq(place.metadata->calls("commit"), before);
  ck_assert_int_eq(place.metadata->calls("release_lease"), 0);
  ck_assert_int_eq(news->errors.size(), 1);
  ck_assert(news->commits.empty());
  ck_assert_int_eq(place.list(true)[0].frames, 0);
}
GST_END_TEST

GST_START_TEST(a_lease_that_can_not_be_renewed_at_once_is_not_lost) {
  Place place;
  auto news = std::make_shared<News>();
  place.metadata->fail_next("renew_lease",
                            Status(Code::kBusy, "locked by another process").set_retryable());
  Gate renewed;
  renewed.open();
  place.metadata->after("renew_lease", [&](Cancellation &cancel) { return renewed.pass(cancel); });
  WriterOptions options = small_packs();
  options.lease = milliseconds(1500);
  CheckpointWriter writer(place.opener(), options, news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  ck_assert(push(writer, 0).is_ok());
  renewed.wait_for_arrivals(1);
  ck_assert(news->errors.empty());
  ck_assert(writer.finish({}, kPatience).is_ok());
}
GST_END_TEST

GST_START_TEST(g21_a_lost_lease_ends_the_writer) {
  Place place;
  auto news = std::make_shared<News>();
  place.metadata->fail_next("commit", Status(Code::kLeaseLost, "another writer has it"));
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 10; i++) (void)push(writer, i);
  ck_assert(writer.finish({}, kPatience).is(Code::kLeaseLost));
  news->wait_for_error();
  ck_assert_int_eq(news->errors.size(), 1);
  writer.stop(milliseconds(500));
  ck_assert_int_eq(place.list(true)[0].frames, 0);
}
GST_END_TEST

GST_START_TEST(g21_a_second_writer_is_refused_by_name) {
  Place place;
  auto news = std::make_shared<News>(), second_news = std::make_shared<News>();
  CheckpointWriter first(place.opener(), small_packs(), news);
  ck_assert(first.begin(fields("decode"), false).is_ok());
  ck_assert(push(first, 0).is_ok());
  first.flush();
  news->wait_for_commits(1);
  CheckpointWriter second(place.opener(), small_packs(), second_news);
  ck_assert(second.begin(fields("decode"), false).is_ok());
  second_news->wait_for_error();
  ck_assert(second_news->errors[0].is(Code::kBusy));
  ck_assert(second_news->errors[0].message().find(std::to_string(getpid())) != std::string::npos);
  ck_assert(first.finish({}, kPatience).is_ok());
}
GST_END_TEST

GST_START_TEST(g04_a_lost_answer_to_a_commit_stores_it_once) {
  Place place;
  News news;
  std::atomic<int> commits{0};
  place.metadata->after("commit", [&](Cancellation &) {
    return ++commits == 2 ? Status(Code::kUnknownOutcome, "connection lost") : Status::ok();
  });
  save(place, "decode", 20, small_packs(), news);
  auto all = place.list(true);
  ck_assert_int_eq(all.size(), 1);
  place.check_frames(all[0], 20);
  // Packs are put in any order, so to a repair a later one of a lower epoch would be nobody's.
  std::set<uint64_t> epochs;
  place.visit_records([&](const Record &record) {
    if (auto *head = std::get_if<CheckpointRecord>(&record)) epochs.insert(head->epoch);
  });
  ck_assert_uint_eq(epochs.size(), 1);
}
GST_END_TEST

// While the answer to a commit was lost, another writer had the stage, and is gone again.
GST_START_TEST(g22_a_lease_that_another_had_meanwhile_is_lost) {
  TempDir folder;
  const std::string database = folder.file("c.db");
  Place place("memory://frames-" + Uuid::random().to_string(), "sqlite://" + database);
  auto news = std::make_shared<News>();
  std::atomic<int> commits{0};
  place.metadata->before("commit", [&](Cancellation &cancel) -> Status {
    if (++commits != 2) return Status::ok();
    change_database(database, "UPDATE stage_lease SET expires_at = expires_at - 1");
    LeaseOwner other;
    other.host = "elsewhere";
    other.instance = Uuid::random();
    const JobRow job = **place.stores->metadata->find_job("street", cancel);
    auto taken = place.stores->metadata->acquire_lease(job.key, {}, "decode", other,
                                                       milliseconds(60000), nullptr, cancel);
    ck_assert_msg(taken.is_ok(), "%s", taken.status().to_string().c_str());
    ck_assert(place.stores->metadata->release_lease(*taken, cancel).is_ok());
    return Status(Code::kUnknownOutcome, "connection lost");
  });
  CheckpointWriter writer(place.opener(), small_packs(), news);
  ck_assert(writer.begin(fields("decode"), false).is_ok());
  for (int i = 0; i < 20; i++) (void)push(writer, i);
  ck_assert(writer.finish({}, kPatience).is(Code::kLeaseLost));
  news->wait_for_error();
  ck_assert_int_eq(news->errors.size(), 1);
}
GST_END_TEST

static Suite *writer_lease_suite() {
  Suite *suite = suite_create("writer_lease");
  TCase *tc = tcase_create("writer_lease");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_store_that_is_locked_for_a_moment_is_tried_again);
  tcase_add_test(tc, what_stores_try_again_by_themselves_is_told);
  tcase_add_test(tc, g05_a_store_that_stays_locked_is_an_error);
  tcase_add_test(tc, g28_stopping_ends_the_tries);
  tcase_add_test(tc, the_lease_is_renewed_while_a_commit_takes_long);
  tcase_add_test(tc, g21_a_lease_lost_while_a_commit_waits_ends_the_writer_at_once);
  tcase_add_test(tc, a_lease_that_can_not_be_renewed_at_once_is_not_lost);
  tcase_add_test(tc, g21_a_lost_lease_ends_the_writer);
  tcase_add_test(tc, g21_a_second_writer_is_refused_by_name);
  tcase_add_test(tc, g22_a_lease_that_another_had_meanwhile_is_lost);
  tcase_add_test(tc, g04_a_lost_answer_to_a_commit_stores_it_once);
  return suite;
}
GST_CHECK_MAIN(writer_lease);
