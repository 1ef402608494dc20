// SPDX-License-Identifier: LGPL-2.1-or-later
// Reading a checkpoint back: order, bytes, bounds.
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/codec.h"
#include "core/read_plan.h"
#include "support/gate.h"
#include "support/reader_place.h"
// last
#include "support/check.h"

using namespace checkpoint;

GST_START_TEST(reader_gives_back_what_was_stored) {
  ReaderPlace f;
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_caps("a");
  maker.add_caps("b");
  std::vector<size_t> sizes;
  for (uint64_t i = 0; i < 150; i++) {
    // Sizes around the alignment, none at all, and some large ones.
    const size_t bytes = i % 10 == 7 ? 0 : i % 50 == 3 ? 3 << 20 : 60 + i % 9;
    sizes.push_back(bytes);
    MadeFrame frame = frame_at(i, bytes);
    frame.sequence = 10 * i;
    frame.codec = i % 3 == 1 && codec_available(Codec::kZstd)  ? Codec::kZstd
                  : i % 3 == 2 && codec_available(Codec::kLz4) ? Codec::kLz4
                                                               : Codec::kNone;
    frame.flags = static_cast<uint32_t>(i);
    frame.caps = i < 75 ? 0 : 1;
    if (i % 4 == 0) frame.metas = {meta_of(i), meta_of(i + 1)};
    if (i % 25 == 0) maker.add_event("tag", made_payload(i, 5));
    maker.add_frame(frame);
    if (i % 40 == 39) maker.commit();
  }
  maker.add_event("last", made_payload(1, 1));
  const CheckpointRow row = maker.complete();
  ck_assert_uint_eq(row.frames, 150);

  ReaderOptions options;
  options.page = 16;
  CheckpointReader reader(f.stores, row, options);
  auto caps = reader.caps(f.cancel);
  ck_assert(caps.is_ok());
  ck_assert_uint_eq(caps->size(), 2);
  for (uint64_t i = 0; i < 150; i++) {
    if (i % 25 == 0) {
      auto item = reader.next(f.cancel);
      ck_assert(item.is_ok() && std::holds_alternative<ReplayEvent>(*item));
      const EventRow &event = std::get<ReplayEvent>(*item).row;
      ck_assert_uint_eq(event.index, i);
      ck_assert(event.body == made_payload(i, 5));
    }
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert_uint_eq(frame.row.index, i);
    ck_assert_uint_eq(frame.row.sequence, 10 * i);
    ck_assert_uint_eq(frame.row.flags, i);
    ck_assert_uint_eq(frame.row.caps, i < 75 ? 0 : 1);
    ck_assert_uint_eq(frame.offset % 64, 0);
    ck_assert(same_bytes(payload_of(frame), made_payload(i, sizes[i])));
    if (i % 4 == 0) {
      ck_assert_uint_eq(frame.metas.size(), 2);
      ck_assert(frame.metas[0] == meta_of(i) && frame.metas[1] == meta_of(i + 1));
    } else {
      ck_assert(frame.metas.empty());
    }
  }
  auto last = reader.next(f.cancel);
  ck_assert(last.is_ok() && std::holds_alternative<ReplayEvent>(*last));
  ck_assert_uint_eq(std::get<ReplayEvent>(*last).row.index, 150);
  must_be_end(reader.next(f.cancel));
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_ranges_and_reverse) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 50, 100, 7, true);
  ReaderOptions options;
  options.page = 4;
  CheckpointReader reader(f.stores, row, options);
  const auto expect = [&](const ReplayRange &range, std::vector<uint64_t> indexes) {
    reader.seek(range);
    for (uint64_t index : indexes) {
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, index);
      ck_assert(same_bytes(payload_of(frame), made_payload(index, 100)));
      ck_assert(frame.metas.size() == 1 && frame.metas[0] == meta_of(index));
    }
    must_be_end(reader.next(f.cancel));
  };
  expect({47, kNone, false, true}, {47, 48, 49});
  expect({3, 6, false, true}, {3, 4, 5});
  expect({6, 6, false, true}, {});
  expect({50, kNone, false, true}, {});
  expect({900, kNone, false, true}, {});
  expect({3, kNone, true, true}, {3, 2, 1, 0});
  expect({900, 46, true, true}, {49, 48, 47, 46});
  expect({3, 4, true, true}, {});
  std::vector<uint64_t> down;
  for (uint64_t i = 50; i-- > 0;) down.push_back(i);
  expect({49, kNone, true, true}, down);
  // A seek in the middle of reading ahead.
  for (uint64_t i = 0; i < 50; i++) {
    ReplayRange range;
    range.first = (i * 7) % 50;
    reader.seek(range);
    ck_assert_uint_eq(must_be_frame(reader.next(f.cancel)).row.index, range.first);
  }
}
GST_END_TEST

