// SPDX-License-Identifier: LGPL-2.1-or-later
// Moving what is still needed out of packs that are mostly nobody's, on every pair of stores.
#include "core/repack.h"

#include <map>

#include "support/housekeeping_place.h"
#include "support/tool.h"

using namespace checkpoint;

namespace {

constexpr uint64_t kFrames = 36;
constexpr uint64_t kStep = 6;  // of a pack's frames at most one is somebody else's too

// A stage whose packs are full, and one that needs every sixth of its frames.
struct Repacking : Housekeeping {
  Repacking() : origin(store("decode", 0, kFrames)) {
    child = store("detect", 0, kFrames, false, origin.id, "", kStep);
    ck_assert_int_eq(child.bytes_new, 0);
  }
  std::set<PackKey> payload_packs() {
    std::set<PackKey> packs;
    for (const FrameRow &row : rows(child)) packs.insert(row.payload.pack);
    return packs;
  }
  void must_hold_child() {
    auto loaded = load(child);
    ck_assert_msg(loaded.is_ok(), "%s", loaded.status().to_string().c_str());
    ck_assert_int_eq(loaded->size(), kFrames / kStep);
    for (uint64_t i = 0; i < loaded->size(); i++) ck_assert((*loaded)[i] == frame_bytes(kStep * i));
  }
  RepackResult repacked(const RepackOptions &options = {}) {
    RepackResult result;
    Status status = repack(*stores, options, {}, result, cancel);
    ck_assert_msg(status.is_ok(), "%s", status.to_string().c_str());
    ck_assert_int_eq(result.packs_skipped, 0);
    return result;
  }
  Bytes object(const std::string &name) {
    auto info = stores->frames->stat(name, cancel);
    ck_assert(info.is_ok());
    Bytes bytes(info->size);
    ck_assert(stores->frames->get(name, 0, bytes, cancel).is_ok());
    return bytes;
  }
  // What a repair reads of the child: its frames, found without a row, by the records and indexes
  // in the frame store alone.
  void must_be_rebuilt_from_objects() {
    std::map<Digest, std::string> payloads;
    std::map<uint64_t, Digest> wanted;
    for (const std::string &name : objects()) {
      const Bytes bytes = object(name);
      auto footer = parse_pack_footer(ByteView(bytes).last(kPackFooterSize), bytes.size());
      ck_assert(footer.is_ok());
      auto index =
          parse_pack_index(ByteView(bytes).subspan(footer->index_offset, footer->index_length),
                           footer->records_offset);
      ck_assert(index.is_ok());
      for (const PackPayload &payload : *index) {
        const ByteView stored = ByteView(bytes).subspan(payload.ref.offset, payload.ref.length);
        ck_assert(checksum_of(stored) == payload.ref.checksum);
        ck_assert(payload.ref.codec == Codec::kNone);
        payloads[payload.digest] = as_text(stored);
      }
      bool of_child = false;
      ck_assert(
          parse_records(ByteView(bytes).subspan(footer->records_offset, footer->records_length),
                        [&](Record &&record, RecordSpan) {
                          if (auto *head = std::get_if<CheckpointRecord>(&record))
                            of_child = head->id == child.id;
                          auto *frame = std::get_if<FrameRecord>(&record);
                          if (frame && of_child) wanted[frame->row.index] = frame->digest;
                          return Status::ok();
                        })
              .is_ok());
    }
    ck_assert_int_eq(wanted.size(), kFrames / kStep);
    for (const auto &[index, digest] : wanted)
      ck_assert(payloads.at(digest) == frame_bytes(kStep * index));
  }

  const CheckpointRow origin;
  CheckpointRow child;
};

}  // namespace

