// SPDX-License-Identifier: LGPL-2.1-or-later
#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;

namespace {

std::optional<PayloadRef> find(Fixture &f, const Digest &digest) {
  std::vector<Digest> digests{digest};
  return MUST(f.store->find_payloads(f.job.key, f.frame_store.key, digests, f.cancel))[0];
}

PackState state_of(Fixture &f, PackKey pack) {
  std::vector<PackKey> packs{pack};
  return MUST(f.store->get_packs(packs, f.cancel))[0].state;
}

// As the collector does; false where the store's tables can't be reached.
bool condemn(Fixture &f, PackKey pack) {
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  if (!sql) return false;
  MUST(sql->execute("UPDATE pack SET state = 'condemned' WHERE key = " + std::to_string(pack)));
  ck_assert(state_of(f, pack) == PackState::kCondemned);
  return true;
}

std::vector<FrameRow> frames_of(Fixture &f) {
  FramePage page;
  page.checkpoint = f.checkpoint.key;
  page.limit = 1000;
  return MUST(f.store->read_frames(page, f.cancel));
}

// Nothing of `batch` is there.
void check_untouched(Fixture &f, const CommitBatch &batch, const CheckpointRow &before,
                     const char *what) {
  ck_assert_msg(same(before, MUST(f.store->get_checkpoint(before.id, f.cancel))), "%s", what);
  ck_assert_msg(frames_of(f).size() == before.frames, "%s", what);
  ck_assert_msg(MUST(f.store->read_events(before.key, before.frames, kNone, 100, f.cancel)).empty(),
                "%s", what);
  for (const NewDigest &digest : batch.digests)
    ck_assert_msg(!find(f, digest.digest).has_value(), "%s", what);
}

}  // namespace

GST_START_TEST(g17_versions_count_per_stage_and_branch_and_are_never_given_again) {
  Fixture f(__i__);
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode").version), 1);
  f.complete();
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode").version), 2);
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode").version), 3);
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode", Branch{true, ""}).version), 1);
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode", Branch{true, "x"}).version), 1);
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("detect").version), 1);
  if (std::unique_ptr<SqlAccess> sql = f.place->sql())
    MUST(sql->execute("DELETE FROM checkpoint WHERE version = 3"));
  ck_assert_int_eq(static_cast<int>(f.add_checkpoint("decode").version), 4);
}
GST_END_TEST

GST_START_TEST(a_checkpoint_is_made_once_per_id) {
  Fixture f(__i__);
  f.lease = f.take_lease("decode");
  const Uuid id = Uuid::random();
  CheckpointRow first = MUST(f.store->create_checkpoint(f.lease, id, f.fields("decode"), f.cancel));
  CheckpointRow again = MUST(f.store->create_checkpoint(f.lease, id, f.fields("decode"), f.cancel));
  ck_assert(same(first, again));
  ck_assert(first.id == id && first.state == CheckpointState::kPartial);
  ck_assert(first.commit_no == 0 && first.frames == 0 && first.created_at > 1500000000000);
  ck_assert(first.first_time == kNone && first.end_time == kNone && first.completed_at == 0);
  FAILS_WITH(Code::kInvalidArgument,
             f.store->create_checkpoint(f.lease, Uuid::random(), f.fields("detect"), f.cancel));
  FAILS_WITH(Code::kInvalidArgument,
             f.store->create_checkpoint(f.lease, Uuid::random(),
                                        f.fields("decode", Branch{true, ""}), f.cancel));
  CheckpointFields other_job = f.fields("decode");
  other_job.job_id = "another";
  FAILS_WITH(Code::kInvalidArgument,
             f.store->create_checkpoint(f.lease, Uuid::random(), other_job, f.cancel));
  CheckpointRow next =
      MUST(f.store->create_checkpoint(f.lease, Uuid::random(), f.fields("decode"), f.cancel));
  ck_assert_int_eq(static_cast<int>(next.version), 2);
}
GST_END_TEST

