// SPDX-License-Identifier: LGPL-2.1-or-later
// Deleting and collecting, on every pair of stores.
#include <atomic>
#include <future>

#include "core/detection_cursor.h"
#include "core/verify.h"
#include "support/housekeeping_place.h"

using namespace checkpoint;

GST_START_TEST(g20_a_deleted_parent_leaves_its_children_loadable) {
  Housekeeping place;
  const CheckpointRow parent = place.store("decode", 0, 20);
  const CheckpointRow child = place.store("detect", 5, 20, false, parent.id);
  place.remove(parent);
  const CollectResult result = place.run();
  ck_assert(result.packs_deleted > 0);
  place.must_hold(child, 5, 20);
  ck_assert(place.list(true).size() == 1);
}
GST_END_TEST

GST_START_TEST(g29_a_collection_leaves_the_live_set_and_a_dry_run_predicts_it) {
  Housekeeping place;
  for (bool plain : {false, true}) {
    const CheckpointRow kept = place.store(plain ? "a" : "b", 0, 10, plain);
    const CheckpointRow gone = place.store(plain ? "c" : "d", 10, 25, plain);
    place.remove(gone);
    // Within its grace all of it stays.
    CollectOptions careful;
    ck_assert(place.run(careful).packs_condemned > 0);
    const std::set<std::string> before = place.objects();
    ck_assert(nothing_done(place.run(careful)));
    ck_assert(place.objects() == before);

    CollectOptions dry = no_grace();
    dry.dry_run = true;
    const CollectResult predicted = place.run(dry);
    ck_assert(place.objects() == before);
    const CollectResult done = place.run();
    ck_assert_int_eq(done.packs_deleted, predicted.packs_deleted);
    ck_assert_int_eq(done.bytes_deleted, predicted.bytes_deleted);
    ck_assert(done.packs_deleted > 0);
    ck_assert(nothing_done(place.run()));
    place.must_hold(kept, 0, 10);
    std::set<std::string> live = place.needed(place.list(true));
    for (const std::string &name : live) ck_assert(place.objects().count(name) == 1);
    for (const std::string &name : before)
      if (live.count(name) == 0 && parse_pack_object(name)->plain)
        ck_assert_msg(place.objects().count(name) == 0, "%s is left", name.c_str());
  }
}
GST_END_TEST

// A dry run right after a deletion, when nothing is condemned so far.
GST_START_TEST(g29_a_dry_run_counts_what_the_same_run_would_condemn_and_delete) {
  Housekeeping place;
  const CheckpointRow gone = place.store("decode", 0, 10);
  const CheckpointRow kept = place.store("detect", 8, 12);
  ck_assert(place.stores->metadata->delete_checkpoint(gone.id, place.cancel).is_ok());
  CollectOptions dry = no_grace();
  dry.dry_run = true;
  const CollectResult predicted = place.run(dry);
  const CollectResult done = place.run();
  ck_assert(predicted.checkpoints_purged == 1 && done.checkpoints_purged == 1);
  ck_assert(predicted.packs_condemned == done.packs_condemned && done.packs_condemned > 0);
  ck_assert(predicted.bytes_deleted == done.bytes_deleted && done.bytes_deleted > 0);
  place.must_hold(kept, 8, 12);
}
GST_END_TEST

GST_START_TEST(g29_interrupted_at_every_call_it_is_run_again) {
  for (int nth = 1;; nth++) {
    Housekeeping place;
    const CheckpointRow kept = place.store("detect", 0, 4);
    const CheckpointRow gone = place.store("decode", 2, 9);
    ck_assert(place.stores->metadata->delete_checkpoint(gone.id, place.cancel).is_ok());
    int calls = 0;
    const auto fail = [&] {
      return ++calls == nth ? Status(Code::kUnavailable, "the plug was pulled") : Status::ok();
    };
    // The store did it, and its answer is lost.
    for (const char *call : {"purge_checkpoint", "list_packs", "condemn_packs", "confirm_condemned",
                             "mark_deleted", "deleted_checkpoints", "forget_packs"})
      place.metadata->after(call, [&](Cancellation &) { return fail(); });
    for (const char *call : {"remove", "read_marker"})
      place.frames->after(call, [&](const FrameStoreCall &, Cancellation &) { return fail(); });
    CollectResult result;
    const Status status = collect(*place.stores, no_grace(), {}, result, place.cancel);
    ck_assert(status.is_ok() == (calls < nth));
    if (status.is_ok()) {
      ck_assert(nth > 8);
      break;
    }
    place.run();
    ck_assert(nothing_done(place.run()));
    place.must_hold(kept, 0, 4);
    CollectOptions strangers = no_grace();
    strangers.strangers = CollectOptions::Strangers::kReport;
    ck_assert_int_eq(place.run(strangers).strangers, 0);
    std::set<std::string> left = place.objects();
    PackQuery query;
    query.frame_store = place.stores->frame_store;
    ck_assert(place.stores->metadata->list_packs(query, place.cancel)->size() == left.size());
  }
}
GST_END_TEST

