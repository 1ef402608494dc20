// SPDX-License-Identifier: LGPL-2.1-or-later
#include <sys/wait.h>
#include <unistd.h>

#include <optional>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;
using std::chrono::milliseconds;

namespace {

// Another writer: of this process, which lives.
Result<Lease> try_lease(Fixture &f, const std::string &stage, const LeaseOwner &owner,
                        milliseconds ttl = kMinute, milliseconds *expires_in = nullptr,
                        const Branch &branch = {}) {
  return f.store->acquire_lease(f.job.key, branch, stage, owner, ttl, expires_in, f.cancel);
}

// Waits for an expiry by asking again.
Lease lease_after_expiry(Fixture &f, const std::string &stage, const LeaseOwner &owner) {
  for (;;) {
    Result<Lease> lease = try_lease(f, stage, owner);
    if (lease.is_ok()) return *lease;
    FAILS_WITH(Code::kBusy, lease);
    ck_assert(f.cancel.sleep_for(milliseconds(10)));
  }
}

}  // namespace

GST_START_TEST(a_held_lease_is_busy_and_says_who_holds_it) {
  Fixture f(__i__);
  LeaseOwner first = this_process();
  first.host = "camera-7";
  Lease lease = MUST(try_lease(f, "decode", first));
  ck_assert(lease.job == f.job.key && lease.stage == "decode" && lease.epoch >= 1);
  ck_assert(lease.owner.instance == first.instance);
  milliseconds expires_in{-1};
  Result<Lease> second = try_lease(f, "decode", this_process(), kMinute, &expires_in);
  FAILS_WITH(Code::kBusy, second);
  ck_assert(second.status().message().find("camera-7") != std::string::npos);
  ck_assert(second.status().message().find(std::to_string(getpid())) != std::string::npos);
  ck_assert(expires_in > milliseconds(0) && expires_in <= kMinute);
  // A holder that is seen to live here does not end by waiting.
  MUST(try_lease(f, "detect", this_process()));
  expires_in = milliseconds(0);
  FAILS_WITH(Code::kBusy, try_lease(f, "detect", this_process(), kMinute, &expires_in));
  ck_assert(expires_in == milliseconds(0));
}
GST_END_TEST

GST_START_TEST(stages_branches_and_jobs_have_leases_of_their_own) {
  Fixture f(__i__);
  MUST(try_lease(f, "decode", this_process()));
  MUST(try_lease(f, "detect", this_process()));
  MUST(try_lease(f, "decode", this_process(), kMinute, nullptr, Branch{true, ""}));
  MUST(try_lease(f, "decode", this_process(), kMinute, nullptr, Branch{true, "dim"}));
  FAILS_WITH(Code::kBusy,
             try_lease(f, "decode", this_process(), kMinute, nullptr, Branch{true, ""}));
  f.job = f.add_job("another");
  MUST(try_lease(f, "decode", this_process()));
}
GST_END_TEST

GST_START_TEST(a_released_lease_is_free_at_once) {
  Fixture f(__i__);
  Lease first = MUST(try_lease(f, "decode", this_process()));
  MUST(f.store->release_lease(first, f.cancel));
  FAILS_WITH(Code::kLeaseLost, f.store->renew_lease(first, kMinute, f.cancel));
  Lease second = MUST(try_lease(f, "decode", this_process()));
  ck_assert(second.epoch > first.epoch);
  // A lease that is lost is not touched by its former owner.
  MUST(f.store->release_lease(first, f.cancel));
  FAILS_WITH(Code::kLeaseLost, f.store->renew_lease(first, kMinute, f.cancel));
  FAILS_WITH(Code::kBusy, try_lease(f, "decode", this_process()));
  MUST(f.store->renew_lease(second, kMinute, f.cancel));
}
GST_END_TEST

GST_START_TEST(an_expired_lease_can_be_taken) {
  Fixture f(__i__);
  Lease first = MUST(try_lease(f, "decode", this_process(), milliseconds(200)));
  Lease second = lease_after_expiry(f, "decode", this_process());
  ck_assert(second.epoch > first.epoch);
  FAILS_WITH(Code::kLeaseLost, f.store->renew_lease(first, kMinute, f.cancel));
}
GST_END_TEST

GST_START_TEST(an_expired_lease_that_nobody_took_is_renewed) {
  Fixture f(__i__);
  Lease first = MUST(try_lease(f, "decode", this_process(), milliseconds(0)));
  MUST(f.store->renew_lease(first, kMinute, f.cancel));
  FAILS_WITH(Code::kBusy, try_lease(f, "decode", this_process()));
}
GST_END_TEST

GST_START_TEST(renewing_moves_the_expiry) {
  Fixture f(__i__);
  LeaseOwner elsewhere = this_process();
  elsewhere.host = "camera-7";
  Lease first = MUST(try_lease(f, "decode", elsewhere, milliseconds(1000)));
  MUST(f.store->renew_lease(first, kMinute, f.cancel));
  milliseconds expires_in{0};
  FAILS_WITH(Code::kBusy, try_lease(f, "decode", this_process(), kMinute, &expires_in));
  ck_assert(expires_in > milliseconds(30000));
}
GST_END_TEST

GST_START_TEST(the_owner_may_ask_again_when_an_answer_was_lost) {
  Fixture f(__i__);
  LeaseOwner owner = this_process();
  Lease first = MUST(try_lease(f, "decode", owner));
  Lease again = MUST(try_lease(f, "decode", owner));
  ck_assert(again.epoch > first.epoch);
  MUST(f.store->renew_lease(again, kMinute, f.cancel));
}
GST_END_TEST