GST_START_TEST(g14_every_field_comes_back) {
  Fixture f(__i__);
  const Branch branch{true, "what if"};
  f.lease = f.take_lease("detect", branch);
  CheckpointFields given = f.fields("detect", branch);
  given.stage_index = -7;
  given.parent = Uuid::random();
  given.frames_prefix = "street/frames/";
  given.stage_output_key = "out/größe.json";
  given.stats = R"({"faces": 3, "text": "a'b\"c\\"})";
  given.config_snapshot = R"({"a": [1, 2.5, null]})";
  given.config_overrides = R"({"threshold": 0.25})";
  given.config_declared = R"({ "spaces" :  "kept" })";
  given.video_path = "/data/it's a film.mp4";
  given.profile_name = "night";
  given.filtered_frame_sequences = std::vector<uint64_t>{0, 5, INT64_MAX, kNone, 3};
  const Uuid id = Uuid::random();
  CheckpointRow made = MUST(f.store->create_checkpoint(f.lease, id, given, f.cancel));
  CheckpointRow row = MUST(f.another()->get_checkpoint(id, f.cancel));
  ck_assert(same(made, row));
  CheckpointRow expected = row;
  expected.fields = given;
  ck_assert(same(expected, row));
  // An empty list is a list.
  given.filtered_frame_sequences = std::vector<uint64_t>{};
  row = MUST(f.store->create_checkpoint(f.lease, Uuid::random(), given, f.cancel));
  ck_assert(row.fields.filtered_frame_sequences.has_value());
  ck_assert(row.fields.filtered_frame_sequences->empty());
}
GST_END_TEST

GST_START_TEST(g13_frames_caps_and_events_come_back_bit_for_bit) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(3);
  FrameRow &all = batch.frames[1];
  all.sequence = kNone - 1;
  all.payload = {batch.frames[0].payload.pack,
                 UINT64_MAX,
                 uint64_t{1} << 63,
                 UINT64_MAX - 1,
                 UINT64_MAX,
                 Codec::kLz4,
                 Content::kPng};
  all.record = {batch.frames[0].payload.pack, UINT64_MAX - 2, UINT64_MAX - 3};
  all.has_metas = true;
  all.pts = kNone - 1;
  all.dts = uint64_t{1} << 63;
  all.duration = 0;
  all.stream_time = INT64_MAX;
  all.offset = 0;
  all.offset_end = kNone - 5;
  all.flags = UINT32_MAX;
  all.caps = UINT32_MAX;
  FrameRow &none = batch.frames[2];
  none = FrameRow{};
  none.index = 2;
  batch.caps = {{0, "video/x-raw"}, {UINT32_MAX, "video/x-raw, title=(string)\"größe; ' \""}};
  Bytes body;
  for (int i = 0; i < 300; i++) body.push_back(static_cast<std::byte>(i));
  batch.events = {{0, 0, "segment", body}, {0, 1, "tag", {}}, {3, 0, "custom", body}};
  f.commit(batch);

  std::vector<FrameRow> frames = frames_of(f);
  ck_assert_int_eq(static_cast<int>(frames.size()), 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert_msg(same(frames[i], batch.frames[i]), "frame %d", static_cast<int>(i));
  std::vector<CapsRow> caps = MUST(f.store->read_caps(f.checkpoint.key, f.cancel));
  ck_assert_int_eq(static_cast<int>(caps.size()), 2);
  for (size_t i = 0; i < 2; i++)
    ck_assert(caps[i].number == batch.caps[i].number && caps[i].caps == batch.caps[i].caps);
  std::vector<EventRow> events = MUST(f.store->read_events(f.checkpoint.key, 0, 4, 10, f.cancel));
  ck_assert_int_eq(static_cast<int>(events.size()), 3);
  for (size_t i = 0; i < 3; i++)
    ck_assert(events[i].index == batch.events[i].index &&
              events[i].ordinal == batch.events[i].ordinal &&
              events[i].type == batch.events[i].type && events[i].body == batch.events[i].body);
}
GST_END_TEST