// Each tenth of the keys is hidden once, while strangers are looked for and all is collected.
GST_START_TEST(g30_a_listing_that_hides_keys_causes_nothing) {
  Housekeeping place;
  const CheckpointRow kept = place.store("decode", 0, 30);
  const CheckpointRow plain = place.store("plain", 30, 45, true);
  CollectOptions options = no_grace();
  options.strangers = CollectOptions::Strangers::kCondemn;
  for (size_t tenth = 0; tenth < 10; tenth++) {
    const CheckpointRow gone = place.store("gone", 50, 60, tenth % 2 == 0);
    size_t n = 0;
    std::set<std::string> hidden;
    for (const std::string &name : place.objects())
      if (n++ % 10 == tenth) hidden.insert(name);
    ck_assert(!hidden.empty());
    place.frames->hide_in_listings(hidden);
    place.remove(gone);
    const CollectResult result = place.run(options);
    ck_assert(result.packs_deleted > 0);
    ck_assert(result.strangers == 0 && result.foreign == 0);
    for (const CheckpointRow *row : {&kept, &plain}) {
      const uint64_t first = row == &kept ? 0 : 30, end = row == &kept ? 30 : 45;
      place.must_hold(*row, first, end);
      VerifyOptions whole;
      whole.data = true;
      Verifier verifier(
          place.stores, whole,
          [](const VerifyFinding &found) { ck_abort_msg("%s", found.why.to_string().c_str()); },
          [](uint64_t) {});
      ck_assert(verifier.check(*row, place.cancel).is_ok());
    }
    // What it hid of a pack that is gone is removed when it is swept again.
    place.frames->hide_in_listings({});
    place.run(options);
    ck_assert(place.objects() == place.needed({kept, plain}));
  }
  // And one that shows nothing at all.
  place.frames->hide_in_listings(place.objects());
  ck_assert(nothing_done(place.run(options)));
  place.must_hold(kept, 0, 30);
}
GST_END_TEST

GST_START_TEST(g30_strangers_are_told_and_removed_only_when_asked_for_and_after_a_grace) {
  Housekeeping place;
  const CheckpointRow kept = place.store("decode", 0, 10);
  const ByteView bytes = as_bytes("late");
  const std::string late = "street/frames/" + Uuid::random().to_string() + ".pack";
  const std::string foreign = "street/frames/readme.txt";
  for (const std::string &name : {late, foreign})
    ck_assert(place.stores->frames->put(name, {&bytes, 1}, {}, place.cancel).is_ok());
  CollectOptions options = no_grace();
  options.strangers = CollectOptions::Strangers::kReport;
  CollectResult result = place.run(options);
  ck_assert(result.strangers == 1 && result.stranger_bytes == 4 && result.foreign == 1);
  ck_assert(place.objects().count(late) == 1);
  options.strangers = CollectOptions::Strangers::kCondemn;
  options.grace = std::chrono::hours(1);
  place.run(options);
  ck_assert(place.objects().count(late) == 1);
  place.run();
  ck_assert(place.objects().count(late) == 0);
  ck_assert(place.objects().count(foreign) == 1);
  place.must_hold(kept, 0, 10);
}
GST_END_TEST

