// SPDX-License-Identifier: LGPL-2.1-or-later
// Calls that wait, and calls at once.
#include <atomic>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

struct Call {
  const char *name;
  std::function<Status(Cancellation &)> run;
};

// Every call that writes, with arguments that would work.
std::vector<Call> writing_calls(Fixture &f, CommitBatch &batch) {
  MetadataStore &store = *f.store;
  NewPack pack{Uuid::random(), f.frame_store.key, "new.pack", false};
  return {
      {"ensure_frame_store",
       [&](Cancellation &c) {
         return status_of(store.ensure_frame_store(Uuid::random(), "memory://new", c));
       }},
      {"ensure_frame_store_at",
       [&](Cancellation &c) {
         return status_of(store.ensure_frame_store_at("memory://new", Uuid::random(), c));
       }},
      {"ensure_job",
       [&](Cancellation &c) {
         return status_of(store.ensure_job("new", Uuid::random(), IdentityKey{}, c));
       }},
      {"acquire_lease",
       [&](Cancellation &c) {
         return status_of(
             store.acquire_lease(f.job.key, Branch{}, "new", this_process(), kMinute, nullptr, c));
       }},
      {"renew_lease", [&](Cancellation &c) { return store.renew_lease(f.lease, kMinute, c); }},
      {"release_lease", [&](Cancellation &c) { return store.release_lease(f.lease, c); }},
      {"create_checkpoint",
       [&](Cancellation &c) {
         return status_of(store.create_checkpoint(f.lease, Uuid::random(), f.fields("decode"), c));
       }},
      {"create_pack",
       [&, pack](Cancellation &c) {
         return status_of(store.create_pack(f.lease, f.checkpoint.key, pack, c));
       }},
      {"pin_packs",
       [&](Cancellation &c) {
         std::vector<PackKey> packs{batch.ready_packs[0].key};
         return status_of(store.pin_packs(f.lease, f.checkpoint.key, packs, c));
       }},
      {"commit", [&](Cancellation &c) { return store.commit(f.lease, batch, c); }},
  };
}

std::vector<Call> reading_calls(Fixture &f) {
  MetadataStore &store = *f.store;
  return {
      {"uuid", [&](Cancellation &c) { return status_of(store.uuid(c)); }},
      {"frame_stores", [&](Cancellation &c) { return status_of(store.frame_stores(c)); }},
      {"find_job", [&](Cancellation &c) { return status_of(store.find_job("street", c)); }},
      {"list_jobs", [&](Cancellation &c) { return status_of(store.list_jobs("", 9, c)); }},
      {"find_payloads",
       [&](Cancellation &c) {
         std::vector<Digest> digests{digest_of(1)};
         return status_of(store.find_payloads(f.job.key, f.frame_store.key, digests, c));
       }},
      {"list_checkpoints",
       [&](Cancellation &c) { return status_of(store.list_checkpoints({}, c)); }},
      {"get_checkpoint",
       [&](Cancellation &c) { return status_of(store.get_checkpoint(f.checkpoint.id, c)); }},
      {"read_caps",
       [&](Cancellation &c) { return status_of(store.read_caps(f.checkpoint.key, c)); }},
      {"read_frames",
       [&](Cancellation &c) { return status_of(store.read_frames({f.checkpoint.key}, c)); }},
      {"read_events",
       [&](Cancellation &c) { return status_of(store.read_events(f.checkpoint.key, 0, 9, 9, c)); }},
      {"read_detections",
       [&](Cancellation &c) { return status_of(store.read_detections({f.checkpoint.key}, c)); }},
      {"find_frame_at",
       [&](Cancellation &c) { return status_of(store.find_frame_at(f.checkpoint.key, 9, c)); }},
      {"get_packs",
       [&](Cancellation &c) {
         std::vector<PackKey> none;
         return status_of(store.get_packs(none, c));
       }},
  };
}

// A checkpoint with one commit, and the next commit.
CommitBatch prepare(Fixture &f) {
  f.add_checkpoint("decode");
  f.commit(f.next_commit(2));
  return f.next_commit(1);
}

}  // namespace