GST_START_TEST(commits_add_up) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch first = f.next_commit(2);
  first.bytes_new = 100;
  first.bytes_reused = 7;
  f.commit(first);
  CommitBatch second = f.next_commit(3);
  second.bytes_new = 20;
  second.bytes_reused = 1;
  second.end = CommitBatch::End::kPartial;
  second.reason = "the source failed";
  f.commit(second);
  CheckpointRow row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  ck_assert(row.state == CheckpointState::kPartial && row.reason == "the source failed");
  ck_assert(row.commit_no == 2 && row.frames == 5);
  ck_assert(row.bytes_new == 120 && row.bytes_reused == 8);
  ck_assert(row.first_time == 0 && row.end_time == 200000000 && row.completed_at == 0);
  // Resumed.
  CommitBatch third = f.next_commit(1);
  third.end = CommitBatch::End::kComplete;
  third.stats = R"({"frames": 6})";
  f.commit(third);
  row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  ck_assert(row.state == CheckpointState::kComplete && row.reason.empty());
  ck_assert(row.commit_no == 3 && row.frames == 6 && row.fields.stats == R"({"frames": 6})");
  ck_assert(row.completed_at >= row.created_at);
}
GST_END_TEST

GST_START_TEST(g16_an_empty_checkpoint_is_legal) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch batch;
  batch.checkpoint = f.checkpoint.key;
  batch.commit_no = 1;
  batch.end = CommitBatch::End::kComplete;
  f.commit(batch);
  CheckpointRow row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  ck_assert(row.state == CheckpointState::kComplete && row.frames == 0 && row.first_time == kNone);
  ck_assert(frames_of(f).empty());
  ck_assert(!MUST(f.store->find_frame_at(row.key, 0, f.cancel)).has_value());
}
GST_END_TEST

GST_START_TEST(a_commit_out_of_order_is_refused) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  f.commit(f.next_commit(2));
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  const CommitBatch good = f.next_commit(2);
  auto refused = [&](const char *what, const std::function<void(CommitBatch &)> &spoil) {
    CommitBatch batch = good;
    batch.digests.push_back({digest_of(1), batch.frames[0].payload});
    batch.events.push_back({2, 0, "tag", {}});
    spoil(batch);
    FAILS_WITH(Code::kInvalidArgument, f.store->commit(f.lease, batch, f.cancel));
    check_untouched(f, batch, before, what);
  };
  refused("commit made already", [](CommitBatch &b) { b.commit_no = 1; });
  refused("commit too early", [](CommitBatch &b) { b.commit_no = 3; });
  refused("frame there already", [](CommitBatch &b) { b.frames[0].index = 1; });
  refused("gap", [](CommitBatch &b) { b.frames[1].index = 4; });
  refused("frame left out", [](CommitBatch &b) { b.frames.erase(b.frames.begin()); });
  refused("pack not stored", [](CommitBatch &b) { b.ready_packs.clear(); });
  refused("unknown checkpoint", [](CommitBatch &b) { b.checkpoint += 1000; });
  f.commit(good);
  // Once it is complete there is no next commit.
  f.complete();
  CommitBatch after;
  after.checkpoint = f.checkpoint.key;
  after.commit_no = f.commits + 1;
  FAILS_WITH(Code::kInvalidArgument, f.store->commit(f.lease, after, f.cancel));
}
GST_END_TEST

GST_START_TEST(a_commit_is_all_or_nothing) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  f.commit(f.next_commit(1));
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  CommitBatch batch = f.next_commit(2);
  const PackKey pack = batch.ready_packs[0].key;
  batch.digests.push_back({digest_of(1), batch.frames[0].payload});
  // Two events at one place: found out after the frames were written.
  batch.events = {{1, 0, "tag", {}}, {1, 0, "tag", {}}};
  ck_assert(!f.store->commit(f.lease, batch, f.cancel).is_ok());
  check_untouched(f, batch, before, "events");
  ck_assert(state_of(f, pack) == PackState::kUploading);
  batch.events.pop_back();
  f.commit(batch);
  ck_assert(state_of(f, pack) == PackState::kReady);
  ck_assert_int_eq(static_cast<int>(frames_of(f).size()), 3);
  ck_assert(find(f, digest_of(1)).has_value());
}
GST_END_TEST

