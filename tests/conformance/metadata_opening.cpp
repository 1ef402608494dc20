// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <optional>
#include <set>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

GST_START_TEST(the_store_keeps_its_identity) {
  Fixture f(__i__);
  const Uuid uuid = MUST(f.store->uuid(f.cancel));
  ck_assert(!uuid.is_nil());
  MUST(f.store->open(f.cancel));  // again: nothing happens
  ck_assert(MUST(f.store->uuid(f.cancel)) == uuid);
  ck_assert(MUST(f.another()->uuid(f.cancel)) == uuid);
  Fixture other(__i__);
  ck_assert(!(MUST(other.store->uuid(f.cancel)) == uuid));
}
GST_END_TEST

GST_START_TEST(g32_many_open_an_empty_place_at_once) {
  std::unique_ptr<MetadataStorePlace> place = cases()[static_cast<size_t>(__i__)].make_place();
  constexpr unsigned kThreads = 8;
  std::vector<Status> statuses(kThreads);
  std::vector<Uuid> uuids(kThreads);
  run_threads(kThreads, [&](unsigned i) {
    Cancellation cancel;
    std::shared_ptr<MetadataStore> store = place->make();
    statuses[i] = store->open(cancel);
    if (!statuses[i].is_ok()) return;
    Result<Uuid> uuid = store->uuid(cancel);
    statuses[i] = status_of(uuid);
    if (uuid.is_ok()) uuids[i] = *uuid;
  });
  for (unsigned i = 0; i < kThreads; i++) {
    MUST(statuses[i]);
    ck_assert(uuids[i] == uuids[0] && !uuids[i].is_nil());
  }
}
GST_END_TEST

GST_START_TEST(g32_version_1_migrates_with_its_rows) {
  std::unique_ptr<MetadataStorePlace> place = cases()[static_cast<size_t>(__i__)].make_place();
  if (!place->make_released(1)) return;
  // By many at once: one of them does it.
  std::vector<std::shared_ptr<MetadataStore>> stores(4);
  std::vector<Status> statuses(stores.size());
  run_threads(static_cast<unsigned>(stores.size()), [&](unsigned i) {
    Cancellation cancel;
    stores[i] = place->make();
    statuses[i] = stores[i]->open(cancel);
  });
  for (const Status &status : statuses) MUST(status);

  Cancellation cancel;
  MetadataStore &store = *stores[0];
  const auto uuid = [](char digit) {
    std::string text = "dddddddd-dddd-4ddd-8ddd-dddddddddddd";
    std::replace(text.begin(), text.end(), 'd', digit);
    return *Uuid::parse(text);
  };
  ck_assert(MUST(store.uuid(cancel)) == uuid('1'));
  const FrameStoreRow frames = MUST(store.frame_stores(cancel)).at(0);
  ck_assert(frames.uuid == uuid('2') && frames.uri == "file:///frames" && frames.has_packs);
  const JobRow job = *MUST(store.find_job("street", cancel));
  ck_assert(job.uuid == uuid('3') && job.identity_key[31] == 31);
  const CheckpointRow complete = MUST(store.get_checkpoint(uuid('4'), cancel));
  ck_assert(complete.state == CheckpointState::kComplete && complete.frames == 2);
  ck_assert(complete.fields.stats == "{\"faces\": 1}" && complete.fields.profile_name == "day");
  ck_assert(MUST(store.get_checkpoint(uuid('6'), cancel)).reason == "power cut");
  FramePage page;
  page.checkpoint = complete.key;
  const std::vector<FrameRow> rows = MUST(store.read_frames(page, cancel));
  ck_assert(rows.size() == 2 && rows[1].pts == 40000000 && rows[1].has_metas);
  ck_assert(rows[1].payload.offset == 320 && rows[1].record.offset == 4106);
  ck_assert(MUST(store.read_caps(complete.key, cancel)).size() == 1);
  ck_assert(MUST(store.read_events(complete.key, 0, kNone, 9, cancel)).size() == 1);
  const PackRow pack = MUST(store.get_packs({&rows[0].payload.pack, 1}, cancel)).at(0);
  ck_assert(pack.uuid == uuid('5') && pack.state == PackState::kReady && pack.size == 8192);
  const Digest digest = digest_of(1);
  ck_assert(MUST(store.find_payloads(job.key, frames.key, {&digest, 1}, cancel)).at(0).has_value());
  ck_assert(!place->sql()->execute("UPDATE frame SET pts = 1").is_ok());

  // It goes on where it was, and a migrated schema is what a new one is.
  const Lease lease =
      MUST(store.acquire_lease(job.key, {}, "decode", this_process(), kMinute, nullptr, cancel));
  ck_assert(lease.epoch == 3);
  CheckpointFields next = complete.fields;
  ck_assert(MUST(store.create_checkpoint(lease, Uuid::random(), next, cancel)).version == 3);
}
GST_END_TEST