GST_START_TEST(reader_many_events_before_one_frame) {
  ReaderPlace f;
  CheckpointMaker maker(f.stores, "job", "stage");
  for (uint64_t i = 0; i < 3; i++) {
    for (uint64_t e = 0; e < 100; e++) maker.add_event("tag", made_payload(100 * i + e, 8));
    maker.add_frame(frame_at(i, 10));
  }
  const CheckpointRow row = maker.complete();
  ReaderOptions options;
  options.page = 2;
  CheckpointReader reader(f.stores, row, options);
  for (uint64_t i = 0; i < 3; i++) {
    for (uint64_t e = 0; e < 100; e++) {
      auto item = reader.next(f.cancel);
      ck_assert(item.is_ok() && std::holds_alternative<ReplayEvent>(*item));
      const EventRow &event = std::get<ReplayEvent>(*item).row;
      ck_assert_uint_eq(event.ordinal, e);
      ck_assert(event.body == made_payload(100 * i + e, 8));
    }
    ck_assert_uint_eq(must_be_frame(reader.next(f.cancel)).row.index, i);
  }
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_an_empty_checkpoint_is_empty) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 0, 0);
  CheckpointReader reader(f.stores, row, {});
  must_be_end(reader.next(f.cancel));
  ReplayRange back;
  back.reverse = true;
  reader.seek(back);
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(reader_frames_side_by_side_come_in_one_get) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 256, 10'000, kNone, true);
  f.frames->reset_counts();
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t i = 0; i < 256; i++) must_be_frame(reader.next(f.cancel));
  must_be_end(reader.next(f.cancel));
  // 1, 2, 4, … 64 frames at a time: 9 runs, and records apart.
  ck_assert_uint_le(f.frames->calls("get"), 2 * 10);
  ck_assert_uint_eq(reader.stats().gets, f.frames->calls("get"));
  ck_assert_uint_ge(reader.stats().bytes, 256 * 10'000);
}
GST_END_TEST

GST_START_TEST(reader_a_repeated_picture_has_memory_of_its_own) {
  ReaderPlace f;
  CheckpointMaker maker(f.stores, "job", "stage");
  maker.add_frame(frame_at(0, 1000));
  for (uint64_t i = 1; i < 20; i++) maker.add_repeat(frame_at(i, 0), 0);
  const CheckpointRow row = maker.complete();
  CheckpointReader reader(f.stores, row, {});
  std::set<const std::byte *> places;
  std::vector<ReplayFrame> kept;
  for (uint64_t i = 0; i < 20; i++) {
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert(same_bytes(payload_of(frame), made_payload(0, 1000)));
    ck_assert(places.insert(payload_of(frame).data()).second);
    kept.push_back(std::move(frame));
  }
}
GST_END_TEST

GST_START_TEST(reader_plain_objects) {
  ReaderPlace f;
  CheckpointMaker maker(f.stores, "job", "stage", {}, true);
  for (uint64_t i = 0; i < 10; i++) {
    MadeFrame frame = frame_at(i, 500);
    frame.content = i % 2 ? Content::kJpeg : Content::kPng;
    frame.metas = {meta_of(i)};
    maker.add_frame(frame);
  }
  const CheckpointRow row = maker.complete();
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t i = 0; i < 10; i++) {
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert(same_bytes(payload_of(frame), made_payload(i, 500)));
    ck_assert(frame.metas.size() == 1 && frame.metas[0] == meta_of(i));
  }
  must_be_end(reader.next(f.cancel));
}
GST_END_TEST