GST_START_TEST(g28_a_cancelled_call_does_nothing) {
  Fixture f(__i__);
  CommitBatch batch = prepare(f);
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  Cancellation cancelled;
  cancelled.cancel();
  for (const Call &call : writing_calls(f, batch)) {
    Status status = call.run(cancelled);
    ck_assert_msg(status.is(Code::kCancelled), "%s: %s", call.name, status.to_string().c_str());
  }
  for (const Call &call : reading_calls(f)) {
    Status status = call.run(cancelled);
    ck_assert_msg(status.is(Code::kCancelled), "%s: %s", call.name, status.to_string().c_str());
  }
  FAILS_WITH(Code::kCancelled, f.place->make()->open(cancelled));
  ck_assert(same(before, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  ck_assert(!MUST(f.store->find_job("new", f.cancel)).has_value());
  f.commit(batch);
}
GST_END_TEST

GST_START_TEST(g28_a_call_that_waits_for_a_lock_can_be_cancelled) {
  Fixture f(__i__);
  CommitBatch batch = prepare(f);
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  std::shared_ptr<void> lock = f.place->lock_out_writers();
  if (!lock) return;
  for (const Call &call : writing_calls(f, batch)) {
    Cancellation cancel;
    Status status;
    std::thread thread([&] { status = call.run(cancel); });
    f.place->wait_until_a_call_waits();
    // Readers don't wait for a writer.
    for (const Call &reading : reading_calls(f)) MUST(reading.run(f.cancel));
    cancel.cancel();
    thread.join();
    ck_assert_msg(status.is(Code::kCancelled), "%s: %s", call.name, status.to_string().c_str());
  }
  lock.reset();
  ck_assert(same(before, MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel))));
  f.commit(batch);
}
GST_END_TEST

GST_START_TEST(waiting_for_a_lock_has_an_end) {
  Fixture f(__i__);
  CommitBatch batch = prepare(f);
  std::shared_ptr<void> lock = f.place->lock_out_writers();
  if (!lock) return;
  f.store = f.another(std::chrono::milliseconds(30));
  for (const Call &call : writing_calls(f, batch)) {
    Status status = call.run(f.cancel);
    ck_assert_msg(status.is(Code::kBusy), "%s: %s", call.name, status.to_string().c_str());
    ck_assert_msg(status.retryable() && !status.hint().empty(), "%s", call.name);
  }
  lock.reset();
  f.commit(batch);
}
GST_END_TEST

GST_START_TEST(writers_of_many_stages_and_readers_work_side_by_side) {
  Fixture f(__i__);
  constexpr unsigned kWriters = 3, kCommits = 20, kFrames = 5;
  struct Writer {
    CheckpointRow checkpoint;
    Lease lease;
    std::vector<CommitBatch> batches;
    Status status;
  };
  std::vector<Writer> writers(kWriters);
  for (unsigned i = 0; i < kWriters; i++) {
    f.lease = Lease{};
    writers[i].checkpoint = f.add_checkpoint("stage " + std::to_string(i));
    writers[i].lease = f.lease;
    for (unsigned n = 0; n < kCommits; n++) {
      writers[i].batches.push_back(f.next_commit(kFrames));
      writers[i].batches.back().digests.push_back(
          {digest_of(i * 1000 + n), writers[i].batches.back().frames[0].payload});
    }
  }
  std::atomic<unsigned> writing{kWriters};
  Status read_status;
  bool torn = false;
  run_threads(kWriters + 1, [&](unsigned i) {
    if (i < kWriters) {
      for (const CommitBatch &batch : writers[i].batches) {
        if (!writers[i].status.is_ok()) break;
        writers[i].status = f.store->commit(writers[i].lease, batch, f.cancel);
      }
      writing--;
      return;
    }
    // What is seen is always whole commits.
    bool more = true;
    while (more && read_status.is_ok()) {
      more = writing > 0;
      for (const Writer &writer : writers) {
        Result<CheckpointRow> row = f.store->get_checkpoint(writer.checkpoint.id, f.cancel);
        FramePage page{writer.checkpoint.key, 0, false, 1000};
        Result<std::vector<FrameRow>> rows = f.store->read_frames(page, f.cancel);
        if (!row.is_ok()) read_status = row.status();
        if (!rows.is_ok()) read_status = rows.status();
        if (!read_status.is_ok()) break;
        torn = torn || rows->size() % kFrames != 0 || rows->size() < row->frames;
      }
    }
  });
  MUST(read_status);
  ck_assert(!torn);
  for (const Writer &writer : writers) {
    MUST(writer.status);
    ck_assert(MUST(f.store->get_checkpoint(writer.checkpoint.id, f.cancel)).frames ==
              kCommits * kFrames);
  }
}
GST_END_TEST

void checkpoint::conformance::add_waiting_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, g28_a_cancelled_call_does_nothing, 0, stores);
  tcase_add_loop_test(tc, g28_a_call_that_waits_for_a_lock_can_be_cancelled, 0, stores);
  tcase_add_loop_test(tc, waiting_for_a_lock_has_an_end, 0, stores);
  tcase_add_loop_test(tc, writers_of_many_stages_and_readers_work_side_by_side, 0, stores);
}