// As s3://bucket and s3://bucket/other, or a folder and one below it, with databases of their own.
GST_START_TEST(g40_what_a_store_below_holds_is_no_stranger) {
  Housekeeping place;
  const CheckpointRow kept = place.store("decode", 0, 10);
  std::string below = place.frame_store();
  const size_t end = below.find('?');
  below.insert(end == below.npos ? below.size() : end, "/other");
  Place nested(below, "memory://below-" + Uuid::random().to_string());
  News news;
  save(nested, "decode", 10, small_packs(), news);
  WriterOptions plain = small_packs();
  plain.pack_size = 0;
  plain.reuse = false;
  save(nested, "plain", 10, plain, news);
  const std::set<std::string> before = place.objects();

  CollectOptions options = no_grace();
  options.strangers = CollectOptions::Strangers::kCondemn;
  const CollectResult result = place.run(options);
  ck_assert(result.strangers == 0 && result.foreign > 10);
  ck_assert(nothing_done(place.run(options)) && place.objects() == before);
  place.must_hold(kept, 0, 10);
  for (const CheckpointRow &row : nested.list(false)) nested.check_frames(row, 10);
}
GST_END_TEST

GST_START_TEST(g40_nothing_is_collected_without_the_marker) {
  Housekeeping place;
  const CheckpointRow gone = place.store("decode", 0, 10);
  place.remove(gone);
  const std::set<std::string> before = place.objects();
  place.frames->before("read_marker", [](const FrameStoreCall &, Cancellation &) {
    return Status(Code::kUnavailable, "not mounted");
  });
  CollectResult result;
  Status status = collect(*place.stores, no_grace(), {}, result, place.cancel);
  ck_assert(status.is(Code::kUnavailable) && nothing_done(result));
  ck_assert(place.objects() == before);
  place.frames->before("read_marker", {});
  // Another frame store's marker.
  Stores other = *place.stores;
  other.frame_store_uuid = Uuid::random();
  status = collect(other, no_grace(), {}, result, place.cancel);
  ck_assert(status.is(Code::kUnavailable) && nothing_done(result));
  ck_assert(place.objects() == before);
}
GST_END_TEST

GST_START_TEST(a_store_that_refuses_keeps_the_pack_condemned) {
  Housekeeping place;
  place.remove(place.store("decode", 0, 3));
  place.frames->before("remove", [](const FrameStoreCall &, Cancellation &) {
    return Status(Code::kPermissionDenied, "Object Lock");
  });
  const CollectResult refused = place.run();
  ck_assert(refused.packs_refused > 0 && refused.packs_deleted == 0);
  place.frames->before("remove", {});
  ck_assert_int_eq(place.run().packs_deleted, refused.packs_refused);
}
GST_END_TEST

GST_START_TEST(the_policy_keeps_what_it_says) {
  Housekeeping place;
  std::vector<CheckpointRow> versions;
  for (int i = 0; i < 4; i++) versions.push_back(place.store("decode", 0, 2));
  const CheckpointRow partial = place.store("detect", 0, 2, false, {}, "stopped");
  MetadataStore &store = *place.stores->metadata;
  ck_assert(store.pin_checkpoint(versions[0].id, place.cancel).is_ok());
  const auto planned = [&](const RetentionPolicy &policy) {
    auto plan = plan_retention(store, policy, place.cancel);
    ck_assert(plan.is_ok());
    std::set<Uuid> ids;
    for (const CheckpointRow &row : plan->checkpoints) ids.insert(row.id);
    return ids;
  };
  RetentionPolicy policy;
  ck_assert(planned(policy).empty());
  policy.keep_last = 2;
  ck_assert(planned(policy) == std::set<Uuid>{versions[1].id});
  policy.older_than = std::chrono::hours(1);
  ck_assert(planned(policy).empty());
  policy.keep_last.reset();
  policy.older_than = std::chrono::milliseconds(0);
  ck_assert(planned(policy) == (std::set<Uuid>{versions[1].id, versions[2].id, versions[3].id}));
  policy.older_than.reset();
  policy.partial_older_than = std::chrono::milliseconds(0);
  ck_assert(planned(policy) == std::set<Uuid>{partial.id});
  policy.stage = "decode";
  ck_assert(planned(policy).empty());

  // One that is pinned, or written, meanwhile is kept and told.
  DeletionResult result;
  std::vector<Status> told;
  ck_assert(delete_checkpoints(
                store, {&versions[0], 1},
                [&](const CheckpointRow &, const Status &status) { told.push_back(status); },
                result, place.cancel)
                .is_ok());
  ck_assert(result.kept == 1 && result.deleted == 0 && told.at(0).is(Code::kInvalidArgument));
  ck_assert(store.unpin_checkpoint(versions[0].id, place.cancel).is_ok());
  place.remove(versions[0]);
  ck_assert(plan_deletion(store, versions, place.cancel)->frees.bytes > 0);
}
GST_END_TEST