GST_START_TEST(packs_are_known_from_their_intent_on) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  NewPack intent{Uuid::random(), f.frame_store.key, "street/frames/a'b", true};
  const PackKey key = MUST(f.store->create_pack(f.lease, f.checkpoint.key, intent, f.cancel));
  // The answer was lost.
  ck_assert(key == MUST(f.store->create_pack(f.lease, f.checkpoint.key, intent, f.cancel)));
  std::vector<PackKey> keys{key};
  PackRow row = MUST(f.store->get_packs(keys, f.cancel))[0];
  ck_assert(row.key == key && row.uuid == intent.uuid && row.frame_store == f.frame_store.key);
  ck_assert(row.object == intent.object && row.plain && row.state == PackState::kUploading);
  // An object has one pack.
  NewPack thief = intent;
  thief.uuid = Uuid::random();
  FAILS_WITH(Code::kAlreadyExists,
             f.store->create_pack(f.lease, f.checkpoint.key, thief, f.cancel));

  CommitBatch batch;
  batch.checkpoint = f.checkpoint.key;
  batch.commit_no = 1;
  std::array<uint8_t, 32> sha256;
  random_bytes(sha256.data(), sha256.size());
  batch.ready_packs.push_back({key, uint64_t{1} << 40, sha256});
  f.commit(batch);
  row = MUST(f.store->get_packs(keys, f.cancel))[0];
  ck_assert(row.state == PackState::kReady && row.size == uint64_t{1} << 40);
  ck_assert(row.sha256 == sha256);
  // A complete checkpoint takes no more.
  f.commits = 1;
  f.complete();
  intent.uuid = Uuid::random();
  intent.object += "2";
  FAILS_WITH(Code::kInvalidArgument,
             f.store->create_pack(f.lease, f.checkpoint.key, intent, f.cancel));
}
GST_END_TEST

GST_START_TEST(g15_payloads_are_found_by_their_digest) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch first = f.next_commit(3);
  for (uint64_t i = 0; i < 3; i++)
    first.digests.push_back({digest_of(100 - i), first.frames[i].payload});
  ck_assert(!find(f, digest_of(100)).has_value());
  f.commit(first);
  std::vector<Digest> asked{digest_of(99), digest_of(1), digest_of(100), digest_of(99)};
  auto found = MUST(f.store->find_payloads(f.job.key, f.frame_store.key, asked, f.cancel));
  ck_assert_int_eq(static_cast<int>(found.size()), 4);
  ck_assert(found[0] == first.frames[1].payload);
  ck_assert(!found[1].has_value());
  ck_assert(found[2] == first.frames[0].payload);
  ck_assert(found[3] == first.frames[1].payload);
  std::vector<Digest> nothing;
  ck_assert(MUST(f.store->find_payloads(f.job.key, f.frame_store.key, nothing, f.cancel)).empty());

  // One that is known is skipped: the first payload stays.
  CommitBatch second = f.next_commit(1);
  second.digests = {{digest_of(99), second.frames[0].payload},
                    {digest_of(5), second.frames[0].payload}};
  f.commit(second);
  ck_assert(find(f, digest_of(99)) == first.frames[1].payload);
  ck_assert(find(f, digest_of(5)) == second.frames[0].payload);

  // Neither jobs nor frame stores share payloads.
  JobRow other = f.add_job("another");
  ck_assert(!MUST(f.store->find_payloads(other.key, f.frame_store.key, asked, f.cancel))[0]);
  FrameStoreRow elsewhere =
      MUST(f.store->ensure_frame_store(Uuid::random(), "memory://elsewhere", f.cancel));
  ck_assert(!MUST(f.store->find_payloads(f.job.key, elsewhere.key, asked, f.cancel))[0]);
}
GST_END_TEST

