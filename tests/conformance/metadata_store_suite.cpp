// SPDX-License-Identifier: LGPL-2.1-or-later
#include "conformance/metadata_store_suite.h"

#include <barrier>

#include "conformance/metadata_fixture.h"

namespace checkpoint::conformance {

std::vector<MetadataStoreCase> &cases() {
  static std::vector<MetadataStoreCase> list;
  return list;
}

Fixture::Fixture(int index) : Fixture(cases()[static_cast<size_t>(index)].make_place()) {}

Fixture::Fixture(std::unique_ptr<MetadataStorePlace> own) : place(std::move(own)) {
  store = another();
  frame_store = MUST(store->ensure_frame_store(Uuid::random(), "memory://frames", cancel));
  job = add_job("street");
}

std::shared_ptr<MetadataStore> Fixture::another(std::chrono::milliseconds busy_timeout) {
  std::shared_ptr<MetadataStore> made = place->make(busy_timeout);
  MUST(made->open(cancel));
  return made;
}

JobRow Fixture::add_job(const std::string &job_id) {
  IdentityKey key;
  random_bytes(key.data(), key.size());
  return MUST(store->ensure_job(job_id, Uuid::random(), key, cancel));
}

Lease Fixture::take_lease(const std::string &stage, const Branch &branch) {
  return MUST(
      store->acquire_lease(job.key, branch, stage, this_process(), kMinute, nullptr, cancel));
}

CheckpointFields Fixture::fields(const std::string &stage, const Branch &branch) const {
  CheckpointFields made;
  made.job_id = job.job_id;
  made.stage = stage;
  made.branch = branch;
  made.frames_prefix = job.job_id + "/frames/";
  return made;
}

CheckpointRow Fixture::add_checkpoint(const std::string &stage, const Branch &branch) {
  if (!lease.stage.empty()) MUST(store->release_lease(lease, cancel));
  lease = take_lease(stage, branch);
  checkpoint = MUST(store->create_checkpoint(lease, Uuid::random(), fields(stage, branch), cancel));
  commits = frames = 0;
  return checkpoint;
}

PackKey Fixture::add_pack(bool plain) {
  const Uuid uuid = Uuid::random();
  NewPack pack{uuid, frame_store.key, "street/frames/" + uuid.to_string(), plain};
  if (!plain) pack.object += ".pack";
  return MUST(store->create_pack(lease, checkpoint.key, pack, cancel));
}

CommitBatch Fixture::next_commit(uint64_t count) {
  CommitBatch batch;
  batch.checkpoint = checkpoint.key;
  batch.commit_no = ++commits;
  const PackKey pack = add_pack();
  batch.records = {pack, 4096, 100};
  batch.ready_packs.push_back({pack, 8192, std::nullopt});
  if (commits == 1) batch.caps.push_back({0, "video/x-raw, format=(string)RGB"});
  for (uint64_t i = 0; i < count; i++) batch.frames.push_back(frame_row(frames++, pack));
  batch.first_time = frames == 0 ? kNone : 0;
  batch.end_time = frames == 0 ? kNone : frames * 40000000;
  return batch;
}

void Fixture::commit(const CommitBatch &batch) { MUST(store->commit(lease, batch, cancel)); }

void Fixture::complete() {
  CommitBatch batch = next_commit(0);
  batch.end = CommitBatch::End::kComplete;
  commit(batch);
  checkpoint = MUST(store->get_checkpoint(checkpoint.id, cancel));
}

FrameRow frame_row(uint64_t index, PackKey pack) {
  FrameRow row;
  row.index = index;
  row.sequence = index;
  row.payload = {pack, index * 128, 100, 120, 0x8000000000000001 + index, Codec::kZstd};
  row.record = {pack, 4096 + index * 10, 10};
  row.pts = row.stream_time = index * 40000000;
  row.duration = 40000000;
  return row;
}

Digest digest_of(uint64_t number) {
  Digest digest{};
  for (size_t i = 0; i < 8; i++) digest[i] = static_cast<uint8_t>(number >> (8 * i));
  return digest;
}

bool same(const FrameRow &a, const FrameRow &b) {
  return a.index == b.index && a.sequence == b.sequence && a.payload == b.payload &&
         a.record == b.record && a.has_metas == b.has_metas && a.pts == b.pts && a.dts == b.dts &&
         a.duration == b.duration && a.stream_time == b.stream_time && a.offset == b.offset &&
         a.offset_end == b.offset_end && a.flags == b.flags && a.caps == b.caps;
}

bool same(const CheckpointRow &a, const CheckpointRow &b) {
  const CheckpointFields &f = a.fields, &g = b.fields;
  return a.key == b.key && a.id == b.id && a.job == b.job && a.version == b.version &&
         a.state == b.state && a.reason == b.reason && a.commit_no == b.commit_no &&
         a.frames == b.frames && a.bytes_new == b.bytes_new && a.bytes_reused == b.bytes_reused &&
         a.first_time == b.first_time && a.end_time == b.end_time && a.created_at == b.created_at &&
         a.completed_at == b.completed_at && f.job_id == g.job_id && f.stage == g.stage &&
         f.stage_index == g.stage_index && f.branch == g.branch && f.parent == g.parent &&
         f.frames_prefix == g.frames_prefix && f.stage_output_key == g.stage_output_key &&
         f.stats == g.stats && f.config_snapshot == g.config_snapshot &&
         f.config_overrides == g.config_overrides && f.config_declared == g.config_declared &&
         f.video_path == g.video_path && f.profile_name == g.profile_name &&
         f.filtered_frame_sequences == g.filtered_frame_sequences;
}

void run_threads(unsigned n, const std::function<void(unsigned)> &body) {
  std::barrier start(static_cast<std::ptrdiff_t>(n));
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < n; i++)
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      body(i);
    });
  for (std::thread &thread : threads) thread.join();
}

}  // namespace checkpoint::conformance

namespace checkpoint {

void add_metadata_store_suite(Suite *suite, std::vector<MetadataStoreCase> cases) {
  const int stores = static_cast<int>(cases.size());
  conformance::cases() = std::move(cases);
  auto add = [&](const char *name, void (*add_tests)(TCase *, int)) {
    TCase *tc = tcase_create(name);
    suite_add_tcase(suite, tc);
    add_tests(tc, stores);
  };
  add("metadata: opening and jobs", conformance::add_opening_tests);
  add("metadata: leases", conformance::add_lease_tests);
  add("metadata: writing", conformance::add_writing_tests);
  add("metadata: reading", conformance::add_reading_tests);
  add("metadata: matching", conformance::add_matching_tests);
  add("metadata: SQL", conformance::add_sql_tests);
  add("metadata: waiting", conformance::add_waiting_tests);
  add("metadata: housekeeping", conformance::add_housekeeping_tests);
}

}  // namespace checkpoint
