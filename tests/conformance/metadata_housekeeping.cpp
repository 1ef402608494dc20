// SPDX-License-Identifier: LGPL-2.1-or-later
// Deleting, pins, and collecting.
#include <algorithm>
#include <random>

#include "conformance/metadata_fixture.h"

using namespace checkpoint;
using namespace checkpoint::conformance;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kNow{0};

// A complete checkpoint of so many frames in a pack of its own, whose digests are known.
struct Made {
  CheckpointRow row;
  PackKey pack = 0;
};
Made make(Fixture &f, const std::string &stage, uint64_t frames, uint64_t first_digest = 1) {
  Made made;
  f.add_checkpoint(stage);
  CommitBatch batch = f.next_commit(frames);
  made.pack = batch.ready_packs[0].key;
  for (const FrameRow &frame : batch.frames)
    batch.digests.push_back({digest_of(first_digest + frame.index), frame.payload});
  DetectionRow detection;
  detection.label = "face";
  detection.source = "roi";
  batch.detections.push_back(detection);
  batch.events.push_back({0, 0, "tag", {}});
  batch.end = CommitBatch::End::kComplete;
  f.commit(batch);
  MUST(f.store->release_lease(f.lease, f.cancel));
  f.lease = {};
  made.row = MUST(f.store->get_checkpoint(f.checkpoint.id, f.cancel));
  return made;
}

void purge(Fixture &f, CheckpointKey checkpoint) {
  while (!MUST(f.store->purge_checkpoint(checkpoint, 2, f.cancel))) {
  }
}

PackState state_of(Fixture &f, PackKey pack) {
  return MUST(f.store->get_packs({&pack, 1}, f.cancel)).at(0).state;
}

std::vector<PackKey> listed(Fixture &f, PackFilter filter, milliseconds age = kNow) {
  PackQuery query;
  query.frame_store = f.frame_store.key;
  query.filter = filter;
  query.age = age;
  query.limit = 2;
  std::vector<PackKey> keys;
  for (;;) {
    const std::vector<PackRow> page = MUST(f.store->list_packs(query, f.cancel));
    if (page.empty()) return keys;
    for (const PackRow &pack : page) keys.push_back(pack.key);
    query.after = keys.back();
  }
}

bool one(const Result<std::vector<bool>> &answer) { return MUST(answer).at(0); }

}  // namespace

GST_START_TEST(a_pinned_checkpoint_is_not_deleted) {
  Fixture f(__i__);
  const Made made = make(f, "decode", 3);
  MUST(f.store->pin_checkpoint(made.row.id, f.cancel));
  MUST(f.store->pin_checkpoint(made.row.id, f.cancel));
  ck_assert(MUST(f.store->get_checkpoint(made.row.id, f.cancel)).pinned);
  FAILS_WITH(Code::kInvalidArgument, f.store->delete_checkpoint(made.row.id, f.cancel));
  if (auto sql = f.place->sql())
    ck_assert(!sql->execute("UPDATE checkpoint SET state = 'deleted'").is_ok());
  MUST(f.store->unpin_checkpoint(made.row.id, f.cancel));
  ck_assert(!MUST(f.store->get_checkpoint(made.row.id, f.cancel)).pinned);
  MUST(f.store->delete_checkpoint(made.row.id, f.cancel));
  MUST(f.store->delete_checkpoint(made.row.id, f.cancel));
  FAILS_WITH(Code::kNotFound, f.store->pin_checkpoint(made.row.id, f.cancel));
  FAILS_WITH(Code::kNotFound, f.store->delete_checkpoint(Uuid::random(), f.cancel));
}
GST_END_TEST

GST_START_TEST(a_checkpoint_that_is_being_written_is_not_deleted) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  f.commit(f.next_commit(2));
  FAILS_WITH(Code::kBusy, f.store->delete_checkpoint(f.checkpoint.id, f.cancel));
  MUST(f.store->release_lease(f.lease, f.cancel));
  MUST(f.store->delete_checkpoint(f.checkpoint.id, f.cancel));
  // Nor is a deleted one written.
  f.lease = f.take_lease("decode");
  CommitBatch batch;
  batch.checkpoint = f.checkpoint.key;
  batch.commit_no = 2;
  FAILS_WITH(Code::kInvalidArgument, f.store->commit(f.lease, batch, f.cancel));
}
GST_END_TEST