GST_START_TEST(g15_a_payload_whose_pack_is_lost_gives_its_place_to_the_new_one) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch first = f.next_commit(2);
  first.digests = {{digest_of(1), first.frames[0].payload},
                   {digest_of(2), first.frames[1].payload}};
  f.commit(first);
  CommitBatch second = f.next_commit(2);
  const PackKey lost = first.frames[0].payload.pack;
  second.digests = {{digest_of(1), second.frames[0].payload, lost},
                    {digest_of(3), second.frames[1].payload, lost}};
  f.commit(second);
  ck_assert(find(f, digest_of(1)) == second.frames[0].payload);
  ck_assert(find(f, digest_of(2)) == first.frames[1].payload);
  ck_assert(find(f, digest_of(3)) == second.frames[1].payload);
  // Another writer that found the same loss comes too late.
  CommitBatch third = f.next_commit(1);
  third.digests = {{digest_of(1), third.frames[0].payload, lost}};
  f.commit(third);
  ck_assert(find(f, digest_of(1)) == second.frames[0].payload);
}
GST_END_TEST

GST_START_TEST(g23_payloads_in_condemned_packs_are_not_found) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch first = f.next_commit(1);
  first.digests.push_back({digest_of(1), first.frames[0].payload});
  f.commit(first);
  if (!condemn(f, first.ready_packs[0].key)) return;
  ck_assert(!find(f, digest_of(1)).has_value());
  // Stored again, it is found there.
  CommitBatch second = f.next_commit(1);
  second.digests.push_back({digest_of(1), second.frames[0].payload});
  f.commit(second);
  ck_assert(find(f, digest_of(1)) == second.frames[0].payload);
}
GST_END_TEST

GST_START_TEST(g23_pins_hold_or_say_that_they_came_too_late) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch batch = f.next_commit(1);
  const PackKey ready = batch.ready_packs[0].key;
  f.commit(batch);
  f.add_checkpoint("detect");
  const PackKey uploading = f.add_pack(), lost = f.add_pack();
  std::vector<PackKey> packs{uploading, ready};
  std::vector<bool> pinned = MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel));
  ck_assert(pinned == (std::vector<bool>{true, true}));
  pinned = MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel));
  ck_assert(pinned == (std::vector<bool>{true, true}));
  if (!condemn(f, lost)) return;
  packs = {lost, ready, lost, 123456789};
  pinned = MUST(f.store->pin_packs(f.lease, f.checkpoint.key, packs, f.cancel));
  ck_assert(pinned == (std::vector<bool>{false, true, false, false}));
  std::unique_ptr<SqlAccess> sql = f.place->sql();
  auto rows = MUST(sql->query("SELECT pack FROM checkpoint_pack WHERE checkpoint = " +
                              std::to_string(f.checkpoint.key) + " ORDER BY pack"));
  ck_assert(rows == (std::vector<std::vector<std::string>>{{std::to_string(ready)},
                                                           {std::to_string(uploading)}}));
}
GST_END_TEST

GST_START_TEST(g23_a_commit_that_uses_a_condemned_pack_is_refused) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  CommitBatch first = f.next_commit(1);
  const PackKey old = first.ready_packs[0].key;
  f.commit(first);
  const CheckpointRow before = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  CommitBatch second = f.next_commit(2);
  second.frames[0].payload = first.frames[0].payload;
  second.used_packs = {old, second.ready_packs[0].key};
  second.digests.push_back({digest_of(9), second.frames[1].payload});
  if (!condemn(f, old)) return;
  FAILS_WITH(Code::kExpired, f.store->commit(f.lease, second, f.cancel));
  check_untouched(f, second, before, "used");
  // Also when it is one that was put just now.
  second.frames[0].payload = second.frames[1].payload;
  second.used_packs.clear();
  condemn(f, second.ready_packs[0].key);
  FAILS_WITH(Code::kExpired, f.store->commit(f.lease, second, f.cancel));
  check_untouched(f, second, before, "ready");
}
GST_END_TEST