GST_START_TEST(g29_repacking_moves_what_is_needed_and_frees_the_rest) {
  Repacking place;
  ck_assert_int_eq(place.repacked().packs_emptied, 0);
  place.remove(place.origin);
  place.run();
  const size_t packs = place.payload_packs().size();
  ck_assert(packs > 1);
  RepackOptions options;
  options.dry_run = true;
  const std::set<std::string> before = place.objects();
  const RepackResult predicted = place.repacked(options);
  ck_assert(predicted.packs_emptied == packs && place.objects() == before);
  // What is needed for more than the given part stays.
  options = {};
  options.live_below = 0.1;
  ck_assert_int_eq(place.repacked(options).packs_emptied, 0);

  const RepackResult done = place.repacked();
  ck_assert(done.packs_emptied == packs && done.packs_made == 1);
  ck_assert(done.bytes_emptied == predicted.bytes_emptied);
  ck_assert(done.bytes_made < done.bytes_emptied / 2);
  place.must_hold_child();
  ck_assert_int_eq(place.run().packs_deleted, packs);
  place.must_hold_child();
  place.must_be_rebuilt_from_objects();
  ck_assert_int_eq(place.repacked().packs_emptied, 0);
  ck_assert(nothing_done(place.run()));
  // Frames that moved are still reused, and what is new packs goes with who needs it.
  const CheckpointRow track = place.store("track", 0, 1);
  ck_assert_int_eq(track.bytes_new, 0);
  place.remove(track);
  place.remove(place.child);
  place.run();
  ck_assert(place.objects().empty());
}
GST_END_TEST

GST_START_TEST(g29_repacking_makes_packs_of_the_size_asked_for) {
  Repacking place;
  place.remove(place.origin);
  RepackOptions options;
  options.pack_size = 8000;  // two frames and their header
  const RepackResult done = place.repacked(options);
  ck_assert_int_eq(done.packs_made, kFrames / kStep / 2);
  place.run();
  place.must_hold_child();
  place.must_be_rebuilt_from_objects();
}
GST_END_TEST

GST_START_TEST(g29_repacking_that_is_interrupted_at_every_call_is_run_again) {
  // Before: nothing was done. After: the store did it, and its answer is lost.
  for (bool after : {false, true})
    for (int nth = 1;; nth++) {
      Repacking place;
      place.remove(place.origin);
      int calls = 0;
      const auto fail = [&] {
        return ++calls == nth ? Status(Code::kUnavailable, "the plug was pulled") : Status::ok();
      };
      const FaultyMetadataStore::Hook of_rows = [&](Cancellation &) { return fail(); };
      const FaultyFrameStore::Hook of_frames = [&](const FrameStoreCall &, Cancellation &) {
        return fail();
      };
      const auto set = [&](const auto &rows_hook, const auto &frames_hook) {
        for (const char *call : {"list_packs", "pack_uses", "read_frames", "now",
                                 "create_collected_pack", "move_payloads"})
          after ? place.metadata->after(call, rows_hook) : place.metadata->before(call, rows_hook);
        for (const char *call : {"get", "put"})
          after ? place.frames->after(call, frames_hook) : place.frames->before(call, frames_hook);
      };
      set(of_rows, of_frames);
      RepackOptions options;
      options.pack_size = 8000;
      RepackResult result;
      const Status status = repack(*place.stores, options, {}, result, place.cancel);
      set(FaultyMetadataStore::Hook(), FaultyFrameStore::Hook());
      ck_assert(status.is_ok() == (calls < nth));
      if (status.is_ok()) {
        ck_assert(nth > 20);
        break;
      }
      place.must_hold_child();
      place.repacked(options);
      place.must_hold_child();
      place.run();
      ck_assert(nothing_done(place.run()));
      ck_assert_int_eq(place.repacked(options).packs_emptied, 0);
      place.must_hold_child();
      place.must_be_rebuilt_from_objects();
      // Nothing is left of what was given up: each object has a row that is ready.
      PackQuery query;
      query.frame_store = place.stores->frame_store;
      const auto ready = place.stores->metadata->list_packs(query, place.cancel);
      ck_assert(ready.is_ok() && ready->size() == place.objects().size());
      ck_assert(place.objects() == place.needed({place.child}));
    }
}
GST_END_TEST