GST_START_TEST(rows_go_in_batches_and_take_their_references_along) {
  Fixture f(__i__);
  const Made made = make(f, "decode", 5), other = make(f, "detect", 2, 100);
  FAILS_WITH(Code::kInvalidArgument, f.store->purge_checkpoint(made.row.key, 2, f.cancel));
  const CheckpointKey both[] = {made.row.key, other.row.key};
  PackTotals totals = MUST(f.store->held_only_by({both, 1}, f.cancel));
  ck_assert(totals.packs == 1 && totals.bytes == 8192);
  ck_assert(MUST(f.store->held_only_by(both, f.cancel)).packs == 2);
  MUST(f.store->delete_checkpoint(made.row.id, f.cancel));
  std::vector<CheckpointRow> going = MUST(f.store->deleted_checkpoints(0, 9, f.cancel));
  ck_assert(going.size() == 1 && going[0].id == made.row.id);
  ck_assert(listed(f, PackFilter::kUnreferenced).empty());
  ck_assert(!MUST(f.store->purge_checkpoint(made.row.key, 2, f.cancel)));
  FramePage page;
  page.checkpoint = made.row.key;
  ck_assert(MUST(f.store->read_frames(page, f.cancel)).size() == 3);
  purge(f, made.row.key);
  ck_assert(MUST(f.store->purge_checkpoint(made.row.key, 2, f.cancel)));
  FAILS_WITH(Code::kNotFound, f.store->get_checkpoint(made.row.id, f.cancel));
  ck_assert(MUST(f.store->deleted_checkpoints(0, 9, f.cancel)).empty());
  ck_assert(MUST(f.store->read_events(made.row.key, 0, kNone, 9, f.cancel)).empty());
  ck_assert(listed(f, PackFilter::kUnreferenced) == std::vector<PackKey>{made.pack});
  page.checkpoint = other.row.key;
  ck_assert(MUST(f.store->read_frames(page, f.cancel)).size() == 2);
}
GST_END_TEST

GST_START_TEST(g24_a_reader_holds_the_rows_while_its_pin_lasts) {
  Fixture f(__i__);
  const Made made = make(f, "decode", 3);
  const CheckpointKey key = made.row.key;
  const Uuid pin = Uuid::random(), none = Uuid::random();
  MUST(f.store->pin_for_reading(pin, {&key, 1}, kMinute, f.cancel));
  MUST(f.store->check_readable({&key, 1}, none, f.cancel));
  MUST(f.store->delete_checkpoint(made.row.id, f.cancel));
  FAILS_WITH(Code::kBusy, f.store->purge_checkpoint(key, 2, f.cancel));
  MUST(f.store->renew_reader_pin(pin, kMinute, f.cancel));
  MUST(f.store->check_readable({&key, 1}, pin, f.cancel));
  FAILS_WITH(Code::kExpired, f.store->check_readable({&key, 1}, none, f.cancel));
  FAILS_WITH(Code::kExpired, f.store->pin_for_reading(none, {&key, 1}, kMinute, f.cancel));
  // What has ended can't be had back: rows may be gone.
  MUST(f.store->renew_reader_pin(pin, kNow, f.cancel));
  FAILS_WITH(Code::kExpired, f.store->renew_reader_pin(pin, kMinute, f.cancel));
  FAILS_WITH(Code::kExpired, f.store->check_readable({&key, 1}, pin, f.cancel));
  purge(f, key);
  MUST(f.store->release_reader_pin(pin, f.cancel));
  FAILS_WITH(Code::kExpired, f.store->check_readable({&key, 1}, pin, f.cancel));
}
GST_END_TEST

GST_START_TEST(g29_a_pack_goes_through_its_states) {
  Fixture f(__i__);
  const Made made = make(f, "decode", 3);
  ck_assert(!one(f.store->condemn_packs({&made.pack, 1}, kNow, f.cancel)));
  MUST(f.store->delete_checkpoint(made.row.id, f.cancel));
  purge(f, made.row.key);
  const Digest digest = digest_of(1);
  const auto found = [&] {
    return MUST(f.store->find_payloads(f.job.key, f.frame_store.key, {&digest, 1}, f.cancel))
        .at(0)
        .has_value();
  };
  ck_assert(found());
  ck_assert(one(f.store->condemn_packs({&made.pack, 1}, kNow, f.cancel)));
  ck_assert(state_of(f, made.pack) == PackState::kCondemned && !found());
  ck_assert(listed(f, PackFilter::kCondemned, kMinute).empty());
  ck_assert(!one(f.store->confirm_condemned({&made.pack, 1}, kMinute, f.cancel)));
  ck_assert(one(f.store->confirm_condemned({&made.pack, 1}, kNow, f.cancel)));
  MUST(f.store->mark_deleted({&made.pack, 1}, f.cancel));
  ck_assert(listed(f, PackFilter::kDeleted) == std::vector<PackKey>{made.pack});
  if (auto sql = f.place->sql())
    ck_assert(MUST(sql->query("SELECT count(*) FROM digest"))[0][0] == "0");
  MUST(f.store->forget_packs({&made.pack, 1}, kMinute, f.cancel));
  ck_assert(state_of(f, made.pack) == PackState::kDeleted);
  MUST(f.store->forget_packs({&made.pack, 1}, kNow, f.cancel));
  FAILS_WITH(Code::kNotFound, f.store->get_packs({&made.pack, 1}, f.cancel));
}
GST_END_TEST