GST_START_TEST(frame_stores_are_found_by_uuid) {
  Fixture f(__i__);
  const Uuid uuid = Uuid::random();
  FrameStoreRow row = MUST(f.store->ensure_frame_store(uuid, "file:///a'b", f.cancel));
  ck_assert(row.uuid == uuid);
  ck_assert(row.uri == "file:///a'b");
  ck_assert(row.key != f.frame_store.key);
  ck_assert(!row.has_packs);
  // It moved.
  FrameStoreRow moved = MUST(f.another()->ensure_frame_store(uuid, "file:///c", f.cancel));
  ck_assert(moved.key == row.key);
  ck_assert(moved.uri == "file:///c");
  std::vector<FrameStoreRow> rows = MUST(f.store->frame_stores(f.cancel));
  ck_assert_int_eq(static_cast<int>(rows.size()), 2);
  auto found = std::find_if(rows.begin(), rows.end(),
                            [&](const FrameStoreRow &r) { return r.key == row.key; });
  ck_assert(found != rows.end() && found->uri == "file:///c" && found->uuid == uuid);
}
GST_END_TEST

GST_START_TEST(g40_a_frame_store_has_packs_once_one_is_ready) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  auto has_packs = [&] { return MUST(f.store->frame_stores(f.cancel)).front().has_packs; };
  CommitBatch batch = f.next_commit(1);
  ck_assert(!has_packs());  // an intent is no pack
  f.commit(batch);
  ck_assert(has_packs());
  ck_assert(
      MUST(f.store->ensure_frame_store(f.frame_store.uuid, f.frame_store.uri, f.cancel)).has_packs);
}
GST_END_TEST

GST_START_TEST(g32_a_place_raced_for_is_one_frame_store) {
  Fixture f(__i__);
  constexpr unsigned kThreads = 8;
  std::vector<Uuid> uuids(kThreads);
  std::vector<std::shared_ptr<MetadataStore>> stores;
  for (unsigned i = 0; i < kThreads; i++) stores.push_back(i % 2 == 0 ? f.store : f.another());
  run_threads(kThreads, [&](unsigned i) {
    auto row = stores[i]->ensure_frame_store_at("file:///raced", Uuid::random(), f.cancel);
    if (row.is_ok()) uuids[i] = row->uuid;
  });
  std::vector<FrameStoreRow> rows = MUST(f.store->frame_stores(f.cancel));
  std::erase_if(rows, [](const FrameStoreRow &row) { return row.uri != "file:///raced"; });
  ck_assert_int_eq(static_cast<int>(rows.size()), 1);
  for (const Uuid &uuid : uuids) ck_assert(uuid == rows[0].uuid);
  // Of two that came to one place the first stands for it.
  MUST(f.store->ensure_frame_store(Uuid::random(), "file:///raced", f.cancel));
  FrameStoreRow first =
      MUST(f.store->ensure_frame_store_at("file:///raced", Uuid::random(), f.cancel));
  ck_assert(first.key == rows[0].key);
}
GST_END_TEST