GST_START_TEST(g07_read_ahead_stays_in_its_bound) {
  ReaderPlace f;
  constexpr size_t kBytes = 10'048;  // a multiple of the alignment: nothing is read between
  const CheckpointRow row = simple(f, 200, kBytes);
  for (uint64_t bound : {uint64_t{1}, uint64_t{3 * kBytes}, uint64_t{50 * kBytes}}) {
    std::atomic<uint64_t> held{0}, most{0};
    f.frames->before("get", [&](const FrameStoreCall &call, Cancellation &) {
      const uint64_t now = held += call.size;
      for (uint64_t m = most; m < now && !most.compare_exchange_weak(m, now);) {
      }
      return Status::ok();
    });
    ReaderOptions options;
    options.read_ahead = bound;
    CheckpointReader reader(f.stores, row, options);
    for (uint64_t i = 0; i < 200; i++) {
      // Handed out in this call, perhaps when the next get begins already.
      held -= kBytes;
      if (i == 0) held += kBytes;
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, i);
    }
    ck_assert_uint_le(most, std::max(bound, uint64_t{kBytes}) + kBytes);
    f.frames->before("get", {});
  }
}
GST_END_TEST

GST_START_TEST(g25_the_first_frame_needs_two_gets) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 300, 2000, 100, true);
  CheckpointReader reader(f.stores, row, {});
  for (uint64_t index : {0, 1, 99, 100, 299, 150}) {
    // Whoever comes third waits for ever: the frame has to come without it.
    auto gate = std::make_shared<Gate>();  // outlives the workers that wait in it
    auto gets = std::make_shared<std::atomic<int>>(0);
    f.frames->before("get", [gate, gets](const FrameStoreCall &, Cancellation &cancel) {
      return ++*gets > 2 ? gate->pass(cancel) : Status::ok();
    });
    const auto at = f.stores->metadata->find_frame_at(
        row.key, index * kReaderFrameTime + kReaderFrameTime / 2, f.cancel);
    ck_assert(at.is_ok() && at->has_value());
    ReplayRange range;
    range.first = **at;
    reader.seek(range);
    ReplayFrame frame = must_be_frame(reader.next(f.cancel));
    ck_assert_uint_eq(frame.row.index, index);
    ck_assert(same_bytes(payload_of(frame), made_payload(index, 2000)));
    ck_assert_uint_eq(frame.metas.size(), 1);
    gate->open();
    reader.seek({0, 0, false, false});
    must_be_end(reader.next(f.cancel));
    f.frames->before("get", {});
  }
}
GST_END_TEST