GST_START_TEST(the_lease_of_a_process_that_is_gone_is_taken_at_once) {
  Fixture f(__i__);
  int ends[2];
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  ck_assert(child >= 0);
  if (child == 0) {
    uint64_t start_time = this_process().start_time;
    _exit(write(ends[1], &start_time, sizeof start_time) == sizeof start_time ? 0 : 1);
  }
  LeaseOwner gone = this_process();
  gone.pid = child;
  ck_assert(read(ends[0], &gone.start_time, sizeof gone.start_time) == sizeof gone.start_time);
  ck_assert(waitpid(child, nullptr, 0) == child);
  close(ends[0]);
  close(ends[1]);

  Lease first = MUST(try_lease(f, "decode", gone));
  Lease second = MUST(try_lease(f, "decode", this_process()));
  ck_assert(second.epoch > first.epoch);
  // The same pid, but another process.
  LeaseOwner recycled = this_process();
  recycled.start_time--;
  MUST(try_lease(f, "detect", recycled));
  MUST(try_lease(f, "detect", this_process()));
  // Nothing is known about processes of another host or an earlier boot.
  LeaseOwner elsewhere = gone;
  elsewhere.host += "-2";
  MUST(try_lease(f, "track", elsewhere));
  FAILS_WITH(Code::kBusy, try_lease(f, "track", this_process()));
  LeaseOwner earlier = gone;
  earlier.boot += "-2";
  MUST(try_lease(f, "read", earlier));
  FAILS_WITH(Code::kBusy, try_lease(f, "read", this_process()));
}
GST_END_TEST

GST_START_TEST(g21_of_many_writers_one_gets_the_lease) {
  Fixture f(__i__);
  constexpr unsigned kThreads = 8;
  std::vector<std::shared_ptr<MetadataStore>> stores;
  for (unsigned i = 0; i < kThreads; i++) stores.push_back(f.another());
  std::vector<Status> statuses(kThreads);
  run_threads(kThreads, [&](unsigned i) {
    statuses[i] = status_of(stores[i]->acquire_lease(f.job.key, Branch{}, "decode", this_process(),
                                                     kMinute, nullptr, f.cancel));
  });
  int winners = 0;
  for (const Status &status : statuses) {
    if (status.is_ok()) {
      winners++;
    } else {
      FAILS_WITH(Code::kBusy, status);
    }
  }
  ck_assert_int_eq(winners, 1);
}
GST_END_TEST

GST_START_TEST(g21_a_lost_lease_changes_nothing) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  f.commit(f.next_commit(2));
  CommitBatch late = f.next_commit(2);
  late.digests.push_back({digest_of(1), late.frames[0].payload});
  late.end = CommitBatch::End::kComplete;
  const PackKey intent = late.ready_packs[0].key;
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  const Lease old = f.lease;
  // As if the first had been stopped past its lease.
  MUST(f.store->release_lease(f.lease, f.cancel));
  std::shared_ptr<MetadataStore> other = f.another();
  Lease taken = MUST(other->acquire_lease(f.job.key, Branch{}, "decode", this_process(), kMinute,
                                          nullptr, f.cancel));

  FAILS_WITH(Code::kLeaseLost, f.store->commit(old, late, f.cancel));
  FAILS_WITH(Code::kLeaseLost,
             f.store->create_checkpoint(old, Uuid::random(), f.fields("decode"), f.cancel));
  FAILS_WITH(Code::kLeaseLost,
             f.store->create_checkpoint(old, f.checkpoint.id, f.fields("decode"), f.cancel));
  NewPack pack{Uuid::random(), f.frame_store.key, "late.pack", false};
  FAILS_WITH(Code::kLeaseLost, f.store->create_pack(old, f.checkpoint.key, pack, f.cancel));
  std::vector<PackKey> packs{intent};
  FAILS_WITH(Code::kLeaseLost, f.store->pin_packs(old, f.checkpoint.key, packs, f.cancel));
  FAILS_WITH(Code::kLeaseLost, f.store->renew_lease(old, kMinute, f.cancel));

  ck_assert(same(before, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  ck_assert_int_eq(
      static_cast<int>(MUST(f.store->read_frames({f.checkpoint.key}, f.cancel)).size()), 2);
  ck_assert(MUST(f.store->get_packs(packs, f.cancel))[0].state == PackState::kUploading);
  std::vector<Digest> digests{digest_of(1)};
  ck_assert(!MUST(f.store->find_payloads(f.job.key, f.frame_store.key, digests, f.cancel))[0]);
  // The version that was not made was not taken either.
  ck_assert_int_eq(static_cast<int>(MUST(other->create_checkpoint(taken, Uuid::random(),
                                                                  f.fields("decode"), f.cancel))
                                        .version),
                   2);
}
GST_END_TEST

void checkpoint::conformance::add_lease_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, a_held_lease_is_busy_and_says_who_holds_it, 0, stores);
  tcase_add_loop_test(tc, stages_branches_and_jobs_have_leases_of_their_own, 0, stores);
  tcase_add_loop_test(tc, a_released_lease_is_free_at_once, 0, stores);
  tcase_add_loop_test(tc, an_expired_lease_can_be_taken, 0, stores);
  tcase_add_loop_test(tc, an_expired_lease_that_nobody_took_is_renewed, 0, stores);
  tcase_add_loop_test(tc, renewing_moves_the_expiry, 0, stores);
  tcase_add_loop_test(tc, the_owner_may_ask_again_when_an_answer_was_lost, 0, stores);
  tcase_add_loop_test(tc, the_lease_of_a_process_that_is_gone_is_taken_at_once, 0, stores);
  tcase_add_loop_test(tc, g21_of_many_writers_one_gets_the_lease, 0, stores);
  tcase_add_loop_test(tc, g21_a_lost_lease_changes_nothing, 0, stores);
}