GST_START_TEST(a_job_raced_for_is_one_job) {
  Fixture f(__i__);
  constexpr unsigned kThreads = 8;
  std::vector<std::optional<JobRow>> rows(kThreads);
  std::vector<std::shared_ptr<MetadataStore>> stores;
  for (unsigned i = 0; i < kThreads; i++) stores.push_back(i % 2 == 0 ? f.store : f.another());
  run_threads(kThreads, [&](unsigned i) {
    IdentityKey key;
    random_bytes(key.data(), key.size());
    Result<JobRow> row = stores[i]->ensure_job("raced", Uuid::random(), key, f.cancel);
    if (row.is_ok()) rows[i] = *row;
  });
  const std::optional<JobRow> stored = MUST(f.store->find_job("raced", f.cancel));
  ck_assert(stored.has_value());
  for (const std::optional<JobRow> &row : rows) {
    ck_assert(row.has_value());
    ck_assert(row->key == stored->key);
    ck_assert(row->uuid == stored->uuid);
    ck_assert(row->job_id == "raced");
    ck_assert(row->identity_key == stored->identity_key);
  }
}
GST_END_TEST

GST_START_TEST(jobs_are_listed_in_pages) {
  Fixture f(__i__);
  ck_assert(!MUST(f.store->find_job("nobody", f.cancel)).has_value());
  std::set<std::string> expected{"street"};
  for (const char *id : {"b", "a", "B", "é", "a b", "z", "10", "9"}) {
    f.add_job(id);
    expected.insert(id);
  }
  std::vector<std::string> seen;
  std::string after;
  for (;;) {
    std::vector<std::string> page = MUST(f.store->list_jobs(after, 2, f.cancel));
    ck_assert(page.size() <= 2);
    if (page.empty()) break;
    seen.insert(seen.end(), page.begin(), page.end());
    after = page.back();
  }
  // The order is that of bytes, on every machine.
  ck_assert(seen == std::vector<std::string>(expected.begin(), expected.end()));
}
GST_END_TEST

GST_START_TEST(g35_names_are_data) {
  Fixture f(__i__);
  const std::vector<std::string> names{
      "'; drop table job; --",  "\"quoted\" `and` [so] $1 ?1 :x %s %n \\",
      "../../etc/passwd",       "größe 東京 🎬 \xc2\xa0",
      " leading and trailing ", "LIKE_%",
      std::string(512, 'x')};
  for (const std::string &name : names) {
    f.job = f.add_job(name);
    ck_assert(f.job.job_id == name);
    std::optional<JobRow> found = MUST(f.store->find_job(name, f.cancel));
    ck_assert(found && found->key == f.job.key);
    f.add_checkpoint(name, Branch{true, name});
    f.complete();
    CheckpointQuery query;
    query.job_id = query.stage = name;
    query.branch = Branch{true, name};
    std::vector<CheckpointRow> rows = MUST(f.store->list_checkpoints(query, f.cancel));
    ck_assert_int_eq(static_cast<int>(rows.size()), 1);
    ck_assert(rows[0].fields.job_id == name && rows[0].fields.stage == name);
    ck_assert(rows[0].fields.branch.label == name);
    query.stage = name + "x";
    ck_assert(MUST(f.store->list_checkpoints(query, f.cancel)).empty());
  }
  ck_assert(MUST(f.store->list_jobs("", 100, f.cancel)).size() == names.size() + 1);
}
GST_END_TEST

void checkpoint::conformance::add_opening_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, the_store_keeps_its_identity, 0, stores);
  tcase_add_loop_test(tc, g32_many_open_an_empty_place_at_once, 0, stores);
  tcase_add_loop_test(tc, g32_version_1_migrates_with_its_rows, 0, stores);
  tcase_add_loop_test(tc, frame_stores_are_found_by_uuid, 0, stores);
  tcase_add_loop_test(tc, g40_a_frame_store_has_packs_once_one_is_ready, 0, stores);
  tcase_add_loop_test(tc, g32_a_place_raced_for_is_one_frame_store, 0, stores);
  tcase_add_loop_test(tc, a_job_raced_for_is_one_job, 0, stores);
  tcase_add_loop_test(tc, jobs_are_listed_in_pages, 0, stores);
  tcase_add_loop_test(tc, g35_names_are_data, 0, stores);
}