// Readers that have some rows and payloads already, when their packs are emptied and removed.
GST_START_TEST(g24_a_reader_open_during_a_repacking_gets_right_data_or_expires) {
  for (unsigned taken = 0; taken <= kFrames / kStep; taken++) {
    Repacking place;
    place.remove(place.origin);
    ReaderOptions options;
    options.page = 2;
    options.read_ahead = 1;
    CheckpointReader reader(place.stores, place.child, options);
    uint64_t frames = 0;
    const auto take = [&]() -> Status {
      auto item = reader.next(place.cancel);
      if (!item.is_ok()) return item.status();
      if (auto *frame = std::get_if<ReplayFrame>(&*item)) {
        ck_assert(as_text(frame->chunk->view().subspan(frame->offset, frame->size)) ==
                  frame_bytes(kStep * frames));
        frames++;
      }
      return std::holds_alternative<ReplayEnd>(*item) ? Status(Code::kNotFound, "the end")
                                                      : Status::ok();
    };
    while (frames < taken) ck_assert(take().is_ok());
    ck_assert(place.repacked().packs_emptied > 1);
    place.run();
    Status status;
    while ((status = take()).is_ok()) {
    }
    ck_assert_msg(
        status.is(Code::kExpired) || (status.is(Code::kNotFound) && frames == kFrames / kStep),
        "%s", status.to_string().c_str());
    place.must_hold_child();
  }
}
GST_END_TEST

// A pack that can't be read, or that somebody begins to use, is left as it is.
GST_START_TEST(g29_repacking_leaves_what_it_cannot_move) {
  Repacking place;
  place.remove(place.origin);
  place.run();
  const std::set<PackKey> before = place.payload_packs();
  const PackKey first = place.rows(place.child)[0].payload.pack;
  const auto pack = place.stores->metadata->get_packs({&first, 1}, place.cancel);
  place.frames->flip_byte((*pack)[0].object, place.rows(place.child)[0].payload.offset);
  RepackResult result;
  ck_assert(repack(*place.stores, {}, {}, result, place.cancel).is_ok());
  ck_assert(result.packs_skipped == 1 && result.packs_emptied == before.size() - 1);
  ck_assert(place.rows(place.child)[0].payload.pack == first);

  Repacking busy;
  busy.remove(busy.origin);
  busy.metadata->before("move_payloads", [&](Cancellation &) {
    busy.store("track", 1, 3);
    return Status::ok();
  });
  result = {};
  ck_assert(repack(*busy.stores, {}, {}, result, busy.cancel).is_ok());
  ck_assert_int_eq(result.packs_emptied, 0);
  ck_assert_int_eq(result.packs_skipped, busy.payload_packs().size());
  busy.must_hold_child();
}
GST_END_TEST

GST_START_TEST(g29_gc_repacks_when_asked_and_a_dry_run_predicts_it) {
  Repacking place;
  place.remove(place.origin);
  const size_t packs = place.payload_packs().size();
  const uint64_t before = place.stored_bytes();
  EQUAL(at(tool_json(0, {"gc", "--dry-run"}), "packs_repacked"), "(none)");
  JsonTree predicted = tool_json(0, {"gc", "--repack", "--dry-run"});
  EQUAL(at(predicted, "packs_repacked"), std::to_string(packs));
  EQUAL(at(predicted, "packs_made"), "0");
  ck_assert_uint_eq(place.stored_bytes(), before);
  ck_assert(tool_says(1, {"gc", "--repack"}).find("emptied by repacking") != std::string::npos);

  JsonTree done = tool_json(0, {"gc", "--repack", "--yes"});
  for (const char *count : {"packs_repacked", "bytes_repacked", "packs_skipped"})
    EQUAL(at(done, count), at(predicted, count));
  EQUAL(at(done, "packs_made"), "1");
  place.must_hold_child();
  // What was emptied waits for its grace like all that is condemned.
  JsonTree next = tool_json(0, {"gc", "--repack", "--yes", "--grace", "0"});
  EQUAL(at(next, "packs_repacked"), "0");
  EQUAL(at(next, "bytes_deleted"),
        std::to_string(before - place.stored_bytes() + std::stoull(at(done, "bytes_made"))));
  place.must_hold_child();
}
GST_END_TEST

static Suite *repacking_suite() {
  Suite *suite = suite_create("repacking");
  TCase *tc = tcase_create("repacking");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g29_repacking_moves_what_is_needed_and_frees_the_rest);
  tcase_add_test(tc, g29_repacking_makes_packs_of_the_size_asked_for);
  tcase_add_test(tc, g29_repacking_that_is_interrupted_at_every_call_is_run_again);
  tcase_add_test(tc, g24_a_reader_open_during_a_repacking_gets_right_data_or_expires);
  tcase_add_test(tc, g29_repacking_leaves_what_it_cannot_move);
  tcase_add_test(tc, g29_gc_repacks_when_asked_and_a_dry_run_predicts_it);
  return suite;
}
CHECKPOINT_CHECK_MAIN(repacking);