namespace {

// A reader of twelve frames, a page of two at a time, that has handed out the first.
struct OpenReader {
  OpenReader(Housekeeping &place, const CheckpointRow &row, std::chrono::milliseconds pin)
      : place_(place), reader_(place.stores, row, options(pin)) {
    ck_assert(take().is_ok());
  }
  // The next frame, which is right. kNotFound: there are no more.
  Status take() {
    auto item = reader_.next(place_.cancel);
    if (!item.is_ok()) return item.status();
    auto *frame = std::get_if<ReplayFrame>(&*item);
    if (!frame) return {Code::kNotFound, "the end"};
    ck_assert(frame->row.index == frames_);
    ck_assert(as_text(frame->chunk->view().subspan(frame->offset, frame->size)) ==
              frame_bytes(frames_));
    frames_++;
    return Status::ok();
  }
  Status take_all() {
    for (;;)
      if (Status status = take(); !status.is_ok()) return status;
  }
  void must_finish() {
    const Status status = take_all();
    ck_assert_msg(status.is(Code::kNotFound), "%s", status.to_string().c_str());
    ck_assert_int_eq(frames_, 12);
  }
  void must_expire() {
    const Status status = take_all();
    ck_assert_msg(status.is(Code::kExpired), "%s", status.to_string().c_str());
  }
  ReaderOptions options(std::chrono::milliseconds pin) {
    ReaderOptions options;
    options.page = 2;
    options.read_ahead = 1;
    options.pin = pin;
    options.on_warning = [this](const Status &status) { warnings.push_back(status); };
    return options;
  }
  std::vector<Status> warnings;  // on the reader's thread, before the first frame