GST_START_TEST(an_intent_is_condemned_when_its_writer_is_gone) {
  Fixture f(__i__);
  f.add_checkpoint("decode");
  const PackKey pack = f.add_pack();
  ck_assert(listed(f, PackFilter::kUploading) == std::vector<PackKey>{pack});
  ck_assert(listed(f, PackFilter::kUnreferenced).empty());
  ck_assert(!one(f.store->condemn_packs({&pack, 1}, kNow, f.cancel)));
  MUST(f.store->release_lease(f.lease, f.cancel));
  ck_assert(listed(f, PackFilter::kUnreferenced, kMinute).empty());
  ck_assert(!one(f.store->condemn_packs({&pack, 1}, kMinute, f.cancel)));
  ck_assert(one(f.store->condemn_packs({&pack, 1}, kNow, f.cancel)));
  // Its writer comes back too late.
  f.lease = f.take_lease("decode");
  CommitBatch batch;
  batch.checkpoint = f.checkpoint.key;
  batch.commit_no = 1;
  batch.ready_packs.push_back({pack, 100, std::nullopt});
  FAILS_WITH(Code::kExpired, f.store->commit(f.lease, batch, f.cancel));
}
GST_END_TEST

GST_START_TEST(strangers_are_adopted_as_condemned) {
  Fixture f(__i__);
  const Uuid uuid = Uuid::random(), known_not = Uuid::random();
  MUST(f.store->condemn_stranger({uuid, f.frame_store.key, "street/frames/x.pack", false},
                                 f.cancel));
  MUST(f.store->condemn_stranger({uuid, f.frame_store.key, "street/frames/x.pack", false},
                                 f.cancel));
  const Uuid asked[] = {known_not, uuid};
  auto rows = MUST(f.store->find_packs(f.frame_store.key, asked, f.cancel));
  ck_assert(!rows[0] && rows[1] && rows[1]->state == PackState::kCondemned);
  ck_assert(listed(f, PackFilter::kCondemned).size() == 1);
}
GST_END_TEST

GST_START_TEST(payloads_move_to_another_pack_all_or_none) {
  Fixture f(__i__);
  const Made origin = make(f, "decode", 3);
  // Two of its payloads are somebody else's too.
  f.add_checkpoint("detect");
  CommitBatch batch = f.next_commit(2);
  for (FrameRow &frame : batch.frames) frame.payload = frame_row(frame.index, origin.pack).payload;
  batch.used_packs.push_back(origin.pack);
  batch.end = CommitBatch::End::kComplete;
  f.commit(batch);
  const CheckpointRow user = f.checkpoint;
  ck_assert(listed(f, PackFilter::kSparse).empty());
  MUST(f.store->delete_checkpoint(origin.row.id, f.cancel));
  purge(f, origin.row.key);
  ck_assert(listed(f, PackFilter::kSparse) == std::vector<PackKey>{origin.pack});
  const auto uses = MUST(f.store->pack_uses({&origin.pack, 1}, f.cancel));
  ck_assert(uses.size() == 1 && uses[0].checkpoint == user.key);

  const Uuid uuid = Uuid::random();
  ReadyPack to;
  to.key = MUST(f.store->create_collected_pack(
      {uuid, f.frame_store.key, "street/frames/n.pack", false}, f.cancel));
  to.size = 500;
  std::vector<MovedPayload> moves{{origin.pack, 0, 192}};
  // A frame would be left behind.
  FAILS_WITH(Code::kBusy, f.store->move_payloads(to, {&origin.pack, 1}, moves, f.cancel));
  ck_assert(state_of(f, to.key) == PackState::kUploading);
  moves.push_back({origin.pack, 128, 320});
  MUST(f.store->move_payloads(to, {&origin.pack, 1}, moves, f.cancel));
  FramePage page;
  page.checkpoint = user.key;
  const std::vector<FrameRow> frames = MUST(f.store->read_frames(page, f.cancel));
  ck_assert(frames.size() == 2 && frames[0].payload.pack == to.key &&
            frames[0].payload.offset == 192);
  ck_assert(frames[1].payload.offset == 320 && frames[1].payload.checksum == 0x8000000000000002);
  ck_assert(state_of(f, origin.pack) == PackState::kCondemned);
  ck_assert(one(f.store->confirm_condemned({&origin.pack, 1}, kNow, f.cancel)));
  const Digest digest = digest_of(2);
  const auto payload =
      MUST(f.store->find_payloads(f.job.key, f.frame_store.key, {&digest, 1}, f.cancel)).at(0);
  ck_assert(payload && payload->pack == to.key && payload->offset == 320);
  ck_assert(MUST(f.store->held_only_by({&user.key, 1}, f.cancel)).packs == 2);
}
GST_END_TEST