GST_START_TEST(a_checkpoint_is_restored_as_it_was) {
  Fixture f(__i__);
  const CheckpointRow first = f.add_checkpoint("detect");
  RestoredCheckpoint lost{Uuid::random(), f.fields("detect"), 7, 40, 1500000000123};
  lost.fields.stage_index = 3;
  lost.fields.filtered_frame_sequences = {{1, UINT64_MAX}};
  const Lease before = f.lease;
  f.checkpoint = MUST(f.store->restore_checkpoint(f.lease, lost, f.cancel));
  ck_assert(f.checkpoint.id == lost.id && f.checkpoint.version == 7);
  ck_assert(f.checkpoint.created_at == 1500000000123 && f.checkpoint.fields.stage_index == 3);
  ck_assert(f.checkpoint.state == CheckpointState::kPartial);
  ck_assert(f.checkpoint.fields.filtered_frame_sequences == lost.fields.filtered_frame_sequences);
  ck_assert(f.lease.epoch == 40);
  FAILS_WITH(Code::kLeaseLost,
             f.store->create_checkpoint(before, Uuid::random(), f.fields("detect"), f.cancel));
  // The id, then the version is taken.
  lost.version = 8;
  FAILS_WITH(Code::kAlreadyExists, f.store->restore_checkpoint(f.lease, lost, f.cancel));
  lost.version = first.version;
  lost.id = Uuid::random();
  FAILS_WITH(Code::kAlreadyExists, f.store->restore_checkpoint(f.lease, lost, f.cancel));
  // An earlier one takes nothing back.
  lost.version = 2;
  lost.epoch = 5;
  MUST(f.store->restore_checkpoint(f.lease, lost, f.cancel));
  ck_assert(f.lease.epoch == 40);
  f.commits = f.frames = 0;
  f.commit(f.next_commit(2));
  ck_assert(f.add_checkpoint("detect").version == 8 && f.lease.epoch == 41);

  const Uuid store = Uuid::random();
  MUST(f.store->take_place_of(store, f.cancel));
  ck_assert(MUST(f.another()->uuid(f.cancel)) == store);
}
GST_END_TEST

void checkpoint::conformance::add_writing_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, g17_versions_count_per_stage_and_branch_and_are_never_given_again, 0,
                      stores);
  tcase_add_loop_test(tc, a_checkpoint_is_made_once_per_id, 0, stores);
  tcase_add_loop_test(tc, g14_every_field_comes_back, 0, stores);
  tcase_add_loop_test(tc, g13_frames_caps_and_events_come_back_bit_for_bit, 0, stores);
  tcase_add_loop_test(tc, commits_add_up, 0, stores);
  tcase_add_loop_test(tc, g16_an_empty_checkpoint_is_legal, 0, stores);
  tcase_add_loop_test(tc, a_commit_out_of_order_is_refused, 0, stores);
  tcase_add_loop_test(tc, a_commit_is_all_or_nothing, 0, stores);
  tcase_add_loop_test(tc, packs_are_known_from_their_intent_on, 0, stores);
  tcase_add_loop_test(tc, g15_payloads_are_found_by_their_digest, 0, stores);
  tcase_add_loop_test(tc, g15_a_payload_whose_pack_is_lost_gives_its_place_to_the_new_one, 0,
                      stores);
  tcase_add_loop_test(tc, g23_payloads_in_condemned_packs_are_not_found, 0, stores);
  tcase_add_loop_test(tc, g23_pins_hold_or_say_that_they_came_too_late, 0, stores);
  tcase_add_loop_test(tc, g23_a_commit_that_uses_a_condemned_pack_is_refused, 0, stores);
  tcase_add_loop_test(tc, a_checkpoint_is_restored_as_it_was, 0, stores);
}