 private:
  Housekeeping &place_;
  uint64_t frames_ = 0;
  CheckpointReader reader_;
};

constexpr std::chrono::milliseconds kLong{60'000};
constexpr std::chrono::milliseconds kShort{150};

}  // namespace

GST_START_TEST(g24_a_reader_open_during_a_deletion_finishes) {
  Housekeeping place;
  const CheckpointRow row = place.store("decode", 0, 12);
  {
    OpenReader reader(place, row, kLong);
    place.remove(row);
    ck_assert(place.list(true).empty());
    const CollectResult result = place.run();
    ck_assert(result.checkpoints_held == 1 && result.packs_deleted == 0);
    reader.must_finish();
    ck_assert(reader.warnings.empty());
    // Nobody else gets in any more.
    const auto late = place.load(row);
    ck_assert(late.status().is(Code::kExpired));
  }
  const CollectResult result = place.run();
  ck_assert(result.checkpoints_purged == 1 && result.checkpoints_held == 0);
  ck_assert(place.objects().empty());
}
GST_END_TEST

// It was stopped, or cut off, for longer than its pin lasts.
GST_START_TEST(g24_a_reader_whose_pin_lapsed_expires) {
  Housekeeping place;
  const CheckpointRow row = place.store("decode", 0, 12);
  OpenReader reader(place, row, kShort);
  place.metadata->before("renew_reader_pin",
                         [](Cancellation &) { return Status(Code::kUnavailable, "cut off"); });
  place.remove(row);
  while (place.run().checkpoints_held > 0) {
  }
  place.run();
  ck_assert(place.objects().empty());
  reader.must_expire();
}
GST_END_TEST

GST_START_TEST(g24_a_pin_is_renewed_and_replaced_while_nothing_is_deleted) {
  Housekeeping place;
  const CheckpointRow row = place.store("decode", 0, 12);
  std::promise<void> renewed, replaced;
  std::atomic<int> renewals{0}, pins{0};
  // Its answer came: it lasts. Then it is cut off until there is no pin any more.
  place.metadata->after("renew_reader_pin", [&](Cancellation &) {
    if (++renewals == 3) renewed.set_value();
    return Status::ok();
  });
  place.metadata->after("pin_for_reading", [&](Cancellation &) {
    if (++pins == 2) replaced.set_value();
    return Status::ok();
  });
  OpenReader reader(place, row, kShort);
  renewed.get_future().wait();
  ck_assert_int_eq(pins, 1);
  place.metadata->before("renew_reader_pin", [&](Cancellation &) {
    return pins == 1 ? Status(Code::kExpired, "it ended") : Status::ok();
  });
  replaced.get_future().wait();
  place.remove(row);
  ck_assert_int_eq(place.run().checkpoints_held, 1);
  reader.must_finish();
}
GST_END_TEST

GST_START_TEST(g24_a_reader_that_may_not_pin_warns_and_expires) {
  Housekeeping place;
  const CheckpointRow row = place.store("decode", 0, 12);
  place.metadata->before("pin_for_reading", [](Cancellation &) {
    return Status(Code::kPermissionDenied, "it can only be read");
  });
  {
    OpenReader reader(place, row, kLong);
    reader.must_finish();
    ck_assert(reader.warnings.size() == 1 && reader.warnings[0].is(Code::kPermissionDenied));
  }
  OpenReader reader(place, row, kLong);
  place.remove(row);
  ck_assert_int_eq(place.run().checkpoints_held, 0);
  reader.must_expire();
}
GST_END_TEST

// Rows that go are never taken for frames without detections.
GST_START_TEST(g24_detections_that_are_read_during_a_deletion_are_all_there_or_expire) {
  Housekeeping place;
  place.noted = true;
  for (const bool pinned : {true, false}) {
    const CheckpointRow row = place.store("detect", 0, 12);
    if (!pinned)
      place.metadata->before("pin_for_reading", [](Cancellation &) {
        return Status(Code::kPermissionDenied, "it can only be read");
      });
    {
      DetectionCursor cursor(place.stores->metadata, row.key, 5);
      ck_assert_int_eq(cursor.of_frame(0, place.cancel)->size(), 2);
      place.remove(row);
      ck_assert_int_eq(place.run().checkpoints_held, pinned);
      uint64_t index = 1;
      for (; index < 12; index++) {
        const auto found = cursor.of_frame(index, place.cancel);
        if (!found.is_ok()) {
          ck_assert(found.status().is(Code::kExpired));
          break;
        }
        ck_assert_int_eq(found->size(), 2);
      }
      ck_assert(pinned ? index == 12 : index == 2);  // the first page holds two frames and a half
    }
    place.run();
    ck_assert(place.objects().empty());
  }
}
GST_END_TEST

static Suite *housekeeping_suite() {
  Suite *suite = suite_create("housekeeping");
  TCase *tc = tcase_create("housekeeping");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, g20_a_deleted_parent_leaves_its_children_loadable);
  tcase_add_test(tc, g29_a_collection_leaves_the_live_set_and_a_dry_run_predicts_it);
  tcase_add_test(tc, g29_a_dry_run_counts_what_the_same_run_would_condemn_and_delete);
  tcase_add_test(tc, g29_interrupted_at_every_call_it_is_run_again);
  tcase_add_test(tc, g30_a_listing_that_hides_keys_causes_nothing);
  tcase_add_test(tc, g30_strangers_are_told_and_removed_only_when_asked_for_and_after_a_grace);
  tcase_add_test(tc, g40_what_a_store_below_holds_is_no_stranger);
  tcase_add_test(tc, g40_nothing_is_collected_without_the_marker);
  tcase_add_test(tc, a_store_that_refuses_keeps_the_pack_condemned);
  tcase_add_test(tc, the_policy_keeps_what_it_says);
  tcase_add_test(tc, g24_a_reader_open_during_a_deletion_finishes);
  tcase_add_test(tc, g24_a_reader_whose_pin_lapsed_expires);
  tcase_add_test(tc, g24_a_pin_is_renewed_and_replaced_while_nothing_is_deleted);
  tcase_add_test(tc, g24_a_reader_that_may_not_pin_warns_and_expires);
  tcase_add_test(tc, g24_detections_that_are_read_during_a_deletion_are_all_there_or_expire);
  return suite;
}
CHECKPOINT_CHECK_MAIN(housekeeping);