GST_START_TEST(g26_the_first_frame_costs_the_same_at_any_length) {
  uint64_t rows[2], bytes[2];
  int n = 0;
  for (uint64_t length : {200, 100'000}) {
    ReaderPlace f;
    CheckpointMaker maker(f.stores, "job", "stage");
    maker.add_event("segment", made_payload(0, 100));
    MadeFrame first = frame_at(0, 50'000);
    first.metas = {meta_of(0)};
    maker.add_frame(first);
    for (uint64_t i = 1; i < length; i++) maker.add_repeat(frame_at(i, 0), 0);
    const CheckpointRow row = maker.complete();
    ck_assert_uint_eq(row.frames, length);

    Gate gate;
    std::atomic<int> gets{0};
    f.frames->before("get", [&](const FrameStoreCall &, Cancellation &cancel) {
      return ++gets > 2 ? gate.pass(cancel) : Status::ok();
    });
    CheckpointReader reader(f.stores, row, {});
    ck_assert(std::holds_alternative<ReplayEvent>(*reader.next(f.cancel)));
    must_be_frame(reader.next(f.cancel));
    gate.wait_for_arrivals();
    rows[n] = reader.stats().rows;
    bytes[n] = reader.stats().bytes;
    n++;
  }
  ck_assert_uint_eq(rows[0], rows[1]);
  ck_assert_uint_eq(bytes[0], bytes[1]);
  ck_assert_uint_le(bytes[0], 51'000);
}
GST_END_TEST

GST_START_TEST(g28_interrupting_returns_while_the_store_is_blocked) {
  for (const char *call : {"get", "read_frames", "read_events", "get_packs"}) {
    ReaderPlace f;
    const CheckpointRow row = simple(f, 20, 3000, kNone, true);
    Gate gate;
    if (std::string(call) == "get")
      f.frames->before(call, [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
    else
      f.metadata->before(call, [&](Cancellation &c) { return gate.pass(c); });
    CheckpointReader reader(f.stores, row, {});
    Cancellation interrupt;
    std::thread other([&] {
      gate.wait_for_arrivals();
      interrupt.cancel();
    });
    ck_assert(reader.next(interrupt).status().is(Code::kCancelled));
    ck_assert(reader.next(interrupt).status().is(Code::kCancelled));
    other.join();
    // Nothing is lost by it.
    gate.open();
    for (uint64_t i = 0; i < 20; i++) {
      ReplayFrame frame = must_be_frame(reader.next(f.cancel));
      ck_assert_uint_eq(frame.row.index, i);
      ck_assert(same_bytes(payload_of(frame), made_payload(i, 3000)));
    }
    must_be_end(reader.next(f.cancel));
  }
}
GST_END_TEST

GST_START_TEST(g28_a_reader_goes_away_while_the_store_is_blocked) {
  ReaderPlace f;
  const CheckpointRow row = simple(f, 20, 3000);
  Gate gate;
  f.frames->before("get", [&](const FrameStoreCall &, Cancellation &c) { return gate.pass(c); });
  {
    CheckpointReader reader(f.stores, row, {});
    reader.seek({});
    gate.wait_for_arrivals(1);
    // A seek drops what waits and begins anew.
    reader.seek({});
    gate.wait_for_arrivals(2);
  }
}
GST_END_TEST

GST_START_TEST(plan_joins_what_lies_side_by_side) {
  std::vector<FrameRow> rows(6);
  const auto place = [&](size_t i, PackKey pack, uint64_t offset, uint64_t length) {
    rows[i].index = i;
    rows[i].payload.pack = pack;
    rows[i].payload.offset = offset;
    rows[i].payload.length = length;
  };
  place(0, 1, 1024, 1000);
  place(1, 1, 2048, 1000);            // next to it
  place(2, 1, 64 * 1024 + 3008, 64);  // a small gap
  place(3, 1, 1 << 20, 64);           // a large one
  place(4, 2, 2 << 20, 64);           // another pack
  place(5, 2, (2 << 20) + 96, 64);    // not aligned with the one before
  std::vector<PlannedFrame> run;
  for (auto &row : rows) run.push_back({&row, true, false, false});
  auto fetches = plan_fetches(run);
  ck_assert_uint_eq(fetches.size(), 4);
  ck_assert(fetches[0].frames == std::vector<size_t>({0, 1, 2}));
  ck_assert_uint_eq(fetches[0].offset, 1024);
  ck_assert_uint_eq(fetches[0].length, 64 * 1024 + 3008 + 64 - 1024);
  // Backwards is the same bytes.
  std::vector<PlannedFrame> back(run.rbegin(), run.rend());
  auto reverse = plan_fetches(back);
  ck_assert_uint_eq(reverse.size(), 4);
  ck_assert(reverse[3].frames == std::vector<size_t>({3, 4, 5}));
  ck_assert_uint_eq(reverse[3].offset, fetches[0].offset);
  ck_assert_uint_eq(reverse[3].length, fetches[0].length);
  // Never more than the bound, unless one frame is.
  for (size_t i = 0; i < 6; i++) place(i, 1, i * (1 << 20), 1 << 20);
  for (auto &fetch : plan_fetches(run)) ck_assert_uint_le(fetch.length, kFetchBytes);
  place(0, 1, 0, 9 << 20);
  ck_assert_uint_eq(plan_fetches(run)[0].length, 9 << 20);
}
GST_END_TEST

static Suite *reader_suite() {
  Suite *suite = suite_create("reader");
  TCase *tc = tcase_create("reader");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, reader_gives_back_what_was_stored);
  tcase_add_test(tc, reader_ranges_and_reverse);
  tcase_add_test(tc, reader_many_events_before_one_frame);
  tcase_add_test(tc, reader_an_empty_checkpoint_is_empty);
  tcase_add_test(tc, reader_frames_side_by_side_come_in_one_get);
  tcase_add_test(tc, reader_a_repeated_picture_has_memory_of_its_own);
  tcase_add_test(tc, reader_plain_objects);
  tcase_add_test(tc, g07_read_ahead_stays_in_its_bound);
  tcase_add_test(tc, g25_the_first_frame_needs_two_gets);
  tcase_add_test(tc, g26_the_first_frame_costs_the_same_at_any_length);
  tcase_add_test(tc, g28_interrupting_returns_while_the_store_is_blocked);
  tcase_add_test(tc, g28_a_reader_goes_away_while_the_store_is_blocked);
  tcase_add_test(tc, plan_joins_what_lies_side_by_side);
  return suite;
}

GST_CHECK_MAIN(reader);