// A writer that reuses a pack against a collector, their steps in any order.
GST_START_TEST(g23_reuse_against_collection_leaves_no_dangling_reference) {
  Fixture f(__i__);
  const bool in_memory = !f.place->sql();
  const int rounds = in_memory ? 10000 : 150;  // others wait for a disk at each step
  std::mt19937 random(20261129);
  int reused = 0, collected = 0;
  for (int round = 0; round < rounds; round++) {
    const Made old = make(f, "decode", 1, 1000 + static_cast<uint64_t>(round));
    const Digest digest = digest_of(1000 + static_cast<uint64_t>(round));
    MUST(f.store->delete_checkpoint(old.row.id, f.cancel));
    purge(f, old.row.key);
    f.add_checkpoint("detect");
    bool object = true, confirmed = false, pinned = false, committed = false;
    std::optional<PayloadRef> payload;
    const std::vector<std::function<void()>> writer = {
        [&] {
          payload =
              MUST(f.store->find_payloads(f.job.key, f.frame_store.key, {&digest, 1}, f.cancel))
                  .at(0);
        },
        [&] {
          if (payload)
            pinned = one(f.store->pin_packs(f.lease, f.checkpoint.key, {&old.pack, 1}, f.cancel));
        },
        [&] {
          if (!pinned) return;
          CommitBatch batch;
          batch.checkpoint = f.checkpoint.key;
          batch.commit_no = 1;
          batch.frames.push_back(frame_row(0, old.pack));
          batch.used_packs.push_back(old.pack);
          MUST(f.store->commit(f.lease, batch, f.cancel));
          committed = true;
        }};
    const std::vector<std::function<void()>> collector = {
        [&] {
          static_cast<void>(f.store->condemn_packs({&old.pack, 1}, kNow, f.cancel));
        },
        [&] {
          confirmed = one(f.store->confirm_condemned({&old.pack, 1}, kNow, f.cancel));
        },
        [&] {
          if (confirmed) object = false;
        },
        [&] {
          if (confirmed) MUST(f.store->mark_deleted({&old.pack, 1}, f.cancel));
        }};
    size_t w = 0, c = 0;
    while (w < writer.size() || c < collector.size()) {
      const bool writes = c == collector.size() || (w < writer.size() && random() % 2 == 0);
      if (writes)
        writer[w++]();
      else
        collector[c++]();
      if (pinned || committed) ck_assert(object && state_of(f, old.pack) == PackState::kReady);
    }
    reused += committed;
    collected += !object;
    ck_assert(committed == object);
    MUST(f.store->release_lease(f.lease, f.cancel));
    f.lease = {};
  }
  ck_assert(reused > 0 && collected > 0 && reused + collected == rounds);
}
GST_END_TEST

void checkpoint::conformance::add_housekeeping_tests(TCase *tc, int stores) {
  tcase_add_loop_test(tc, a_pinned_checkpoint_is_not_deleted, 0, stores);
  tcase_add_loop_test(tc, a_checkpoint_that_is_being_written_is_not_deleted, 0, stores);
  tcase_add_loop_test(tc, rows_go_in_batches_and_take_their_references_along, 0, stores);
  tcase_add_loop_test(tc, g24_a_reader_holds_the_rows_while_its_pin_lasts, 0, stores);
  tcase_add_loop_test(tc, g29_a_pack_goes_through_its_states, 0, stores);
  tcase_add_loop_test(tc, an_intent_is_condemned_when_its_writer_is_gone, 0, stores);
  tcase_add_loop_test(tc, strangers_are_adopted_as_condemned, 0, stores);
  tcase_add_loop_test(tc, payloads_move_to_another_pack_all_or_none, 0, stores);
  tcase_add_loop_test(tc, g23_reuse_against_collection_leaves_no_dangling_reference, 0, stores);
}
